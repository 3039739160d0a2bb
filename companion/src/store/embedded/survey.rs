//! Looking through all that is stored.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use moka::sync::Cache;

use super::super::COUNTING;
use super::super::listing::Selection;
use super::super::reach::{Met, Reach};
use super::Kept;

/// Counts what a purge hit of the entries `named`, or of all, within [`COUNTING`], and removes it if it was a hard one.
pub(super) fn count_met(
    entries: &Cache<Arc<str>, Arc<Kept>>,
    named: Option<HashSet<Arc<str>>>,
    reach: &Reach,
    soft: bool,
) -> Met {
    let end = Instant::now() + COUNTING;
    let mut met = Met::default();
    let mut meet = |key: &Arc<str>, kept: &Kept| {
        if reach.is_later_than(kept.position) && reach.names(key, &kept.tags) {
            met.entries += 1;
            if !soft {
                entries.invalidate(key);
            }
        }
        Instant::now() < end
    };
    let is_complete = match named {
        Some(named) => named.iter().all(|key| entries.get(key).is_none_or(|kept| meet(key, &kept))),
        None => entries.iter().all(|(key, kept)| meet(&key, &kept)),
    };
    met.at_least = !is_complete;
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
