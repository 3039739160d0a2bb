//! Requests that wait for what another fetches.
//!
//! All who wait for one key in this process share one task, which looks whether the key's lease has changed, and only then
//! at what is stored.

mod keeper;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::http::Service;
use crate::store::{Bid, Claim, LeaseId, Lookup, Unavailable};

/// The most requests that wait at a time.
const MAX_WAITERS: usize = 100_000;

/// What a lookup comes to, and who fetches if nothing may be served.
pub(crate) type Outcome = Result<(Lookup, Option<Claim>), Unavailable>;

/// Everyone who waits, by key.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    rooms: Mutex<HashMap<Arc<str>, Room>>,
    waiting: AtomicUsize,
}

/// Those who wait for one key, in the order they came.
#[derive(Debug, Default)]
struct Room {
    waiters: VecDeque<Waiter>,
    stirred: Arc<Notify>,
    /// The lease that was released through this companion last.
    released: Option<LeaseId>,
}

#[derive(Debug)]
struct Waiter {
    /// The lease that this one wants.
    bid: Bid,
    /// The checksum of what was stored when this one came, and could not be served.
    unfit: Option<u64>,
    outcome: oneshot::Sender<Outcome>,
}

/// A place among those who wait; leaving it makes room for another.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    waiting: &'a AtomicUsize,
    outcome: oneshot::Receiver<Outcome>,
}

impl Waits {
    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Something was stored under this key, or its lease was released.
    pub(crate) fn stir(&self, key: &str) {
        if let Some(room) = self.lock().get(key) {
            room.stirred.notify_one();
        }
    }

    /// A lease is about to be released, and will not have run out.
    pub(crate) fn note_release(&self, key: &str, lease: LeaseId) {
        if let Some(room) = self.lock().get_mut(key) {
            room.released = Some(lease);
        }
    }

    fn was_released(&self, key: &str, lease: LeaseId) -> bool {
        self.lock().get(key).is_some_and(|room| room.released == Some(lease))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anyone still waits for a key. If they have all gone, so has the room.
    fn anyone_left(&self, key: &str) -> bool {
        let mut rooms = self.lock();
        let Some(room) = rooms.get_mut(key) else { return false };
        room.waiters.retain(|waiter| !waiter.outcome.is_closed());
        if room.waiters.is_empty() {
            rooms.remove(key);
            return false;
        }
        true
    }

    /// Takes out those for whom `is_done` holds.
    fn take_out(&self, key: &str, is_done: impl Fn(&Waiter) -> bool) -> Vec<Waiter> {
        let mut rooms = self.lock();
        let Some(room) = rooms.get_mut(key) else { return Vec::new() };
        let (done, waiters) = room.waiters.drain(..).partition::<VecDeque<_>, _>(|waiter| is_done(waiter));
        room.waiters = waiters;
        done.into()
    }

    fn first(&self, key: &str) -> Option<Waiter> {
        self.lock().get_mut(key)?.waiters.pop_front()
    }

    fn put_back(&self, key: &str, waiter: Waiter) {
        if let Some(room) = self.lock().get_mut(key) {
            room.waiters.push_front(waiter);
        }
    }
}

impl Seat<'_> {
    /// Sits down with those who wait for `key`, after a lookup that found nothing to serve. None if there is no room.
    pub(crate) fn take<'a>(
        service: &'a Arc<Service>,
        key: &str,
        bid: Bid,
        lookup: &Lookup,
    ) -> Option<Seat<'a>> {
        let waiting = &service.waits.waiting;
        if waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITERS {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let (sender, outcome) = oneshot::channel();
        let unfit = lookup.found.as_ref().ok().map(|found| found.checksum);
        let mut rooms = service.waits.lock();
        if !rooms.contains_key(key) {
            let (key, room) = (Arc::<str>::from(key), Room::default());
            tokio::spawn(keeper::keep(Arc::clone(service), Arc::clone(&key), Arc::clone(&room.stirred)));
            rooms.insert(key, room);
        }
        if let Some(room) = rooms.get_mut(key) {
            room.waiters.push_back(Waiter { bid, unfit, outcome: sender });
            // What has changed since the lookup would be missed otherwise.
            room.stirred.notify_one();
        }
        Some(Seat { waiting, outcome })
    }

    /// Waits for what the key comes to; none if that takes longer than `patience`.
    pub(crate) async fn wait(&mut self, patience: Duration) -> Option<Outcome> {
        tokio::time::timeout(patience, &mut self.outcome).await.ok()?.ok()
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::store::Store;

    #[tokio::test]
    async fn those_who_wait_are_bounded() {
        let config = Config::default();
        let (_stop, stopping) = tokio::sync::watch::channel(false);
        let store = Store::open(&config).unwrap();
        let service = Arc::new(Service::new(&config, store, stopping).unwrap());
        let lookup = service.look_up("k").await.unwrap();
        let bid = Bid { lease: LeaseId::fresh(), duration: Duration::from_secs(1) };
        let sit = || Seat::take(&service, "k", bid, &lookup);
        service.waits.waiting.store(MAX_WAITERS - 1, Ordering::Relaxed);
        let seat = sit();
        assert!(seat.is_some() && sit().is_none());
        drop(seat);
        assert_eq!(service.waits.count(), MAX_WAITERS - 1);
        assert!(sit().is_some());
    }
}
