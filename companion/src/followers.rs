//! Who follows the log, how far each has confirmed it, and when an invalidation has reached everyone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_protocol::InvalidationAck;
use invalidation::Position;
use tokio::sync::watch;
use tokio::time::Instant;

/// The most followers that are known at a time; further ones are turned away, and without polls have no lease.
const MAX_FOLLOWERS: usize = 10_000;
/// How many leases an invalidation waits for a follower that goes on polling and never confirms. What it was sent
/// so often it has; it does not speak the protocol.
const PATIENCE_LEASES: u32 = 5;

/// Everyone who follows the log by long polls.
///
/// A follower's lease counts from its poll's arrival here. The follower itself counts it from the sending, which was
/// earlier: it stops serving its own copies before its lease ends here.
#[derive(Debug)]
pub(crate) struct Followers {
    lease: Duration,
    known: Mutex<HashMap<String, Follower>>,
    /// Goes up whenever a follower has confirmed something new.
    confirmations: watch::Sender<u64>,
}

#[derive(Debug)]
struct Follower {
    seen: Instant,
    confirmed: Option<Position>,
}

/// There are as many followers as there may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooManyFollowers;

impl Followers {
    /// Nobody yet; polls will give leases this long.
    pub(crate) fn new(lease: Duration) -> Self {
        Self { lease, known: Mutex::default(), confirmations: watch::Sender::new(0) }
    }

    /// How long a poll's lease is.
    pub(crate) fn lease(&self) -> Duration {
        self.lease
    }

    /// How many hold a lease.
    pub(crate) fn count(&self) -> usize {
        let now = Instant::now();
        self.known().values().filter(|follower| self.holds_lease(follower, now)).count()
    }

    /// A poll has arrived, and confirms the log up to `confirmed`.
    pub(crate) fn polled(&self, id: &str, confirmed: Option<Position>) -> Result<(), TooManyFollowers> {
        let now = Instant::now();
        let mut known = self.known();
        match known.get_mut(id) {
            Some(follower) => {
                follower.seen = now;
                if follower.confirmed == confirmed {
                    return Ok(());
                }
                follower.confirmed = confirmed;
            }
            None => {
                if known.len() >= MAX_FOLLOWERS {
                    known.retain(|_, follower| self.holds_lease(follower, now));
                }
                if known.len() >= MAX_FOLLOWERS {
                    return Err(TooManyFollowers);
                }
                known.insert(id.to_owned(), Follower { seen: now, confirmed });
            }
        }
        drop(known);
        self.confirmations.send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }

    /// Waits until everyone who held a lease when this was called has confirmed `position`, or holds none any more.
    ///
    /// It must be called after the log here has reached `position`: whoever polls from then on is told.
    /// `current` tells where the log stands.
    pub(crate) async fn acknowledge(
        &self,
        position: Position,
        current: impl Fn() -> Position,
    ) -> InvalidationAck {
        let mut confirmations = self.confirmations.subscribe();
        let mut waiting = self.lease_holders();
        let give_up = Instant::now() + self.lease * PATIENCE_LEASES;
        let mut ack = InvalidationAck {
            position,
            confirmed: 0,
            expired: 0,
            companions: 0,
            met: 0,
            met_at_least: false,
        };
        while let Some(next_expiry) = self.settle(&mut waiting, &mut ack, current()) {
            if Instant::now() >= give_up {
                tracing::warn!(followers = ?waiting, %position, "followers go on polling and never confirm");
                ack.expired = ack.expired.saturating_add(u64::try_from(waiting.len()).unwrap_or(u64::MAX));
                break;
            }
            tokio::select! {
                _ = confirmations.changed() => {}
                () = tokio::time::sleep_until(next_expiry.min(give_up)) => {}
            }
        }
        ack
    }

    /// How far everyone who holds a lease has confirmed the log, which stands at `log`. None while someone has confirmed
    /// nothing of this epoch yet.
    pub(crate) fn reach(&self, log: Position) -> Option<Position> {
        let now = Instant::now();
        let mut seq = log.seq;
        for follower in self.known().values().filter(|follower| self.holds_lease(follower, now)) {
            seq = seq.min(follower.confirmed.filter(|confirmed| confirmed.epoch == log.epoch)?.seq);
        }
        Some(Position { seq, ..log })
    }

    /// Changes whenever a follower has confirmed something new.
    pub(crate) fn confirmations(&self) -> watch::Receiver<u64> {
        self.confirmations.subscribe()
    }

