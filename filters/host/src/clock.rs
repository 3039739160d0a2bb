//! The host's clock.

use crate::abi;

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> u64 {
    abi::now_ns() / 1_000_000
}

/// Nanoseconds since the Unix epoch.
pub fn now_ns() -> u64 {
    abi::now_ns()
}
