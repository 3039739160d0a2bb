//! Leases: who fetches what others wait for.

use std::fmt;
use std::time::Duration;

use crate::random;

/// One holding of a key's lease, named by who claims it, so that it can be released although the answer to the claim was lost.
/// It is written as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseId(u64);

impl LeaseId {
    /// One that nobody has had before.
    pub(crate) fn fresh() -> Self {
        Self(random::number())
    }

    /// The one that is written like this.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let is_well_formed = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(text, 16).ok().filter(|_| is_well_formed).map(Self)
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What who claims a lease wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bid {
    /// Which holding it is to be.
    pub(crate) lease: LeaseId,
    /// How long it lasts unless it is released.
    pub(crate) duration: Duration,
}

/// What who claims a lease is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is theirs.
    Lead(LeaseId),
    /// Another holds it.
    Wait,
    /// Nobody gets it, and nobody waits.
    Pass,
}

/// How a key's lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaseState {
    /// Whoever claims it gets it.
    Free,
    /// Someone holds it.
    Held(LeaseId),
    /// Nobody gets it for now.
    Pass,
}
