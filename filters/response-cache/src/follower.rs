//! Follows the log of invalidations, and holds the lease without which nothing is served from L1.

use cache_protocol::{LogPage, names};
use invalidation::{InvalidationSet, Position};
use slipstream_host::{Callout, CalloutError, CalloutResponse, HostError, Token};
use std::fmt::Write;
use std::hash::{BuildHasher, Hasher, RandomState};

/// How long an answered poll, counted from its sending, allows L1 to serve.
const LEASE_MS: u64 = 1_000;
/// How long the companion holds a poll that has nothing to tell.
const WAIT_MS: u32 = 400;
/// How long until a poll counts as failed.
const TIMEOUT_MS: u32 = 900;
/// How many invalidations are remembered one by one; older ones raise the floor.
const CAPACITY: usize = 10_000;

/// What a VM knows of the log.
pub struct Follower {
    id: u64,
    set: Option<InvalidationSet>,
    lease_until_ms: u64,
    poll: Option<Poll>,
}

struct Poll {
    token: Token,
    sent_ms: u64,
}

/// What a poll's answer means for L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// L1 may go on.
    On,
    /// L1 must be dropped: the log went on without this follower.
    Lost,
    /// No usable answer came.
    Failed,
}

impl Follower {
    /// A follower that knows nothing yet.
    pub fn new() -> Follower {
        Follower { id: RandomState::new().build_hasher().finish(), set: None, lease_until_ms: 0, poll: None }
    }

    /// Where it has read to; none before the first answer.
    pub fn position(&self) -> Option<Position> {
        self.set.as_ref().map(InvalidationSet::position)
    }

    /// What it knows, while its lease lasts.
    pub fn leased(&self, now_ms: u64) -> Option<&InvalidationSet> {
        self.set.as_ref().filter(|_| now_ms < self.lease_until_ms)
    }

    /// Whether `token` is that of the poll under way.
    pub fn awaits(&self, token: Token) -> bool {
        self.poll.as_ref().is_some_and(|poll| poll.token == token)
    }

    /// Polls, unless a poll is under way.
    pub fn poll(&mut self, cluster: &str, now_ms: u64) -> Result<(), HostError> {
        if self.poll.as_ref().is_some_and(|poll| now_ms < poll.sent_ms + 2 * u64::from(TIMEOUT_MS)) {
            return Ok(());
        }
        let mut path = format!(
            "{}?{}={:016x}&{}={WAIT_MS}",
            names::INVALIDATIONS_PATH,
            names::FOLLOWER_PARAMETER,
            self.id,
            names::WAIT_PARAMETER
        );
        if let Some(position) = self.position() {
            // Writing to a String cannot fail.
            let _ = write!(path, "&{}={position}", names::AFTER_PARAMETER);
        }
        let callout =
            Callout { cluster, method: "GET", path: &path, headers: &[], body: &[], timeout_ms: TIMEOUT_MS };
        self.poll = Some(Poll { token: callout.send()?, sent_ms: now_ms });
        Ok(())
    }

    /// Takes in the answer to the poll under way.
    pub fn answered(&mut self, response: Result<CalloutResponse, CalloutError>) -> Followed {
        let Some(poll) = self.poll.take() else { return Followed::Failed };
        let Some(page) = read(response) else { return Followed::Failed };
        let followed = self.apply(page);
        if followed != Followed::Failed {
            self.lease_until_ms = poll.sent_ms + LEASE_MS;
        }
        followed
    }

    fn apply(&mut self, page: LogPage) -> Followed {
        match &mut self.set {
            Some(set) if !page.reset && set.position().epoch == page.position.epoch => {
                let gap = page.records.into_iter().any(|record| set.apply(record).is_err());
                if gap || set.position() != page.position {
                    // The next poll, without a position, is answered with a reset.
                    self.set = None;
                    self.lease_until_ms = 0;
                    return Followed::Lost;
                }
                Followed::On
            }
            Some(set) => {
                set.reset(page.position);
                Followed::Lost
            }
            None => {
                self.set = Some(InvalidationSet::new(page.position, CAPACITY));
                Followed::Lost
            }
        }
    }
}

fn read(response: Result<CalloutResponse, CalloutError>) -> Option<LogPage> {
    let response = response.ok().filter(|response| response.status == 200)?;
    serde_json::from_slice(&response.body().ok()?).ok()
}
