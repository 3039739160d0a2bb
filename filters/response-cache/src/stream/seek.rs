//! Looking for a stored response: in L1, at the companion, and if there is none to the origin.

use super::validate::ask_if_modified;
use super::wait::Lead;
use super::{Asked, CacheStream, Fetch, Missed, State};
use crate::companion::{self, Found};
use crate::measures::Lookup as Outcome;
use crate::question::Question;
use crate::stored::{Answer, Stored};
use cache_policy::cache_status::Forward;
use cache_policy::conditional;
use cache_policy::reuse::{self, Reuse};
use slipstream_host::{
    Action, CalloutError, CalloutResponse, HeaderBlock, HostError, now_ns, send_local_reply,
};
use std::rc::Rc;

const DETAILS: &str = "slipstream_cache_hit";

impl CacheStream {
    /// Looks in L1, and asks the companion if there is nothing.
    pub(super) fn seek(&mut self, asked: Asked) -> Action {
        let now_ms = asked.began_ns / 1_000_000;
        let Question { lookup, key, .. } = &*asked.question;
        if let Some(stored) = lookup.may_use_stored.then(|| self.plugin.find_in_l1(key, now_ms)).flatten()
            && let Reuse::Fresh { age_seconds, ttl_seconds } =
                reuse::decide(&stored.times(), &lookup.cache_control, now_ms)
            && self.serve(&asked, &*stored, age_seconds, ttl_seconds, Outcome::L1)
        {
            return Action::Pause;
        }
        if !lookup.may_use_stored {
            let missed = Missed::new(asked, Forward::Request, Outcome::Forced);
            let position = self.plugin.follower.borrow().position();
            return self.fetch(Missed { position, ..missed }, None);
        }
        if asked.question.may_share_a_fetch() && self.plugin.flights.borrow().is_under_way(key) {
            // Whoever is there has asked the companion already.
            return self.missed(Missed::new(asked, Forward::Miss, Outcome::Miss), now_ms);
        }
        let sent = self.plugin.companion.borrow_mut().look_up(key, now_ms);
        match sent {
            Some(Ok(token)) => {
                self.state = State::LookingUp(token, Box::new(asked));
                Action::Pause
            }
            Some(Err(_)) => self.missed(Missed::new(asked, Forward::Miss, Outcome::Failed), now_ms),
            None => self.missed(Missed::new(asked, Forward::Miss, Outcome::Skipped), now_ms),
        }
    }

    /// Takes in what the companion has found; whether the request is answered.
    pub(super) fn found(&mut self, asked: Asked, response: Result<CalloutResponse, CalloutError>) -> Action {
        let plugin = self.plugin.clone();
        let now_ms = now_ns() / 1_000_000;
        let body = plugin.companion.borrow().body(&response);
        let found = companion::read(&asked.question.key, &response, body.as_deref());
        plugin.companion.borrow_mut().looked_up(&found, now_ms);
        let missed = match found {
            Found::Nothing(position) => {
                let missed = Missed::new(asked, Forward::Miss, Outcome::Miss);
                Missed { position: Some(position), ..missed }
            }
            Found::Damaged => Missed::new(asked, Forward::Miss, Outcome::Damaged),
            Found::Failed => Missed::new(asked, Forward::Miss, Outcome::Failed),
            Found::Entry(view) => {
                // Older than where the log stands, and so all the more careful.
                let position = Some(view.position);
                let reuse = reuse::decide(&view.times(), &asked.question.lookup.cache_control, now_ms);
                let (reason, outcome, stale) = match reuse {
                    Reuse::Fresh { age_seconds, ttl_seconds } => {
                        let mut l1 = plugin.l1.borrow_mut();
                        if l1.is_on() {
                            l1.insert(Rc::new(Stored::new(view.to_entry())));
                        }
                        if self.serve(&asked, &view, age_seconds, ttl_seconds, Outcome::L2) {
                            return Action::Pause;
                        }
                        (Forward::Miss, Outcome::Failed, None)
                    }
                    Reuse::Stale => (Forward::Stale, Outcome::Stale, Some(view.to_entry())),
                    Reuse::Unwanted => (Forward::Request, Outcome::Stale, Some(view.to_entry())),
                };
                let stale = stale.map(|entry| Rc::new(Stored::new(entry)));
                Missed { position, stale, ..Missed::new(asked, reason, outcome) }
            }
        };
        self.missed(missed, now_ms)
    }

    /// No stored response answers the request. Where the companion does not say where the log stands, the follower may.
    fn missed(&mut self, missed: Missed, now_ms: u64) -> Action {
        let position = missed.position.or_else(|| self.plugin.follower.borrow().position());
        self.miss(Missed { position, ..missed }, now_ms)
    }

    /// Answers the request with a stored response; false if the host does not let it.
    pub(super) fn serve(
        &mut self,
        asked: &Asked,
        stored: &impl Answer,
        age_seconds: u64,
        ttl_seconds: u64,
        outcome: Outcome,
    ) -> bool {
        let status = stored.status();
        let not_modified = asked.question.is_conditional
            && status == 200
            && conditional::not_modified(&asked.request, stored.field("etag"), stored.field("last-modified"));
        let sent = if not_modified {
            let headers = stored.not_modified_headers(age_seconds, ttl_seconds);
            send_local_reply(304, DETAILS, &headers, b"")
        } else {
            // The host leaves the body of an answer to HEAD out, and keeps its length.
            send_local_reply(status, DETAILS, &stored.headers(age_seconds, ttl_seconds), stored.body())
        };
        if sent.is_err() {
            return false;
        }
        self.state = State::Done;
        self.count(asked, outcome, true);
        true
    }

    /// Lets the request go to the origin, unless its client wants nothing from there.
    pub(super) fn fetch(&mut self, missed: Missed, lead: Option<Lead>) -> Action {
        let Missed { asked, reason, outcome, position, stale } = missed;
        self.count(&asked, outcome, false);
        if asked.question.lookup.only_if_cached && send_gateway_timeout().is_ok() {
            self.state = State::Done;
            return Action::Pause;
        }
        // A HEAD brings no content, and so nothing that could be stored.
        let stale = stale.filter(|_| asked.question.lookup.store_allowed);
        let is_validating = stale.as_ref().is_some_and(|stale| ask_if_modified(stale, &asked.request));
        self.state = State::Fetching(Box::new(Fetch { asked, reason, position, lead, stale, is_validating }));
        Action::Continue
    }

    fn count(&self, asked: &Asked, outcome: Outcome, hit: bool) {
        let latency_ns = now_ns().saturating_sub(asked.began_ns);
        let mut measures = self.plugin.measures.borrow_mut();
        measures.looked_up(outcome);
        measures.answered(asked.question.counted, hit, latency_ns);
    }
}

/// The client wanted a stored response or none (RFC 9111 §5.2.1.7).
fn send_gateway_timeout() -> Result<(), HostError> {
    let fields: [(&[u8], &[u8]); 2] =
        [(b"cache-status", b"slipstream; fwd=miss; detail=only-if-cached"), (b"x-cache", b"MISS")];
    send_local_reply(504, "slipstream_only_if_cached", &HeaderBlock::new(fields.into_iter()), b"")
}
