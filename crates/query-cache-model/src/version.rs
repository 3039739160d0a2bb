//! Where in a database's history something was.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A place in PostgreSQL's write-ahead log, in bytes from its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lsn(pub u64);

/// A text that is no place in a write-ahead log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongLsn(pub String);

impl fmt::Display for WrongLsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, expected a log position such as 16/B374D848", self.0)
    }
}

impl std::error::Error for WrongLsn {}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl FromStr for Lsn {
    type Err = WrongLsn;

    fn from_str(text: &str) -> Result<Self, WrongLsn> {
        let wrong = || WrongLsn(text.to_owned());
        let (high, low) = text.split_once('/').ok_or_else(wrong)?;
        let part = |digits: &str| u32::from_str_radix(digits, 16).map_err(|_| wrong());
        Ok(Self((u64::from(part(high)?) << 32) | u64::from(part(low)?)))
    }
}

/// How far a reader has followed the changes: up to a commit, within the epoch of one replication slot.
///
/// An epoch is random, and new whenever changes may have been missed. So a counter that is lost cannot start again: what
/// was stored under another epoch is never compared by its place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Version {
    /// The epoch.
    pub epoch: u64,
    /// The place in the log.
    pub lsn: Lsn,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}:{}", self.epoch, self.lsn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_positions_are_written_as_postgresql_writes_them() {
        for (text, lsn) in [("0/0", 0), ("16/B374D848", 0x16_B374_D848), ("FFFFFFFF/FFFFFFFF", u64::MAX)] {
            assert_eq!(text.parse(), Ok(Lsn(lsn)));
            assert_eq!(Lsn(lsn).to_string(), text);
        }
        for text in ["", "/", "1", "1/", "g/0", "1/1/1", "100000000/0"] {
            assert!(text.parse::<Lsn>().is_err(), "{text}");
        }
        assert_eq!(Version { epoch: 10, lsn: Lsn(1) }.to_string(), "000000000000000a:0/1");
    }
}
