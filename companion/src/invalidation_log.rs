//! The log of invalidations as this process knows it: the set that judges entries, and the latest records for those
//! who follow.

use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use cache_protocol::LogPage;
use invalidation::{Gap, InvalidationSet, Position, Record, Verdict};
use tokio::sync::watch;

use crate::store::Purge;

/// The most bytes of records that one page carries, roughly as JSON; a follower further behind gets the rest with its
/// next poll.
const PAGE_BYTES: usize = 256 << 10;
/// What a record's JSON takes beside its value.
const RECORD_BYTES: usize = 48;

/// The log of invalidations as this process knows it, bounded by the number of records.
#[derive(Debug)]
pub(crate) struct InvalidationLog {
    known: RwLock<Known>,
    capacity: usize,
    position: watch::Sender<Position>,
}

#[derive(Debug)]
struct Known {
    set: InvalidationSet,
    /// The latest records, without a gap up to the set's position.
    recent: VecDeque<Record>,
}

impl InvalidationLog {
    /// A log that starts at `position` and keeps `capacity` records.
    pub(crate) fn new(position: Position, capacity: usize) -> Self {
        let known = Known { set: InvalidationSet::new(position, capacity), recent: VecDeque::new() };
        Self { known: RwLock::new(known), capacity, position: watch::Sender::new(position) }
    }

    /// Where the log stands.
    pub(crate) fn position(&self) -> Position {
        self.read().set.position()
    }

    /// Where the log stands, and every change of it.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Position> {
        self.position.subscribe()
    }

    /// What the log says of an entry, and where it stood when it said so.
    pub(crate) fn judge<T: AsRef<str>>(&self, key: &str, tags: &[T], at: Position) -> (Verdict, Position) {
        let known = self.read();
        (known.set.judge(key, tags, at), known.set.position())
    }

    /// Adds a purge's records at the log's end; the position after the last.
    pub(crate) fn append(&self, purge: &Purge) -> Result<Position, Gap> {
        let mut known = self.write();
        for target in &purge.targets {
            let seq = known.set.position().seq.saturating_add(1);
            self.apply_one(&mut known, Record { seq, target: target.clone(), soft: purge.soft })?;
        }
        Ok(self.publish(&known))
    }

    /// Takes in records that another keeper of the log has numbered. What is known already is ignored.
    pub(crate) fn apply(&self, records: Vec<Record>) -> Result<Position, Gap> {
        let mut known = self.write();
        for record in records {
            self.apply_one(&mut known, record)?;
        }
        Ok(self.publish(&known))
    }

    /// Forgets everything, and goes on with the records after `from`.
    pub(crate) fn restart(&self, from: Position, records: Vec<Record>) -> Result<Position, Gap> {
        let mut known = self.write();
        known.set.reset(from);
        known.recent.clear();
        for record in records {
            self.apply_one(&mut known, record)?;
        }
        Ok(self.publish(&known))
    }

    /// What a follower that has read up to `after` gets to read next.
    pub(crate) fn page(&self, after: Option<Position>) -> LogPage {
        let known = self.read();
        let position = known.set.position();
        let behind = after
            .filter(|after| after.epoch == position.epoch)
            .and_then(|after| position.seq.checked_sub(after.seq))
            .and_then(|behind| usize::try_from(behind).ok())
            .and_then(|behind| known.recent.len().checked_sub(behind));
        let Some(first) = behind else { return LogPage { position, reset: true, records: Vec::new() } };
        let mut bytes = 0;
        let records: Vec<Record> = known
            .recent
            .iter()
            .skip(first)
            .take_while(|record| {
                let fits = bytes < PAGE_BYTES;
                bytes += RECORD_BYTES + record.target.value().map_or(0, str::len);
                fits
            })
            .cloned()
            .collect();
        let seq = records.last().map_or(position.seq, |record| record.seq);
        LogPage { position: Position { seq, ..position }, reset: false, records }
    }

    fn apply_one(&self, known: &mut Known, record: Record) -> Result<(), Gap> {
        if record.seq <= known.set.position().seq {
            return Ok(());
        }
        known.set.apply(record.clone())?;
        known.recent.push_back(record);
        if known.recent.len() > self.capacity {
            known.recent.pop_front();
        }
        Ok(())
    }

    fn publish(&self, known: &Known) -> Position {
        let position = known.set.position();
        self.position.send_if_modified(|published| std::mem::replace(published, position) != position);
        position
    }

    // A poisoned lock is taken all the same: no code that holds it panics halfway through a change.
    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use invalidation::Target;

    const EPOCH: u64 = 3;

    fn at(seq: u64) -> Position {
        Position { epoch: EPOCH, seq }
    }

    fn log(tags: &[&str]) -> InvalidationLog {
        let log = InvalidationLog::new(at(10), 3);
        let targets = tags.iter().map(|tag| Target::Tag((*tag).to_owned())).collect();
        log.append(&Purge { targets, soft: false }).unwrap();
        log
    }

    #[test]
    fn a_page_holds_what_comes_after_a_position() {
        let log = log(&["a", "b", "c", "d"]);
        for (after, reset, seqs) in [
            (None, true, &[][..]),
            (Some(at(14)), false, &[]),
            (Some(at(13)), false, &[14]),
            (Some(at(11)), false, &[12, 13, 14]),
            // The first record is forgotten.
            (Some(at(10)), true, &[]),
            (Some(at(15)), true, &[]),
            (Some(Position { epoch: EPOCH + 1, seq: 14 }), true, &[]),
        ] {
            let page = log.page(after);
            assert_eq!((page.position, page.reset), (at(14), reset), "{after:?}");
            assert_eq!(page.records.iter().map(|record| record.seq).collect::<Vec<_>>(), seqs, "{after:?}");
        }
    }

    #[test]
    fn a_long_page_is_cut_and_says_where() {
        let long = "x".repeat(PAGE_BYTES);
        let log = log(&["a", &long, "c"]);
        let page = log.page(Some(at(10)));
        assert_eq!((page.position, page.records.len()), (at(12), 2));
        assert_eq!(log.page(Some(page.position)).records.len(), 1);
    }

    #[test]
    fn a_restart_is_a_reset_for_everyone() {
        let log = log(&["a"]);
        let mut changes = log.subscribe();
        let next = Position { epoch: EPOCH + 1, seq: 20 };
        let record = Record { seq: 21, target: Target::All, soft: false };
        assert_eq!(log.restart(next, vec![record]).unwrap().seq, 21);
        assert!(changes.has_changed().unwrap());
        assert_eq!(changes.borrow_and_update().epoch, EPOCH + 1);
        assert!(log.page(Some(at(11))).reset);
        assert_eq!(log.page(Some(next)).records.len(), 1);
        assert_eq!(log.judge::<&str>("k#v", &[], next).0, Verdict::Invalid);
    }
}
