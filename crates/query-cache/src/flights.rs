//! One piece of work for all who want the same at the same time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// The pieces of work under way, by what they are for. There are no more than requests that are being answered.
#[derive(Debug)]
pub(crate) struct Flights<K, V> {
    under_way: Mutex<HashMap<K, watch::Receiver<Option<V>>>>,
}

/// What becomes of a wish.
pub(crate) enum Ticket<'a, K: Hash + Eq, V> {
    /// It does the work, and the others wait.
    Lead(Lead<'a, K, V>),
    /// It waits for another.
    Wait(watch::Receiver<Option<V>>),
}

/// Work that others may wait for. Dropped without an outcome, it lets one of them do it.
pub(crate) struct Lead<'a, K: Hash + Eq, V> {
    flights: &'a Flights<K, V>,
    key: K,
    outcome: watch::Sender<Option<V>>,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self { under_way: Mutex::default() }
    }
}

impl<K: Hash + Eq + Clone, V> Flights<K, V> {
    /// Leads if nobody does.
    pub(crate) fn board(&self, key: &K) -> Ticket<'_, K, V> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = under_way.get(key) {
            return Ticket::Wait(waiting.clone());
        }
        let (outcome, waiting) = watch::channel(None);
        under_way.insert(key.clone(), waiting);
        Ticket::Lead(Lead { flights: self, key: key.clone(), outcome })
    }
}

impl<K: Hash + Eq, V> Lead<'_, K, V> {
    /// Tells those who wait what came of it.
    pub(crate) fn land(self, outcome: V) {
        self.outcome.send_replace(Some(outcome));
    }
}

impl<K: Hash + Eq, V> Drop for Lead<'_, K, V> {
    fn drop(&mut self) {
        self.flights.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
