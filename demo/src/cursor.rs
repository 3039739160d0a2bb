//! Where a page ends, so that the next one begins there however deep it is.

use std::fmt;

use crate::error::Error;
use crate::parameters::Parameters;

/// The time and the number of a page's last row; written `MICROSECONDS-ID`, from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The row's time, in microseconds since 1970.
    pub micros: i64,
    /// The row's number.
    pub id: i64,
}

impl Cursor {
    /// Reads the parameter `after`.
    pub fn from_parameters(parameters: &Parameters<'_>) -> Result<Option<Cursor>, Error> {
        let Some(text) = parameters.text("after") else { return Ok(None) };
        let cursor = text.split_once('-').and_then(|(micros, id)| {
            // Larger ones are no time that PostgreSQL knows.
            let micros = micros.parse().ok().filter(|micros| (0..=9_000_000_000_000_000).contains(micros))?;
            Some(Cursor { micros, id: id.parse().ok()? })
        });
        cursor.map(Some).ok_or_else(|| {
            Error::malformed("after", format!("{text:?} is not what `next` of another page says"))
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.micros, self.id)
    }
}
