//! The host's clocks.

use crate::abi;

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> u64 {
    abi::now_ns() / 1_000_000
}

/// Nanoseconds since the Unix epoch.
pub fn now_ns() -> u64 {
    abi::now_ns()
}

/// Nanoseconds since some moment; never goes back, whatever is done to the time of day.
pub fn monotonic_ns() -> u64 {
    abi::monotonic_ns()
}
