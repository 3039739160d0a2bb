//! Invalidations that are not acknowledged yet.

use cache_protocol::InvalidationRequest;
use slipstream_host::Token;
use std::collections::HashMap;

/// How many targets are kept one by one; more become "everything".
const CAPACITY: usize = 1_000;

/// Invalidations that were sent, and those that could not be delivered. While there are any of the latter, nothing may
/// be served from a cache: somebody's write is not known everywhere.
#[derive(Default)]
pub struct Outbox {
    sent: HashMap<Token, Sent>,
    undelivered: InvalidationRequest,
}

struct Sent {
    request: InvalidationRequest,
    give_up_ms: u64,
}

impl Outbox {
    /// Remembers an invalidation under way. One whose answer nobody brings until `give_up_ms`, because the stream that
    /// waited for it is gone, counts as undelivered.
    pub fn sent(&mut self, token: Token, request: InvalidationRequest, give_up_ms: u64) {
        self.sent.insert(token, Sent { request, give_up_ms });
    }

    /// An answer has come; false if no invalidation waits for it.
    pub fn answered(&mut self, token: Token, delivered: bool) -> bool {
        match self.sent.remove(&token) {
            None => false,
            Some(sent) => {
                if !delivered {
                    self.keep(sent.request);
                }
                true
            }
        }
    }

    /// Keeps an invalidation that could not be delivered.
    pub fn keep(&mut self, request: InvalidationRequest) {
        let kept = &mut self.undelivered;
        kept.all |= request.all;
        if !kept.all {
            merge(&mut kept.keys, request.keys);
            merge(&mut kept.tags, request.tags);
            merge(&mut kept.prefixes, request.prefixes);
        }
        if kept.all || kept.keys.len() + kept.tags.len() + kept.prefixes.len() > CAPACITY {
            *kept = InvalidationRequest { all: true, ..InvalidationRequest::default() };
        }
    }

    /// Counts as undelivered what has waited too long.
    pub fn expire(&mut self, now_ms: u64) {
        let late: Vec<Token> =
            self.sent.iter().filter(|(_, sent)| sent.give_up_ms <= now_ms).map(|(token, _)| *token).collect();
        for token in late {
            self.answered(token, false);
        }
    }

    /// Whether there is something undelivered.
    pub fn has_undelivered(&self) -> bool {
        !self.undelivered.is_empty()
    }

    /// What is undelivered, to be sent again.
    pub fn undelivered(&self) -> &InvalidationRequest {
        &self.undelivered
    }

    /// What was undelivered has been delivered.
    pub fn delivered_all(&mut self, request: &InvalidationRequest) {
        if self.undelivered == *request {
            self.undelivered = InvalidationRequest::default();
        }
    }
}

fn merge(kept: &mut Vec<String>, more: Vec<String>) {
    for target in more {
        if !kept.contains(&target) {
            kept.push(target);
        }
    }
}
