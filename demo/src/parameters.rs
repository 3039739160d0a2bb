//! Query parameters.

use crate::error::Error;

/// The parameters of a request; those that nobody asks for mean nothing, and of a repeated one the last counts.
#[derive(Debug)]
pub struct Parameters<'a>(&'a [(String, String)]);

impl<'a> Parameters<'a> {
    /// Refuses what PostgreSQL's text cannot hold.
    pub fn new(parameters: &'a [(String, String)]) -> Result<Parameters<'a>, Error> {
        if let Some((name, _)) = parameters.iter().find(|(_, value)| value.contains('\0')) {
            return Err(Error::malformed(name, "must not contain a NUL character"));
        }
        Ok(Parameters(parameters))
    }

    /// The value of a parameter that is there and not empty.
    pub fn text(&self, name: &str) -> Option<String> {
        let found = self.0.iter().rev().find(|(own, _)| own == name);
        found.map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// One of some values.
    pub fn one_of(&self, name: &str, allowed: &[&str]) -> Result<Option<String>, Error> {
        match self.text(name) {
            Some(value) if !allowed.contains(&value.as_str()) => {
                Err(Error::malformed(name, format!("{value:?} is not one of {}", allowed.join(", "))))
            }
            value => Ok(value),
        }
    }

    /// A whole number from 1.
    pub fn number(&self, name: &str, largest: i64) -> Result<Option<i64>, Error> {
        let Some(value) = self.text(name) else { return Ok(None) };
        match value.parse() {
            Ok(number) if (1..=largest).contains(&number) => Ok(Some(number)),
            _ => Err(Error::malformed(name, format!("{value:?} is not a whole number from 1 to {largest}"))),
        }
    }
}
