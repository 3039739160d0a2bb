//! What a recorded purge hits.

use invalidation::{InvalidationSet, Position, Record, Verdict};

use super::Purge;

/// The entries that a purge hits: those stored from before its records that one of them names.
#[derive(Debug)]
pub(crate) struct Reach {
    before: Position,
    records: InvalidationSet,
}

/// How many stored entries a purge hit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Met {
    /// Entries that were found.
    pub(crate) entries: u64,
    /// There may have been more.
    pub(crate) at_least: bool,
}

impl Reach {
    /// What `purge` hits, whose last record is at `recorded`.
    pub(super) fn new(purge: &Purge, recorded: Position) -> Self {
        let count = u64::try_from(purge.targets.len()).unwrap_or(u64::MAX);
        let before = Position { seq: recorded.seq.saturating_sub(count), ..recorded };
        let mut records = InvalidationSet::new(before, purge.targets.len());
        for (seq, target) in (before.seq..).skip(1).zip(&purge.targets) {
            // Numbered one by one, so there is no gap.
            let _ = records.apply(Record { seq, target: target.clone(), soft: purge.soft });
        }
        Self { before, records }
    }

    /// The position of the last entry that the purge may hit.
    pub(super) fn before(&self) -> Position {
        self.before
    }

    /// Whether an entry with this position was there before the purge, and not of another epoch.
    pub(super) fn is_later_than(&self, at: Position) -> bool {
        at.epoch == self.before.epoch && at.seq <= self.before.seq
    }

    /// Whether it hits an entry under this key with these tags, if the entry was there before.
    pub(super) fn names<T: AsRef<str>>(&self, full_key: &str, tags: &[T]) -> bool {
        self.records.judge(full_key, tags, self.before) != Verdict::Valid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use invalidation::Target;

    #[test]
    fn a_purge_reaches_what_was_there_before_it() {
        for soft in [false, true] {
            let targets = vec![Target::Tag("t".into()), Target::Glob("GET a/*".into())];
            let reach = Reach::new(&Purge { targets, soft }, Position { epoch: 1, seq: 9 });
            for (key, tags, named) in [
                ("GET a/x#gzip", &[][..], true),
                ("GET b/x#gzip", &["u", "t"], true),
                ("GET b/x#gzip", &["u"], false),
            ] {
                assert_eq!(reach.names(key, tags), named, "{key} {tags:?}");
            }
            for (epoch, seq, before) in [(1, 0, true), (1, 7, true), (1, 8, false), (2, 7, false)] {
                assert_eq!(reach.is_later_than(Position { epoch, seq }), before, "{epoch} {seq}");
            }
        }
    }

    #[test]
    fn everything_is_within_the_reach_of_all() {
        let purge = Purge { targets: vec![Target::All], soft: false };
        assert!(Reach::new(&purge, Position { epoch: 1, seq: 1 }).names::<&str>("GET a/", &[]));
    }
}
