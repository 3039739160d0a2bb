//! Looking through all that is stored.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use moka::sync::Cache;

use super::super::COUNTING;
use super::super::listing::Selection;
use super::super::reach::{Met, Reach};
use super::Kept;

/// Counts what a purge hit, within [`COUNTING`], and removes it if it was a hard one.
pub(super) fn count_met(entries: &Cache<Arc<str>, Arc<Kept>>, reach: &Reach, soft: bool) -> Met {
    let end = Instant::now() + COUNTING;
    let mut met = Met::default();
    for (key, kept) in entries {
        if Instant::now() >= end {
            met.at_least = true;
            break;
        }
        if reach.is_later_than(kept.position) && reach.names(&key, &kept.tags) {
            met.entries += 1;
            if !soft {
                entries.invalidate(&*key);
            }
        }
    }
    met
}

/// The entries of a selection with the smallest keys after `cursor`, at most `limit`, and whether there are no others.
pub(super) fn first_after(
    entries: &Cache<Arc<str>, Arc<Kept>>,
    selection: &Selection,
    limit: usize,
    cursor: Option<&str>,
) -> (BTreeMap<Arc<str>, Arc<Kept>>, bool) {
    let mut found = BTreeMap::new();
    let mut is_last = true;
    for (key, kept) in entries {
        if cursor.is_none_or(|cursor| &**key > cursor) && selection.holds(&key, &kept.tags) {
            found.insert(Arc::clone(&*key), kept);
            if found.len() > limit {
                found.pop_last();
                is_last = false;
            }
        }
    }
    (found, is_last)
}
