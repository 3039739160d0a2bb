//! What the client is told of how the cache dealt with its request: Cache-Status (RFC 9211) and X-Cache.

use std::fmt::Write;

/// How the cache dealt with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheStatus {
    /// Answered with a stored response.
    Hit {
        /// How long it stays fresh, in seconds; negative once it is stale (RFC 9211 §2.4).
        ttl_seconds: i64,
    },
    /// Forwarded to the origin.
    Forward {
        /// Why.
        reason: Forward,
        /// The status that the origin answered with, where it is not the answer's own (RFC 9211 §2.3).
        status: Option<u16>,
        /// Whether the answer is stored (RFC 9211 §2.5).
        stored: bool,
        /// A token that says more, as `BypassReason::as_str` and `NotStored::as_str` give it (RFC 9211 §2.8).
        detail: Option<&'static str>,
    },
}

/// Why a request went forward to the origin (RFC 9211 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// The cache was told not to handle it.
    Bypass,
    /// Its method requires it.
    Method,
    /// Nothing is stored for its URI.
    UriMiss,
    /// Something is stored for its URI, but not for its variant.
    VaryMiss,
    /// Nothing is stored for its key; whether another variant is, the cache does not know.
    Miss,
    /// What is stored is fresh, but the request's directives rule it out.
    Request,
    /// What is stored is stale.
    Stale,
    /// What is stored is a part only.
    Partial,
}

impl Forward {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Miss => "miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}

impl CacheStatus {
    /// Replaces what is in `value` with the value of Cache-Status: `slipstream; hit; ttl=123`.
    pub fn write(&self, value: &mut String) {
        value.clear();
        value.push_str("slipstream; ");
        match *self {
            Self::Hit { ttl_seconds } => {
                // Writing to a String cannot fail.
                let _ = write!(value, "hit; ttl={ttl_seconds}");
            }
            Self::Forward { reason, status, stored, detail } => {
                value.push_str("fwd=");
                value.push_str(reason.as_str());
                if let Some(status) = status {
                    let _ = write!(value, "; fwd-status={status}");
                }
                if stored {
                    value.push_str("; stored");
                }
                if let Some(detail) = detail {
                    value.push_str("; detail=");
                    value.push_str(detail);
                }
            }
        }
    }

    /// The value of X-Cache, for people.
    pub const fn x_cache(&self) -> &'static str {
        match self {
            Self::Hit { ttl_seconds: ..0 } => "STALE",
            Self::Hit { .. } => "HIT",
            Self::Forward { reason: Forward::Bypass | Forward::Method, .. } => "BYPASS",
            Self::Forward { .. } => "MISS",
        }
    }
}
