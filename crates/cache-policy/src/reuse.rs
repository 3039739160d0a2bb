//! Whether a stored response may be used without asking its origin (RFC 9111 §4.2).

use http_semantics::CacheControl;

/// The times of a stored response, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When it arrived, by the clock that tells how late it is now.
    pub response_time_ms: u64,
    /// How old it already was then.
    pub initial_age_ms: u64,
    /// How long it is fresh, counted from when its origin made it.
    pub freshness_lifetime_ms: u64,
}

/// How far the clocks of those that store and those that use a response may differ.
const SKEW_MS: u64 = 1_000;
/// What an Age says that is too large to tell (RFC 9111 §1.2.2).
const UNKNOWN_AGE_MS: u64 = (1 << 31) * 1_000;

impl Times {
    /// How old the response is (RFC 9111 §4.2.3). Where it was stored in what is the future here, a clock is wrong, and nobody knows:
    /// it counts as older than anything, for it would not grow any older until then.
    pub fn age_ms(&self, now_ms: u64) -> u64 {
        if self.response_time_ms > now_ms.saturating_add(SKEW_MS) {
            return UNKNOWN_AGE_MS;
        }
        let resident_ms = now_ms.saturating_sub(self.response_time_ms);
        self.initial_age_ms.saturating_add(resident_ms)
    }

    /// How long ago it became stale; 0 if it is fresh.
    pub fn stale_ms(&self, now_ms: u64) -> u64 {
        self.age_ms(now_ms).saturating_sub(self.freshness_lifetime_ms)
    }
}

/// What a stored response is worth to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// It answers the request.
    Fresh {
        /// The value of the Age field, in seconds.
        age_seconds: u64,
        /// How long it stays fresh, in seconds, rounded down.
        ttl_seconds: u64,
    },
    /// It is fresh, but older than the client takes, or not fresh for long enough (RFC 9111 §5.2.1).
    Unwanted,
    /// Its lifetime has passed.
    Stale,
}

/// Judges a stored response by its age and by the directives of the request.
pub fn decide(times: &Times, request: &CacheControl, now_ms: u64) -> Reuse {
    let age_ms = times.age_ms(now_ms);
    let ttl_ms = times.freshness_lifetime_ms.saturating_sub(age_ms);
    if ttl_ms == 0 {
        return Reuse::Stale;
    }
    let too_old = request.max_age.is_some_and(|max_age| age_ms > max_age.saturating_mul(1000));
    let too_short = request.min_fresh.is_some_and(|min_fresh| ttl_ms < min_fresh.saturating_mul(1000));
    if too_old || too_short {
        return Reuse::Unwanted;
    }
    Reuse::Fresh { age_seconds: age_ms / 1000, ttl_seconds: ttl_ms / 1000 }
}
