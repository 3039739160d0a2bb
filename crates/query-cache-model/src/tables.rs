//! What a reader knows of the tables' changes, and what follows for a stored result.

use std::collections::HashMap;

use crate::{Lsn, Record, Version};

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It was taken in.
    Yes,
    /// It was known already.
    Known,
    /// Records are missing before it: start anew from what is stored.
    Gap,
}

/// The tables whose changes are known, each with the commit that changed it last.
#[derive(Debug, Clone)]
pub struct Tables {
    version: Version,
    number: u64,
    /// Results from before are void.
    floor: Lsn,
    changed: HashMap<u32, Lsn>,
}

impl Tables {
    /// No table yet: everything up to here is known within this epoch.
    pub fn new(version: Version, number: u64, floor: Lsn) -> Self {
        Self { version, number, floor, changed: HashMap::new() }
    }

    /// The same with these tables, each with its last change.
    pub fn with(mut self, tables: impl IntoIterator<Item = (u32, Lsn)>) -> Self {
        self.changed.extend(tables);
        self
    }

    /// How far the changes are known: what a query that starts now must be stored with.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The number of the last record taken in.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Results from before this are void.
    pub fn floor(&self) -> Lsn {
        self.floor
    }

    /// How many tables there are.
    pub fn count(&self) -> usize {
        self.changed.len()
    }

    /// Whether the changes of this table are known.
    pub fn knows(&self, table: u32) -> bool {
        self.changed.contains_key(&table)
    }

    /// The tables, each with its last change.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Lsn)> {
        self.changed.iter().map(|(table, lsn)| (*table, *lsn))
    }

    /// Takes in the next record.
    pub fn apply(&mut self, record: &Record) -> Applied {
        if record.number <= self.number {
            return Applied::Known;
        }
        if record.number != self.number.saturating_add(1) {
            return Applied::Gap;
        }
        self.number = record.number;
        // The place in the log never goes back: a record without changes may have been made for an earlier one.
        self.version.lsn = self.version.lsn.max(record.lsn);
        if record.reset {
            self.floor = self.version.lsn;
            self.changed.clear();
        }
        for table in &record.tracked {
            self.changed.insert(*table, self.version.lsn);
        }
        for table in &record.changed {
            if let Some(lsn) = self.changed.get_mut(table) {
                *lsn = self.version.lsn;
            }
        }
        Applied::Yes
    }

    /// Whether what was read from these tables by a query that started at `version` or later is still true.
    pub fn holds(&self, version: Version, tables: &[u32]) -> bool {
        version.epoch == self.version.epoch
            && version.lsn >= self.floor
            && tables.iter().all(|table| self.changed.get(table).is_some_and(|lsn| *lsn <= version.lsn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lsn: u64) -> Version {
        Version { epoch: 1, lsn: Lsn(lsn) }
    }

    fn known() -> Tables {
        Tables::new(at(10), 5, Lsn(10)).with([(1, Lsn(10)), (2, Lsn(10))])
    }

    fn record(number: u64, lsn: u64) -> Record {
        Record { number, lsn: Lsn(lsn), ..Record::default() }
    }

    #[test]
    fn a_change_voids_what_started_before_it() {
        let mut tables = known();
        assert!(tables.holds(at(10), &[1, 2]));
        assert_eq!(tables.apply(&Record { changed: vec![1, 9], ..record(6, 20) }), Applied::Yes);
        for (version, read, holds) in [
            (at(10), &[1][..], false),
            (at(19), &[1], false),
            (at(20), &[1], true),
            (at(10), &[2], true),
            (at(10), &[1, 2], false),
            (at(20), &[9], false),
            (at(20), &[], true),
            (at(9), &[2], false),
            (Version { epoch: 2, lsn: Lsn(99) }, &[2], false),
        ] {
            assert_eq!(tables.holds(version, read), holds, "{version} {read:?}");
        }
    }

    #[test]
    fn a_reset_voids_all_until_tables_are_known_anew() {
        let mut tables = known();
        tables.apply(&Record { reset: true, ..record(6, 20) });
        assert!(!tables.holds(at(20), &[1]) && !tables.holds(at(19), &[]) && tables.count() == 0);
        tables.apply(&Record { tracked: vec![1], ..record(7, 20) });
        assert!(tables.holds(at(20), &[1]) && !tables.holds(at(19), &[1]) && !tables.knows(2));
        assert_eq!((tables.floor(), tables.iter().collect::<Vec<_>>()), (Lsn(20), vec![(1, Lsn(20))]));
    }

    #[test]
    fn a_gap_is_noticed_and_changes_nothing() {
        let mut tables = known();
        assert_eq!(tables.apply(&Record { changed: vec![1], ..record(7, 30) }), Applied::Gap);
        assert_eq!(tables.apply(&Record { changed: vec![1], ..record(5, 30) }), Applied::Known);
        assert!(tables.holds(at(10), &[1]));
        assert_eq!((tables.version(), tables.number()), (at(10), 5));
    }

    #[test]
    fn the_place_in_the_log_never_goes_back() {
        let mut tables = known();
        tables.apply(&record(6, 30));
        tables.apply(&Record { changed: vec![1], ..record(7, 25) });
        assert_eq!(tables.version(), at(30));
        // A result from 29 may lack the change, whatever the record says.
        assert!(!tables.holds(at(29), &[1]));
    }
}
