//! Conditions on a request or a response, under which a route bypasses the cache or does not store.

use http_semantics::{Fields, cookie};

use crate::key;

/// Something that a request or a response may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it is.
    pub part: Part,
    /// The value it must have; none: any.
    pub value: Option<String>,
}

/// Where a condition looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A field of the request.
    Header(String),
    /// A cookie of the request.
    Cookie(String),
    /// A parameter of the request's query.
    Query(String),
    /// A field of the response.
    ResponseHeader(String),
}

impl Condition {
    /// Whether a request, and its response where there is one, has what the condition looks for.
    pub fn holds(&self, request: &(impl Fields + ?Sized), response: Option<&(impl Fields + ?Sized)>) -> bool {
        let is_it = |value: &[u8]| self.value.as_ref().is_none_or(|expected| expected.as_bytes() == value);
        match &self.part {
            Part::Header(name) => request.values(name).any(is_it),
            Part::Cookie(name) => cookie::value(request, name).is_some_and(is_it),
            Part::Query(name) => {
                let target = request.first(":path").unwrap_or_default();
                key::query_values(target, name).any(is_it)
            }
            Part::ResponseHeader(name) => response.is_some_and(|response| response.values(name).any(is_it)),
        }
    }

    /// The name of the request field that it reads, beside the target.
    pub(crate) fn request_field(&self) -> Option<&str> {
        match &self.part {
            Part::Header(name) => Some(name),
            Part::Cookie(_) => Some("cookie"),
            Part::Query(_) | Part::ResponseHeader(_) => None,
        }
    }
}
