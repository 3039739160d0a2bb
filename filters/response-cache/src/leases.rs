//! Leases on their way back.
//!
//! A lease ends with what is stored under it, or is given back. Either may be lost on its way, and others would wait until
//! the lease has run out: it is given back again until the companion has said that it knows.

use slipstream_host::Token;
use std::collections::HashMap;

/// How many leases are given back again; past that the oldest run out.
const MAX_OWED: usize = 1_000;

/// A lease that nobody here holds any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The full key whose responses it is for.
    pub key: String,
    /// Which holding of the key's lease.
    pub lease: String,
    /// For how long nobody is to wait for this key, in milliseconds.
    pub pass_ms: Option<u64>,
    /// When it has run out anyway.
    pub runs_out_ms: u64,
}

/// What is to end leases, and has not been acknowledged.
#[derive(Default)]
pub struct Leases {
    under_way: HashMap<Token, Ended>,
    owed: Vec<Ended>,
}

impl Leases {
    /// A lease ends with the callout of this token; without one, it could not be sent.
    pub fn ending(&mut self, with: Option<Token>, ended: Ended) {
        match with {
            Some(token) => {
                self.under_way.insert(token, ended);
            }
            None => self.owe(ended),
        }
    }

    /// A callout has been answered, with what status is only asked if a lease was to end with it.
    pub fn answered(&mut self, token: Token, status: impl FnOnce() -> Option<u16>) {
        let Some(ended) = self.under_way.remove(&token) else { return };
        // What was not stored because it came too late has ended its lease too.
        if !matches!(status(), Some(200..=299 | 409)) {
            self.owe(ended);
        }
    }

    /// Takes out what is to be given back again, and has not run out.
    pub fn take_owed(&mut self, now_ms: u64) -> Vec<Ended> {
        let mut owed = std::mem::take(&mut self.owed);
        owed.retain(|ended| now_ms < ended.runs_out_ms);
        owed
    }

    fn owe(&mut self, ended: Ended) {
        if self.owed.len() >= MAX_OWED {
            self.owed.remove(0);
        }
        self.owed.push(ended);
    }
}
