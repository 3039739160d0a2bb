//! What goes wrong between here and the server.

use std::fmt;

/// The server refused, or did not answer.
#[derive(Debug)]
pub struct Error {
    doing: String,
    source: tokio_postgres::Error,
}

impl Error {
    /// Names what was being done.
    pub(crate) fn new(doing: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| Self { doing: doing.into(), source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source.as_db_error() {
            Some(error) => write!(f, "{}: {}", self.doing, error.message()),
            None => write!(f, "{}: {}", self.doing, self.source),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
