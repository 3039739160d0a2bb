//! Which fields of a response are stored with it (RFC 9111 §3.1).

use http_semantics::{Fields, list};

/// The fields of `response` to store: those that speak of the response, not of this connection or of this answer.
///
/// Left out are hop-by-hop fields and what Connection lists (RFC 9110 §7.6.1), pseudo fields, Set-Cookie, Content-Length
/// (known again from the body), and what a cache or Envoy writes anew for each answer.
pub fn stored_fields<F: Fields + ?Sized>(response: &F) -> impl Iterator<Item = (&[u8], &[u8])> {
    response.iter().filter(|(name, _)| {
        !is_transient(name)
            && !list::members(response, "connection").any(|listed| listed.eq_ignore_ascii_case(name))
    })
}

fn is_transient(name: &[u8]) -> bool {
    is_among(name, &TRANSIENT, &TRANSIENT_PREFIXES)
}

/// Whether a field's name is one of `names`, or begins with one of `prefixes`.
pub(crate) fn is_among(name: &[u8], names: &[&str], prefixes: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        || prefixes.iter().any(|prefix| {
            name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        })
}

const TRANSIENT: [&str; 11] = [
    "age",
    "cache-status",
    "connection",
    "content-length",
    "keep-alive",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-cache",
];

const TRANSIENT_PREFIXES: [&str; 3] = [":", "proxy-", "x-envoy-"];
