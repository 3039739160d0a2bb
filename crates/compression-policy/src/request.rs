//! What a request says about compression.

use crate::{Coding, Codings, OPT_OUT};
use http_semantics::{CacheControl, Fields};

/// The facts of a request that a decision needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method is HEAD: the response has no body.
    pub head: bool,
    /// What was negotiated.
    pub coding: Coding,
    /// The client opted out by [`OPT_OUT`].
    pub opted_out: bool,
    /// The client wants what the service sent, by `Cache-Control: no-transform` (RFC 9111 §5.2.1.6).
    pub no_transform: bool,
}

impl Request {
    /// Reads a request to which these codings are on offer.
    pub fn parse(method: &[u8], fields: &(impl Fields + ?Sized), codings: &Codings) -> Request {
        Request {
            head: method == b"HEAD",
            coding: Coding::of_request(fields, codings),
            opted_out: fields.contains(OPT_OUT),
            no_transform: CacheControl::parse(fields).no_transform,
        }
    }
}
