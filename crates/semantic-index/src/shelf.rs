//! Which of what is kept has to go.

use std::collections::{BTreeMap, HashMap};

/// How much may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Things.
    pub entries: usize,
    /// Bytes that they take together.
    pub bytes: u64,
}

/// What is known of one thing.
#[derive(Debug, Clone, Copy)]
struct Kept {
    bytes: u64,
    /// Milliseconds on the caller's clock.
    expires: u64,
    /// When it was used last, counted in uses.
    used: u64,
}

/// Remembers of numbered things how large they are, when they end and when they were used; the things themselves are
/// elsewhere. What was not used for longest goes first.
#[derive(Debug)]
pub struct Shelf {
    limits: Limits,
    kept: HashMap<u64, Kept>,
    by_use: BTreeMap<u64, u64>,
    by_end: BTreeMap<(u64, u64), ()>,
    bytes: u64,
    uses: u64,
}

impl Shelf {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        let (by_use, by_end) = (BTreeMap::new(), BTreeMap::new());
        Self { limits, kept: HashMap::new(), by_use, by_end, bytes: 0, uses: 0 }
    }

    /// How many things there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many bytes they take together.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a thing, or replaces it, and names those that have to make room for it: itself, if it is larger than all
    /// there is.
    pub fn put(&mut self, number: u64, bytes: u64, expires_ms: u64) -> Vec<u64> {
        self.remove(number);
        self.uses += 1;
        self.kept.insert(number, Kept { bytes, expires: expires_ms, used: self.uses });
        self.by_use.insert(self.uses, number);
        self.by_end.insert((expires_ms, number), ());
        self.bytes = self.bytes.saturating_add(bytes);
        let mut gone = Vec::new();
        while self.kept.len() > self.limits.entries || self.bytes > self.limits.bytes {
            let Some((_, oldest)) = self.by_use.first_key_value() else { break };
            let oldest = *oldest;
            self.remove(oldest);
            gone.push(oldest);
        }
        gone
    }

    /// Notes that a thing was used.
    pub fn touch(&mut self, number: u64) {
        if let Some(kept) = self.kept.get_mut(&number) {
            self.uses += 1;
            self.by_use.remove(&kept.used);
            kept.used = self.uses;
            self.by_use.insert(kept.used, number);
        }
    }

    /// Removes a thing; whether there was one.
    pub fn remove(&mut self, number: u64) -> bool {
        let Some(kept) = self.kept.remove(&number) else { return false };
        self.by_use.remove(&kept.used);
        self.by_end.remove(&(kept.expires, number));
        self.bytes = self.bytes.saturating_sub(kept.bytes);
        true
    }

    /// Whether a thing is there and has not ended.
    pub fn has(&self, number: u64, now_ms: u64) -> bool {
        self.kept.get(&number).is_some_and(|kept| kept.expires > now_ms)
    }

    /// Removes and names what has ended by now.
    pub fn expire(&mut self, now_ms: u64) -> Vec<u64> {
        let mut gone = Vec::new();
        while let Some(((expires, number), ())) = self.by_end.first_key_value() {
            if *expires > now_ms {
                break;
            }
            let number = *number;
            self.remove(number);
            gone.push(number);
        }
        gone
    }
}
