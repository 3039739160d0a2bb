//! Follows the log of invalidations, and holds the lease without which nothing is served from L1.

use crate::companion::Companion;
use cache_protocol::{LogPage, PollAnswer, names};
use invalidation::{InvalidationSet, Position};
use slipstream_host::{CalloutError, CalloutResponse, HostError, Token, random};
use std::fmt::Write;

/// How long the companion holds a poll that has nothing to tell, until it has said how long its leases are.
const FIRST_WAIT_MS: u64 = 100;
/// How long an answer may take beyond that.
const TRANSIT_MS: u64 = 500;
/// The longest a poll is held: what it costs to notice that a companion has gone.
const MAX_WAIT_MS: u64 = 10_000;
/// How many invalidations are remembered one by one; older ones raise the floor.
const CAPACITY: usize = 10_000;

/// What a VM knows of the log.
pub struct Follower {
    id: u64,
    set: Option<InvalidationSet>,
    lease_until_ms: u64,
    wait_ms: u64,
    poll: Option<Poll>,
}

struct Poll {
    token: Token,
    sent_ms: u64,
    lost_at_ms: u64,
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
        Follower { id: random::number(), set: None, lease_until_ms: 0, wait_ms: FIRST_WAIT_MS, poll: None }
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
    pub fn poll(&mut self, companion: &Companion, now_ms: u64) -> Result<(), HostError> {
        if self.poll.as_ref().is_some_and(|poll| now_ms < poll.lost_at_ms) {
            return Ok(());
        }
        let mut path = format!(
            "{}?{}={:016x}&{}={}",
            names::INVALIDATIONS_PATH,
            names::FOLLOWER_PARAMETER,
            self.id,
            names::WAIT_PARAMETER,
            self.wait_ms
        );
        if let Some(position) = self.position() {
            // Writing to a String cannot fail.
            let _ = write!(path, "&{}={position}", names::AFTER_PARAMETER);
        }
        let patience_ms = self.wait_ms + TRANSIT_MS;
        let timeout_ms = u32::try_from(patience_ms).unwrap_or(u32::MAX);
        let token = companion.poll(&path, timeout_ms)?;
        // The host reports a time-out itself; twice as long is for a host that has forgotten.
        self.poll = Some(Poll { token, sent_ms: now_ms, lost_at_ms: now_ms + 2 * patience_ms });
        Ok(())
    }

    /// Takes in the answer to the poll under way.
    pub fn answered(&mut self, response: Result<CalloutResponse, CalloutError>) -> Followed {
        let Some(poll) = self.poll.take() else { return Followed::Failed };
        let Some(PollAnswer { lease_ms, page }) = read(response) else { return Followed::Failed };
        // Two polls fit into a lease, so that the next answer comes before it ends.
        self.wait_ms = (lease_ms * 2 / 5).min(MAX_WAIT_MS);
        self.lease_until_ms = poll.sent_ms.saturating_add(lease_ms);
        self.apply(page)
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

fn read(response: Result<CalloutResponse, CalloutError>) -> Option<PollAnswer> {
    let response = response.ok()?;
    // Errors are JSON too, of another shape.
    serde_json::from_slice(&response.body().ok()?).ok()
}
