//! What a stored response is worth once it is no longer fresh (RFC 9111 §4.2.4, §4.3; RFC 5861).

use http_semantics::{CacheControl, Fields, date};

use crate::stored_fields::{is_among, stored_fields};
use crate::{Policy, RoutePolicy};

/// The request fields that ask the origin whether a stored response is still good, with their values (RFC 9111 §4.3.1).
/// None if the response has nothing to be told by.
pub fn validators(stored: &(impl Fields + ?Sized)) -> Vec<(&'static str, &[u8])> {
    let tag = stored.first("etag").map(|tag| ("if-none-match", tag));
    let modified = stored.first("last-modified").filter(|modified| date::parse(modified).is_some());
    tag.into_iter().chain(modified.map(|modified| ("if-modified-since", modified))).collect()
}

/// How long a response is worth keeping after it has become stale, in milliseconds: to be validated, or to be served
/// when its origin fails.
pub fn keep_ms(stored: &(impl Fields + ?Sized), policy: &Policy, route: &RoutePolicy) -> u64 {
    let seconds = if validators(stored).is_empty() {
        on_error_seconds(stored, route).min(policy.keep_stale_seconds)
    } else {
        policy.keep_stale_seconds
    };
    seconds.saturating_mul(1000)
}

/// Whether a response that became stale `stale_ms` ago may be served because its origin fails (RFC 5861 §4). A response
/// that has to be validated may not, whatever the route says (RFC 9111 §4.2.4).
pub fn may_serve_on_error(stored: &(impl Fields + ?Sized), route: &RoutePolicy, stale_ms: u64) -> bool {
    stale_ms < on_error_seconds(stored, route).saturating_mul(1000)
}

/// Whether a status says that the origin fails (RFC 5861 §4).
pub const fn is_failure(status: u16) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
}

fn on_error_seconds(stored: &(impl Fields + ?Sized), route: &RoutePolicy) -> u64 {
    let directives = CacheControl::parse(stored);
    // s-maxage implies proxy-revalidate (RFC 9111 §5.2.2.10).
    let must_be_validated = directives.must_revalidate
        || directives.proxy_revalidate
        || directives.no_cache.is_present()
        || directives.s_maxage.is_some();
    if must_be_validated {
        return 0;
    }
    directives.stale_if_error.or(route.stale_if_error_seconds).unwrap_or(0)
}

/// The fields of a stored response, updated by a 304 (RFC 9111 §3.2): its fields take the place of those stored, but for
/// those that describe the content, which is still the stored one, and its entity tag with it.
pub fn freshened<'a>(
    stored: &'a (impl Fields + ?Sized),
    not_modified: &'a (impl Fields + ?Sized),
) -> Vec<(&'a [u8], &'a [u8])> {
    let updates: Vec<_> = stored_fields(not_modified).filter(|(name, _)| !is_about_content(name)).collect();
    let is_updated = |name: &[u8]| updates.iter().any(|(updated, _)| updated.eq_ignore_ascii_case(name));
    let mut fields: Vec<_> = stored.iter().filter(|(name, _)| !is_updated(name)).collect();
    fields.extend(updates);
    fields
}

fn is_about_content(name: &[u8]) -> bool {
    is_among(name, &["etag", "vary", "x-compression-ratio", "x-original-size"], &["content-"])
}
