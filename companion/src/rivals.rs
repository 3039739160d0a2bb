//! Whether another companion serves the same followers with an embedded store of its own.
//!
//! A load balancer sends a follower's polls to one and then the other. Neither knows the other's invalidations, and each poll
//! comes with an epoch of the other's.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What is wrong, and the fix.
pub(crate) const COMPLAINT: &str =
    "two companions with embedded stores serve one mesh: configure redis.host, or run one";

/// A follower that comes this often within [`WINDOW`] with a foreign epoch has it from another companion. Once is what a
/// restart of this one looks like, and twice are two restarts.
const TIMES: usize = 3;
const WINDOW: Duration = Duration::from_secs(10);
/// The most followers that are remembered.
const MAX_FOLLOWERS: usize = 10_000;

/// When followers came with epochs that this companion never had.
#[derive(Debug, Default)]
pub(crate) struct Rivals {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The latest times of each follower, the oldest first.
    times: HashMap<String, [Option<Instant>; TIMES]>,
    /// Until when there is taken to be another companion.
    until: Option<Instant>,
}

impl Rivals {
    /// A follower came with an epoch that this companion never had.
    pub(crate) fn met(&self, follower: &str) {
        let now = Instant::now();
        let mut seen = self.lock();
        if seen.times.len() >= MAX_FOLLOWERS {
            seen.times.retain(|_, [.., last]| last.is_some_and(|last| now < last + WINDOW));
        }
        if seen.times.len() >= MAX_FOLLOWERS && !seen.times.contains_key(follower) {
            return;
        }
        let times = seen.times.entry(follower.to_owned()).or_default();
        times.rotate_left(1);
        let [first, .., last] = times;
        *last = Some(now);
        if first.is_none_or(|first| now >= first + WINDOW) {
            return;
        }
        if seen.until.is_none_or(|until| now >= until) {
            tracing::error!(follower, "{COMPLAINT}");
        }
        seen.until = Some(now + WINDOW);
    }

    /// Whether there seems to be another companion.
    pub(crate) fn are_there(&self) -> bool {
        self.lock().until.is_some_and(|until| Instant::now() < until)
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_restart_is_no_rival() {
        let rivals = Rivals::default();
        for _ in 0..2 {
            for follower in 0..100 {
                rivals.met(&follower.to_string());
            }
            tokio::time::advance(Duration::from_secs(4)).await;
        }
        assert!(!rivals.are_there());
        // The first restart is forgotten when the third comes.
        tokio::time::advance(Duration::from_secs(2)).await;
        rivals.met("7");
        assert!(!rivals.are_there());
    }

    #[tokio::test(start_paused = true)]
    async fn a_follower_that_goes_to_and_fro_tells_of_a_rival_while_it_does() {
        let rivals = Rivals::default();
        for _ in 0..TIMES {
            assert!(!rivals.are_there());
            rivals.met("a");
            tokio::time::advance(Duration::from_secs(4)).await;
        }
        assert!(rivals.are_there());
        rivals.met("a");
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(rivals.are_there());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!rivals.are_there());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let rivals = Rivals::default();
        for follower in 0..MAX_FOLLOWERS + 10 {
            rivals.met(&follower.to_string());
        }
        assert_eq!(rivals.lock().times.len(), MAX_FOLLOWERS);
        tokio::time::advance(WINDOW).await;
        rivals.met("one more");
        assert_eq!(rivals.lock().times.len(), 1);
    }
}
