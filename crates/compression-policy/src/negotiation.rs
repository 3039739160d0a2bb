//! Which form of a resource a request gets. Whoever compresses and whoever keeps what was compressed ask here, so that a
//! stored response is always one that the client would have been sent.

use crate::OPT_OUT;
use http_semantics::{AcceptEncoding, CacheControl, ContentCoding, Fields};
use std::fmt;

/// Which form of a resource a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// The resource as it is: the client accepts none of the codings, or likes identity better (RFC 9110 §12.5.3).
    Identity,
    /// The resource as it is: the client opted out by [`OPT_OUT`], or by `Cache-Control: no-transform` (RFC 9111 §5.2.1.6).
    NoCompression,
    /// Compressed.
    Encoded(ContentCoding),
}

impl Coding {
    /// What a request asks for.
    pub fn of_request(fields: &(impl Fields + ?Sized), codings: &Codings) -> Self {
        if fields.contains(OPT_OUT) || CacheControl::parse(fields).no_transform {
            return Self::NoCompression;
        }
        AcceptEncoding::parse(fields).choose(&codings.0).map_or(Self::Identity, Self::Encoded)
    }

    /// The coding's name in keys: `gzip`, `identity`, `no-compression`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::NoCompression => "no-compression",
            Self::Encoded(coding) => coding.as_str(),
        }
    }
}

/// The codings that are on offer, the most preferred first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codings(Vec<ContentCoding>);

/// zstd costs no more than gzip, and less for long bodies. br is smaller than both, but takes three times as long.
impl Default for Codings {
    fn default() -> Self {
        use ContentCoding::{Br, Deflate, Gzip, Zstd};
        Codings(vec![Zstd, Gzip, Br, Deflate])
    }
}

impl Codings {
    /// Reads names.
    pub fn parse<S: AsRef<str>>(names: &[S]) -> Result<Codings, InvalidCodings> {
        let mut codings: Vec<ContentCoding> = Vec::new();
        for (index, name) in names.iter().map(AsRef::as_ref).enumerate() {
            let invalid = |problem| InvalidCodings { index: Some(index), problem };
            let coding = ContentCoding::ALL.into_iter().find(|coding| coding.as_str() == name);
            let coding = coding.ok_or_else(|| invalid(format!("`{name}`: expected {}", list())))?;
            if codings.contains(&coding) {
                return Err(invalid(format!("`{name}` stands there twice")));
            }
            codings.push(coding);
        }
        if codings.is_empty() {
            return Err(InvalidCodings {
                index: None,
                problem: format!("expected one of {} at least", list()),
            });
        }
        Ok(Codings(codings))
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = ContentCoding> {
        self.0.iter().copied()
    }
}

fn list() -> String {
    ContentCoding::ALL.map(ContentCoding::as_str).join(", ")
}

/// A list of codings that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidCodings {
    /// Which of the list, from 0; none for the list itself.
    pub index: Option<usize>,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for InvalidCodings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for InvalidCodings {}

impl InvalidCodings {
    /// Where in the configuration, the list being `field`: `codings[1]`.
    pub fn path(&self, field: &str) -> String {
        self.index.map_or_else(|| field.to_owned(), |index| format!("{field}[{index}]"))
    }
}
