//! Whose word counts on a response: that of a field targeted at this cache, or Cache-Control and Expires (RFC 9213).

use http_semantics::{CacheControl, Fields, date};

use crate::Policy;

/// What a response says of its being cached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directives {
    /// The directives that count.
    pub cache_control: CacheControl,
    /// Whether they came in a targeted field, so that Expires does not count (RFC 9213 §2.2).
    pub is_targeted: bool,
}

impl Directives {
    /// The first of the targeted fields that is there and parses, or Cache-Control.
    pub fn of_response(response: &(impl Fields + ?Sized), policy: &Policy) -> Self {
        let targeted =
            policy.targeted_fields.iter().find_map(|name| CacheControl::parse_targeted(response, name));
        let is_targeted = targeted.is_some();
        let cache_control = targeted.unwrap_or_else(|| CacheControl::parse(response));
        Self { cache_control, is_targeted }
    }

    /// The lifetime that the response gives itself, in seconds (RFC 9111 §4.2.1). `date` is when it was made, in Unix
    /// seconds.
    pub(crate) fn lifetime(&self, response: &(impl Fields + ?Sized), date: u64) -> Option<u64> {
        let by_expires = || {
            // What is not a date lies in the past (RFC 9111 §5.3).
            let expires = |value| date::parse(value).unwrap_or(0).saturating_sub(date);
            response.values("expires").map(expires).min().filter(|_| !self.is_targeted)
        };
        self.cache_control.s_maxage.or(self.cache_control.max_age).or_else(by_expires)
    }

    /// Whether `no-cache` or `private` name this field, so that it is not stored (RFC 9111 §5.2.2.4, §5.2.2.7).
    pub(crate) fn withhold(&self, name: &[u8]) -> bool {
        let Self { cache_control: CacheControl { no_cache, private, .. }, .. } = self;
        let mut named = no_cache.fields().iter().chain(private.fields());
        named.any(|named| name.eq_ignore_ascii_case(named.as_bytes()))
    }

    /// Whether a stale response may not be used without asking its origin (RFC 9111 §4.2.4).
    pub(crate) fn must_be_validated(&self) -> bool {
        let directives = &self.cache_control;
        directives.must_revalidate
            || directives.proxy_revalidate
            || directives.no_cache == http_semantics::cache_control::Scope::Whole
            // s-maxage implies proxy-revalidate (RFC 9111 §5.2.2.10).
            || directives.s_maxage.is_some()
    }
}