    fn lease_holders(&self) -> Vec<String> {
        let now = Instant::now();
        let known = self.known();
        known
            .iter()
            .filter(|(_, follower)| self.holds_lease(follower, now))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Strikes out whoever has confirmed or lost the lease, and says when the next lease of the others ends.
    fn settle(
        &self,
        waiting: &mut Vec<String>,
        ack: &mut InvalidationAck,
        current: Position,
    ) -> Option<Instant> {
        let now = Instant::now();
        let known = self.known();
        let mut next_expiry: Option<Instant> = None;
        waiting.retain(|id| match known.get(id) {
            Some(follower) if has_confirmed(follower, ack.position, current) => {
                ack.confirmed += 1;
                false
            }
            Some(follower) if self.holds_lease(follower, now) => {
                let expiry = follower.seen + self.lease;
                next_expiry = Some(next_expiry.map_or(expiry, |next| next.min(expiry)));
                true
            }
            _ => {
                ack.expired += 1;
                false
            }
        });
        next_expiry
    }

    fn holds_lease(&self, follower: &Follower, now: Instant) -> bool {
        now < follower.seen + self.lease
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Follower>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a follower has dropped what the record at `position` hit: it has read past it, or has moved on to the epoch
/// that came after the record's, for which it dropped everything.
fn has_confirmed(follower: &Follower, position: Position, current: Position) -> bool {
    follower.confirmed.is_some_and(|confirmed| {
        (confirmed.epoch == position.epoch && confirmed.seq >= position.seq)
            || (position.epoch != current.epoch && confirmed.epoch == current.epoch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_millis(1000);

    fn at(seq: u64) -> Position {
        Position { epoch: 1, seq }
    }

    async fn acknowledged(followers: &Followers, position: Position) -> (u64, u64, Duration) {
        let start = Instant::now();
        let ack = followers.acknowledge(position, || position).await;
        assert_eq!(ack.position, position);
        (ack.confirmed, ack.expired, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_not_waited_for() {
        let followers = Followers::new(LEASE);
        assert_eq!(acknowledged(&followers, at(1)).await, (0, 0, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn who_confirmed_before_is_not_waited_for() {
        let followers = Followers::new(LEASE);
        followers.polled("a", Some(at(1))).unwrap();
        followers.polled("b", Some(at(2))).unwrap();
        assert_eq!(acknowledged(&followers, at(1)).await, (2, 0, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_runs_from_the_latest_poll() {
        let followers = Followers::new(LEASE);
        followers.polled("a", None).unwrap();
        tokio::time::advance(Duration::from_millis(600)).await;
        followers.polled("a", None).unwrap();
        tokio::time::advance(Duration::from_millis(300)).await;
        assert_eq!(followers.count(), 1);
        let (confirmed, expired, took) = acknowledged(&followers, at(1)).await;
        assert_eq!((confirmed, expired), (0, 1));
        assert!((700..710).contains(&took.as_millis()), "{took:?}");
        assert_eq!(followers.count(), 0);
        assert_eq!(acknowledged(&followers, at(1)).await, (0, 0, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn confirmations_end_the_wait() {
        let followers = std::sync::Arc::new(Followers::new(LEASE));
        for id in ["a", "b", "silent"] {
            followers.polled(id, Some(at(0))).unwrap();
        }
        let others = std::sync::Arc::clone(&followers);
        tokio::spawn(async move {
            for (id, confirmed) in [("a", at(4)), ("a", at(5)), ("b", at(7)), ("newcomer", at(0))] {
                tokio::time::sleep(Duration::from_millis(100)).await;
                others.polled(id, Some(confirmed)).unwrap();
            }
        });
        let (confirmed, expired, took) = acknowledged(&followers, at(5)).await;
        assert_eq!((confirmed, expired), (2, 1));
        assert!((1000..1010).contains(&took.as_millis()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_epoch_confirms_every_record_of_the_earlier() {
        let followers = Followers::new(LEASE);
        followers.polled("a", Some(Position { epoch: 2, seq: 0 })).unwrap();
        let ack = followers.acknowledge(at(5), || Position { epoch: 2, seq: 0 }).await;
        assert_eq!((ack.confirmed, ack.expired), (1, 0));
        let ack = followers.acknowledge(at(5), || at(5)).await;
        assert_eq!((ack.confirmed, ack.expired), (0, 1), "an epoch that is not the log's confirms nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn the_reach_is_what_all_who_hold_a_lease_have_confirmed() {
        let followers = Followers::new(LEASE);
        assert_eq!(followers.reach(at(7)), Some(at(7)));
        followers.polled("silent", Some(at(3))).unwrap();
        tokio::time::advance(LEASE / 2).await;
        followers.polled("ahead", Some(at(9))).unwrap();
        assert_eq!(followers.reach(at(7)), Some(at(3)));
        tokio::time::advance(LEASE / 2).await;
        assert_eq!(followers.reach(at(7)), Some(at(7)), "no further than the log");
        for confirmed in [None, Some(Position { epoch: 2, seq: 7 })] {
            followers.polled("new", confirmed).unwrap();
            assert_eq!(followers.reach(at(7)), None);
        }
        followers.polled("new", Some(at(5))).unwrap();
        assert_eq!(followers.reach(at(7)), Some(at(5)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_confirms_is_given_up() {
        let followers = std::sync::Arc::new(Followers::new(LEASE));
        followers.polled("a", Some(at(0))).unwrap();
        let others = std::sync::Arc::clone(&followers);
        let stubborn = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(300)).await;
                others.polled("a", Some(at(0))).unwrap();
            }
        });
        let (confirmed, expired, took) = acknowledged(&followers, at(1)).await;
        assert_eq!((confirmed, expired), (0, 1));
        assert!(took >= LEASE * PATIENCE_LEASES && took < LEASE * (PATIENCE_LEASES + 1), "{took:?}");
        stubborn.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn followers_are_bounded() {
        let followers = Followers::new(LEASE);
        for id in 0..MAX_FOLLOWERS {
            followers.polled(&id.to_string(), None).unwrap();
        }
        assert_eq!(followers.polled("one more", None), Err(TooManyFollowers));
        followers.polled("0", None).unwrap();
        tokio::time::advance(LEASE).await;
        followers.polled("one more", None).unwrap();
        assert_eq!(followers.count(), 1);
    }
}
