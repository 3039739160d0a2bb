//! The bounded set of records a reader keeps, and how it judges entries.

use std::collections::BTreeMap;
use std::fmt;

use crate::newest::{Newest, Shared};
use crate::{Position, Record, Target};

/// The most patterns that a set keeps: an entry is compared with one after the other.
pub const MAX_GLOBS: usize = 512;

/// What a reader of the log knows: where it has read to, and what was invalidated on the way there.
///
/// It keeps at most `capacity` records, [`MAX_GLOBS`] of them patterns, one for each target and severity (the newest). Past
/// that the oldest record is dropped and the *floor* rises to it: an entry from below the floor might have been hit by what was dropped, so it
/// counts as invalid. Forgetting thus costs hits, never freshness.
#[derive(Debug)]
pub struct InvalidationSet {
    position: Position,
    floor: u64,
    capacity: usize,
    /// Every kept record by age.
    by_seq: BTreeMap<u64, Kept>,
    hard: Newest,
    soft: Newest,
}

#[derive(Debug)]
struct Kept {
    soft: bool,
    target: Shared,
}

/// What a set knows about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No record up to the set's position hits the entry.
    Valid,
    /// A soft record hits it: it may be served only where a stale response may be.
    Stale,
    /// A hard record does, or a record may have done so before it was forgotten, or the entry is of another epoch.
    Invalid,
    /// The entry's position lies ahead of the set's: the set cannot know, and must catch up before it is asked again.
    Unknown,
}

/// A record that does not follow the one before it: what lies between was missed, and only a
/// [`reset`](InvalidationSet::reset) helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The number that had to come next.
    pub expected: u64,
    /// The number that came.
    pub found: u64,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gap in the log of invalidations: expected record {}, found {}", self.expected, self.found)
    }
}

impl std::error::Error for Gap {}

impl InvalidationSet {
    /// A set that knows nothing from before `position`, and keeps at most `capacity` records after it.
    pub fn new(position: Position, capacity: usize) -> Self {
        Self {
            position,
            floor: position.seq,
            capacity,
            by_seq: BTreeMap::new(),
            hard: Newest::default(),
            soft: Newest::default(),
        }
    }

    /// Where the set has read to.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The sequence number below which every entry is invalid.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// How many records are kept.
    pub fn len(&self) -> usize {
        self.by_seq.len()
    }

    /// Whether no record is kept.
    pub fn is_empty(&self) -> bool {
        self.by_seq.is_empty()
    }

    /// Forgets everything and goes on from `position`; entries from before it are invalid from now on.
    pub fn reset(&mut self, position: Position) {
        self.position = position;
        self.raise_floor_over_everything();
    }

    /// Takes in the next record. One that is known already is ignored.
    pub fn apply(&mut self, record: Record) -> Result<(), Gap> {
        if record.seq <= self.position.seq {
            return Ok(());
        }
        // Cannot overflow: `record.seq` is greater.
        let expected = self.position.seq + 1;
        if record.seq != expected {
            return Err(Gap { expected, found: record.seq });
        }
        self.position.seq = record.seq;
        match record.target {
            Target::All if !record.soft => self.raise_floor_over_everything(),
            target => self.keep(record.seq, Kept { soft: record.soft, target: target.into() }),
        }
        Ok(())
    }

    /// Whether an entry stored under `full_key` with `tags`, whose request started at `at`, may be served as fresh.
    ///
    /// False also for an entry from ahead of this set ([`Verdict::Unknown`]): what the set has not read yet it cannot
    /// judge. The entry is not wrong, though, and will be admitted once the set has caught up.
    pub fn admits<T: AsRef<str>>(&self, full_key: &str, tags: &[T], at: Position) -> bool {
        self.judge(full_key, tags, at) == Verdict::Valid
    }

    /// What the set knows about an entry stored under `full_key` with `tags`, whose request started at `at`.
    pub fn judge<T: AsRef<str>>(&self, full_key: &str, tags: &[T], at: Position) -> Verdict {
        if at == self.position {
            return Verdict::Valid;
        }
        if at.epoch != self.position.epoch || at.seq < self.floor {
            return Verdict::Invalid;
        }
        if at.seq > self.position.seq {
            return Verdict::Unknown;
        }
        if self.hard.hits(full_key, tags, at.seq) {
            Verdict::Invalid
        } else if self.soft.hits(full_key, tags, at.seq) {
            Verdict::Stale
        } else {
            Verdict::Valid
        }
    }

    /// Puts the newest record in the place of the earlier one of the same target and severity, and drops the oldest
    /// when that makes one too many.
    fn keep(&mut self, seq: u64, kept: Kept) {
        if let Some(earlier) = self.newest(kept.soft).insert(&kept.target, seq) {
            self.by_seq.remove(&earlier);
        }
        self.by_seq.insert(seq, kept);
        while self.by_seq.len() > self.capacity || self.hard.globs() + self.soft.globs() > MAX_GLOBS {
            let Some((seq, Kept { soft, target })) = self.by_seq.pop_first() else { return };
            self.newest(soft).remove(&target, seq);
            self.floor = seq;
        }
    }

    fn newest(&mut self, soft: bool) -> &mut Newest {
        if soft { &mut self.soft } else { &mut self.hard }
    }

    fn raise_floor_over_everything(&mut self) {
        self.floor = self.position.seq;
        self.by_seq.clear();
        self.hard = Newest::default();
        self.soft = Newest::default();
    }
}
