//! The host's clocks.

use crate::abi;

/// Nanoseconds since some moment; never goes back, whatever is done to the time of day. What lasts is measured by it.
pub fn monotonic_ns() -> u64 {
    abi::monotonic_ns()
}

/// A moment by both of the host's clocks.
///
/// Leases, waits and time-outs go by the one that never jumps. Only what others have to understand goes by the time of day: when a
/// response was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    ns: u64,
    unix_ms: u64,
}

impl Moment {
    /// This one.
    pub fn now() -> Moment {
        Moment { ns: abi::monotonic_ns(), unix_ms: abi::unix_ns() / 1_000_000 }
    }

    /// Milliseconds since some moment; never goes back.
    pub const fn ms(self) -> u64 {
        self.ns / 1_000_000
    }

    /// Nanoseconds since this moment.
    pub fn elapsed_ns(self) -> u64 {
        monotonic_ns().saturating_sub(self.ns)
    }

    /// The time of day, in milliseconds since the Unix epoch. Whoever keeps the clock may set it to anything.
    pub const fn unix_ms(self) -> u64 {
        self.unix_ms
    }
}
