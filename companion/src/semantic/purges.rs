//! The purges that were seen, by which late answers are refused.

use super::entry::{Entry, Purge};

/// Purges that are remembered.
const MOST: usize = 1_000;

/// The purges that were seen, and where the log of changes stands here.
#[derive(Debug)]
pub(super) struct Purges {
    seen: Vec<(String, Purge)>,
    /// What fell out of those that are remembered.
    floor: String,
    position: String,
    count: u64,
}

impl Purges {
    pub(super) fn new() -> Self {
        Self { seen: Vec::new(), floor: String::new(), position: position(0, 0), count: 0 }
    }

    /// Where the log stands: what a store after a lookup must carry.
    pub(super) fn position(&self) -> &str {
        &self.position
    }

    /// Notes how far the log was read.
    pub(super) fn reached(&mut self, position: &str) {
        self.position = position.to_owned();
    }

    /// Notes a purge, which stands at `at` in the log if there is one.
    pub(super) fn add(&mut self, purge: &Purge, at: Option<&str>) {
        self.count += 1;
        self.position = at.map_or_else(|| position(0, self.count), str::to_owned);
        if self.seen.len() >= MOST {
            self.floor = self.seen.remove(0).0;
        }
        self.seen.push((self.position.clone(), purge.clone()));
    }

    /// Whether a purge that came after the service was asked hits an entry.
    pub(super) fn hit(&self, entry: &Entry) -> bool {
        let after = |at: &String| is_before(&entry.position, at);
        (!self.floor.is_empty() && after(&self.floor))
            || self.seen.iter().any(|(at, purge)| after(at) && purge.hits(entry))
    }
}

/// A position in the log, in the form that Redis gives it.
fn position(time: u64, number: u64) -> String {
    format!("{time}-{number}")
}

/// Whether a position is before another. One that cannot be read is before all.
fn is_before(one: &str, other: &str) -> bool {
    let parse = |position: &str| {
        let (time, number) = position.split_once('-')?;
        Some((time.parse::<u64>().ok()?, number.parse::<u64>().ok()?))
    };
    parse(one) < parse(other)
}
