//! Which fields of a response are stored with it (RFC 9111 §3.1).

use http_semantics::{Fields, list};

use crate::directives::Directives;
use crate::{Policy, RoutePolicy};

/// The fields of `response` to store: those that speak of the response, not of this connection or of this answer.
///
/// Left out are hop-by-hop fields and what Connection lists (RFC 9110 §7.6.1), pseudo fields, Content-Length (known again
/// from the body), what a cache or Envoy writes anew for each answer, what `no-cache` or `private` name (RFC 9111 §5.2.2),
/// and Set-Cookie, unless the route stores it.
pub fn stored_fields<'a, F: Fields + ?Sized>(
    response: &'a F,
    policy: &Policy,
    route: &RoutePolicy,
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    let directives = Directives::of_response(response, policy);
    let keeps_cookies = route.storing.set_cookie;
    response.iter().filter(move |(name, _)| {
        !is_among(name, &TRANSIENT, &TRANSIENT_PREFIXES)
            && (keeps_cookies || !name.eq_ignore_ascii_case(b"set-cookie"))
            && !directives.withhold(name)
            && !list::members(response, "connection").any(|listed| listed.eq_ignore_ascii_case(name))
    })
}

/// Whether a field's name is one of `names`, or begins with one of `prefixes`.
pub(crate) fn is_among(name: &[u8], names: &[&str], prefixes: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        || prefixes.iter().any(|prefix| {
            name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        })
}

const TRANSIENT: [&str; 10] = [
    "age",
    "cache-status",
    "connection",
    "content-length",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-cache",
];

const TRANSIENT_PREFIXES: [&str; 3] = [":", "proxy-", "x-envoy-"];
