//! Vary: which request fields a response was chosen by (RFC 9110 §12.5.5).

use crate::{Fields, list};

/// The Vary field of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vary {
    /// `*`: chosen by more than the request's fields, so no request matches it.
    Any,
    /// The names listed, in lower case; none if the field is not there.
    Names(Vec<String>),
}

impl Vary {
    /// Reads all Vary lines of a response.
    pub fn parse(fields: &(impl Fields + ?Sized)) -> Self {
        let mut names = Vec::new();
        for name in list::members(fields, "vary") {
            if name == b"*" {
                return Self::Any;
            }
            names.push(String::from_utf8_lossy(name).to_ascii_lowercase());
        }
        Self::Names(names)
    }
}
