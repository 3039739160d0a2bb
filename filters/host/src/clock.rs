//! The host's clocks.

use crate::abi;

/// The time of day, in milliseconds since the Unix epoch. Whoever keeps the clock may set it to anything: only what others have to
/// understand goes by it, such as when a response was stored.
pub fn unix_ms() -> u64 {
    abi::unix_ns() / 1_000_000
}

/// Nanoseconds since some moment, by the clock that nobody sets.
pub fn monotonic_ns() -> u64 {
    abi::monotonic_ns()
}

/// A moment by the clock that nobody sets and that never goes back: leases, waits, time-outs and ages go by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    ns: u64,
}

impl Moment {
    /// This one.
    pub fn now() -> Moment {
        Moment { ns: monotonic_ns() }
    }

    /// Milliseconds since some moment.
    pub const fn ms(self) -> u64 {
        self.ns / 1_000_000
    }

    /// Nanoseconds since this moment.
    pub fn elapsed_ns(self) -> u64 {
        monotonic_ns().saturating_sub(self.ns)
    }
}
