//! What a request says about compression.

use crate::OPT_OUT;
use http_semantics::{AcceptEncoding, CacheControl, Fields};

/// The facts of a request that a decision needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method is HEAD: the response has no body.
    pub head: bool,
    /// The client can decode gzip, and does not like identity better (RFC 9110 §12.5.3).
    pub accepts_gzip: bool,
    /// The client opted out by [`OPT_OUT`].
    pub opted_out: bool,
    /// The client wants what the service sent, by `Cache-Control: no-transform` (RFC 9111 §5.2.1.6).
    pub no_transform: bool,
}

impl Request {
    /// Reads a request.
    pub fn parse(method: &[u8], fields: &(impl Fields + ?Sized)) -> Request {
        Request {
            head: method == b"HEAD",
            accepts_gzip: AcceptEncoding::parse(fields).prefers_gzip(),
            opted_out: fields.contains(OPT_OUT),
            no_transform: CacheControl::parse(fields).no_transform,
        }
    }
}
