//! Conditional requests that a stored 200 answers (RFC 9111 §4.3.2, RFC 9110 §13.2.2).

use http_semantics::{
    EntityTag, Fields, date,
    etag::{IfNoneMatch, if_none_match},
};

/// Whether a request asks for a 304 at all.
pub fn is_conditional(request: &(impl Fields + ?Sized)) -> bool {
    request.contains("if-none-match") || request.contains("if-modified-since")
}

/// Whether a GET or HEAD is answered with 304 in place of the fresh 200 stored for it.
///
/// If-None-Match comes first, and If-Modified-Since counts only without it. A response that does not say when it was last
/// modified was, for all we know, when it was made.
pub fn not_modified(request: &(impl Fields + ?Sized), stored: &(impl Fields + ?Sized)) -> bool {
    let etag = stored.first("etag").and_then(EntityTag::parse);
    match if_none_match(request, etag) {
        IfNoneMatch::Matched => true,
        IfNoneMatch::Unmatched => false,
        IfNoneMatch::Absent => {
            let since = request.first("if-modified-since").and_then(date::parse);
            let modified =
                stored.first("last-modified").or_else(|| stored.first("date")).and_then(date::parse);
            matches!((modified, since), (Some(modified), Some(since)) if modified <= since)
        }
    }
}
