//! One fetch for all who want the same at the same time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use query_cache_model::Key;
use tokio::sync::watch;

use crate::cache::Entry;

/// What a fetch came to: something to share, or nothing.
type Outcome = Option<Option<std::sync::Arc<Entry>>>;

/// The fetches under way.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    under_way: Mutex<HashMap<Key, watch::Receiver<Outcome>>>,
}

/// What becomes of a wish to fetch.
pub(crate) enum Ticket<'a> {
    /// It fetches, and the others wait.
    Lead(Lead<'a>),
    /// It waits for another.
    Wait(watch::Receiver<Outcome>),
}

/// A fetch that others may wait for. Dropped without an outcome, it lets one of them fetch.
pub(crate) struct Lead<'a> {
    flights: &'a Flights,
    key: Key,
    outcome: watch::Sender<Outcome>,
}

impl Flights {
    /// Leads if nobody does.
    pub(crate) fn board(&self, key: &Key) -> Ticket<'_> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = under_way.get(key) {
            return Ticket::Wait(waiting.clone());
        }
        let (outcome, waiting) = watch::channel(None);
        under_way.insert(key.clone(), waiting);
        Ticket::Lead(Lead { flights: self, key: key.clone(), outcome })
    }
}

impl Lead<'_> {
    /// Tells those who wait what the fetch brought.
    pub(crate) fn land(self, outcome: Option<std::sync::Arc<Entry>>) {
        self.outcome.send_replace(Some(outcome));
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.flights.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
