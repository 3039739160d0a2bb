//! Leases in this process's memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::{Bid, Claim, LeaseId, LeaseState};

/// The most keys that have a lease; past that everyone leads.
const MAX_KEYS: usize = 100_000;
/// How long to wait before what has run out is looked for again.
const SWEEP: Duration = Duration::from_millis(100);

/// The leases of this process, bounded in their number.
#[derive(Debug, Default)]
pub(in super::super) struct LocalLeases {
    keys: Mutex<Keys>,
}

#[derive(Debug, Default)]
struct Keys {
    held: HashMap<String, Held>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    /// None while nobody gets it.
    lease: Option<LeaseId>,
    ends: Instant,
}

impl LocalLeases {
    /// Takes the lease of a key if it is free.
    pub(in super::super) fn claim(&self, key: &str, bid: Bid) -> Claim {
        let now = Instant::now();
        let mut keys = self.lock();
        match keys.held.get(key).filter(|held| now < held.ends) {
            Some(Held { lease: Some(lease), .. }) if *lease != bid.lease => return Claim::Wait,
            Some(Held { lease: None, .. }) => return Claim::Pass,
            Some(_) => return Claim::Lead(bid.lease),
            None => {}
        }
        if keys.has_room_for(key, now) {
            keys.held.insert(key.to_owned(), Held { lease: Some(bid.lease), ends: now + bid.duration });
        }
        Claim::Lead(bid.lease)
    }

    /// Releases the lease of a key, if it is this one.
    pub(in super::super) fn release(&self, key: &str, lease: LeaseId, pass: Option<Duration>) {
        let mut keys = self.lock();
        if !keys.held.get(key).is_some_and(|held| held.lease == Some(lease)) {
            return;
        }
        match pass {
            Some(pass) => {
                keys.held.insert(key.to_owned(), Held { lease: None, ends: Instant::now() + pass });
            }
            None => {
                keys.held.remove(key);
            }
        }
    }

    /// How the lease of a key stands, and for how long at most.
    pub(in super::super) fn state(&self, key: &str) -> (LeaseState, Duration) {
        let now = Instant::now();
        match self.lock().held.get(key).filter(|held| now < held.ends) {
            None => (LeaseState::Free, SWEEP),
            Some(Held { lease, ends }) => (lease.map_or(LeaseState::Pass, LeaseState::Held), *ends - now),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn has_room_for(&mut self, key: &str, now: Instant) -> bool {
        if self.held.len() < MAX_KEYS || self.held.contains_key(key) {
            return true;
        }
        if self.swept.is_none_or(|swept| now >= swept + SWEEP) {
            self.swept = Some(now);
            self.held.retain(|_, held| now < held.ends);
        }
        self.held.len() < MAX_KEYS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Wants a lease that nobody has had, for a second.
    fn bid() -> Bid {
        Bid { lease: LeaseId::fresh(), duration: SECOND }
    }

    fn lead(claim: Claim) -> LeaseId {
        match claim {
            Claim::Lead(id) => id,
            Claim::Wait | Claim::Pass => panic!("{claim:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_leads_until_it_releases_or_runs_out() {
        let leases = LocalLeases::default();
        let first = lead(leases.claim("a", bid()));
        assert_eq!(leases.claim("a", bid()), Claim::Wait);
        assert_eq!(leases.state("a"), (LeaseState::Held(first), SECOND));
        let again = Bid { lease: first, duration: SECOND };
        assert_eq!(leases.claim("a", again), Claim::Lead(first), "who asks again has it");
        lead(leases.claim("b", bid()));
        leases.release("a", LeaseId::fresh(), None);
        assert_eq!(leases.claim("a", bid()), Claim::Wait, "another's release changes nothing");
        leases.release("a", first, None);
        let second = lead(leases.claim("a", bid()));
        tokio::time::advance(SECOND).await;
        assert_eq!(leases.state("a").0, LeaseState::Free);
        let third = lead(leases.claim("a", bid()));
        leases.release("a", second, Some(SECOND));
        assert_eq!(leases.state("a").0, LeaseState::Held(third));
        leases.release("a", third, Some(SECOND));
        assert_eq!((leases.claim("a", bid()), leases.state("a").0), (Claim::Pass, LeaseState::Pass));
        tokio::time::advance(SECOND).await;
        lead(leases.claim("a", bid()));
    }

    #[tokio::test(start_paused = true)]
    async fn leases_are_bounded() {
        let leases = LocalLeases::default();
        for number in 0..MAX_KEYS {
            lead(leases.claim(&number.to_string(), bid()));
        }
        lead(leases.claim("one more", bid()));
        lead(leases.claim("one more", bid()));
        assert_eq!(leases.claim("0", bid()), Claim::Wait);
        tokio::time::advance(SECOND).await;
        lead(leases.claim("one more", bid()));
        assert_eq!(leases.claim("one more", bid()), Claim::Wait);
        assert_eq!(leases.lock().held.len(), 1);
    }

    #[test]
    fn leases_are_read_as_they_are_written() {
        let id = LeaseId::fresh();
        assert_eq!(LeaseId::read(&id.to_string()), Some(id));
        for text in ["", "pass", "+123456789abcdef", "0123456789abcdef0", "0123456789abcdeg"] {
            assert_eq!(LeaseId::read(text), None, "{text}");
        }
    }
}
