//! What a stored response is worth once it is no longer fresh (RFC 9111 §4.2.4, §4.3; RFC 5861).

use http_semantics::{
    CacheControl, EntityTag, Fields,
    cache_control::{MaxStale, Scope},
    date,
};

use crate::directives::Directives;
use crate::stored_fields::{is_among, stored_fields};
use crate::{Policy, RoutePolicy};

/// The request fields that ask the origin whether a stored response is still good, with their values (RFC 9111 §4.3.1).
/// None if the response has nothing to be told by.
pub fn validators(stored: &(impl Fields + ?Sized)) -> Vec<(&'static str, &[u8])> {
    let tag = stored.first("etag").map(|tag| ("if-none-match", tag));
    let modified = stored.first("last-modified").filter(|modified| date::parse(modified).is_some());
    tag.into_iter().chain(modified.map(|modified| ("if-modified-since", modified))).collect()
}

/// How long past its lifetime a response may be served, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// When its origin fails (RFC 5861 §4).
    pub if_error: u64,
    /// While it is refreshed (RFC 5861 §3).
    pub while_revalidate: u64,
    /// To clients that ask for it (`max-stale`, RFC 9111 §5.2.1.2).
    pub max_stale: u64,
}

impl Windows {
    /// The windows of a stored response. One that has to be validated has none, whatever the route says (RFC 9111 §4.2.4);
    /// where only `s-maxage` asks for that, a window that the response itself names is a later word, and holds.
    pub fn of(stored: &(impl Fields + ?Sized), policy: &Policy, route: &RoutePolicy) -> Self {
        let directives = Directives::of_response(stored, policy);
        let cache_control = &directives.cache_control;
        let must_be_validated = directives.must_be_validated();
        let is_strict = cache_control.must_revalidate
            || cache_control.proxy_revalidate
            || cache_control.no_cache == Scope::Whole;
        let window = |named: Option<u64>, by_default: Option<u64>| match named {
            Some(seconds) if !is_strict => seconds,
            None if !must_be_validated => by_default.unwrap_or(0),
            _ => 0,
        };
        let lifetimes = &route.lifetimes;
        Self {
            if_error: window(cache_control.stale_if_error, lifetimes.stale_if_error_seconds),
            while_revalidate: window(
                cache_control.stale_while_revalidate,
                lifetimes.stale_while_revalidate_seconds,
            ),
            max_stale: if must_be_validated { 0 } else { u64::MAX },
        }
    }

    /// How long a response is worth keeping after it has become stale, in milliseconds: to be validated, or to be served.
    pub fn keep_ms(&self, stored: &(impl Fields + ?Sized), route: &RoutePolicy) -> u64 {
        let limit = route.lifetimes.keep_stale_seconds;
        let served = self.if_error.max(self.while_revalidate).min(limit);
        let seconds = if validators(stored).is_empty() { served } else { limit };
        seconds.saturating_mul(1000)
    }

    /// Whether a response that became stale `stale_ms` ago may be served because its origin fails.
    pub const fn allow_on_error(&self, stale_ms: u64) -> bool {
        stale_ms < self.if_error.saturating_mul(1000)
    }

    /// Whether it may be served while it is refreshed.
    pub const fn allow_while_revalidating(&self, stale_ms: u64) -> bool {
        stale_ms < self.while_revalidate.saturating_mul(1000)
    }

    /// Whether it may be served because the request's directives say so.
    pub fn allow_for(&self, request: &CacheControl, stale_ms: u64) -> bool {
        let wanted = match request.max_stale {
            None => return false,
            Some(MaxStale::Any) => u64::MAX,
            Some(MaxStale::Seconds(seconds)) => seconds,
        };
        stale_ms <= wanted.min(self.max_stale).saturating_mul(1000) && self.max_stale > 0
    }
}

/// Whether a status says that the origin fails (RFC 5861 §4).
pub const fn is_failure(status: u16) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
}

/// The fields of a stored response, updated by a 304 (RFC 9111 §3.2): its fields take the place of those stored, but for
/// those that say how the content is written, which is still the stored one, and its entity tag with it.
pub fn freshened<'a>(
    stored: &'a (impl Fields + ?Sized),
    not_modified: &'a (impl Fields + ?Sized),
    policy: &Policy,
    route: &RoutePolicy,
) -> Vec<(&'a [u8], &'a [u8])> {
    let updates: Vec<_> =
        stored_fields(not_modified, policy, route).filter(|(name, _)| !is_about_bytes(name)).collect();
    let is_updated = |name: &[u8]| updates.iter().any(|(updated, _)| updated.eq_ignore_ascii_case(name));
    let mut fields: Vec<_> = stored.iter().filter(|(name, _)| !is_updated(name)).collect();
    fields.extend(updates);
    // What either of them names may stand in the other.
    let directives = Directives::of_response(&fields, policy);
    fields.retain(|(name, _)| !directives.withhold(name));
    fields
}

/// Whether a 304 is about the stored response that its origin was asked for (RFC 9111 §4.3.4): it has no strong entity tag,
/// or that of the stored one. Ours may be weak, because its content was compressed on the way here.
pub fn is_about(stored: &(impl Fields + ?Sized), not_modified: &(impl Fields + ?Sized)) -> bool {
    let tag = not_modified.first("etag").and_then(EntityTag::parse).filter(|tag| !tag.weak);
    let stored = stored.first("etag").and_then(EntityTag::parse);
    tag.is_none_or(|tag| stored.is_some_and(|stored| stored.weak_eq(tag)))
}

/// Whether the response to a HEAD is about the representation that is stored, so that its fields may update it
/// (RFC 9111 §4.3.5): each of the fields that tell representations apart is the same or not there.
pub fn is_same_representation(
    stored: &(impl Fields + ?Sized),
    stored_bytes: u64,
    head: &(impl Fields + ?Sized),
) -> bool {
    let same = |name| head.first(name).is_none_or(|value| stored.first(name) == Some(value));
    let length = head.first("content-length");
    same("etag")
        && same("last-modified")
        && length.is_none_or(|length| length == stored_bytes.to_string().as_bytes())
}

fn is_about_bytes(name: &[u8]) -> bool {
    const NAMES: [&str; 9] = [
        "content-digest",
        "content-encoding",
        "content-md5",
        "content-range",
        "etag",
        "repr-digest",
        "vary",
        "x-compression-ratio",
        "x-original-size",
    ];
    is_among(name, &NAMES, &[])
}
