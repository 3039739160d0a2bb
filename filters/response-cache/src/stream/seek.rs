//! Looking for a stored response: in L1, at the companion, and if there is none to the origin.

use super::validate::ask_if_modified;
use super::wait::Lead;
use super::{Asked, CacheStream, Fetch, Missed, State};
use crate::companion::{self, Found};
use crate::measures::Lookup as Outcome;
use crate::question::Question;
use crate::stored::{Answer, Stored, times_of};
use cache_policy::cache_status::{CacheStatus, Forward};
use cache_policy::conditional;
use cache_policy::reuse::{self, Reuse};
use http_semantics::Fields;
use slipstream_host::{
    Action, CalloutError, CalloutResponse, HeaderBlock, HostError, now_ms, now_ns, send_local_reply,
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
            return self.fetch(self.missed(asked, Forward::Request, Outcome::Forced), None);
        }
        if asked.question.may_share_a_fetch() && self.plugin.flights.borrow().is_under_way(key) {
            // Whoever is there has asked the companion already.
            return self.miss(self.missed(asked, Forward::Miss, Outcome::Miss), now_ms);
        }
        let sent = self.plugin.companion.borrow_mut().look_up(key, now_ms);
        match sent {
            Some(Ok(token)) => {
                self.state = State::LookingUp(token, Box::new(asked));
                Action::Pause
            }
            Some(Err(_)) => self.miss(self.missed(asked, Forward::Miss, Outcome::Failed), now_ms),
            None => self.miss(self.missed(asked, Forward::Miss, Outcome::Skipped), now_ms),
        }
    }

    /// Takes in what the companion has found; whether the request is answered.
    pub(super) fn found(&mut self, asked: Asked, response: Result<CalloutResponse, CalloutError>) -> Action {
        let plugin = self.plugin.clone();
        let now_ms = now_ms();
        let body = plugin.companion.borrow().body(&response);
        let found = companion::read(&asked.question.key, &response, body.as_deref());
        plugin.companion.borrow_mut().looked_up(&found, now_ms);
        let missed = match found {
            Found::Nothing(position) => {
                let missed = self.missed(asked, Forward::Miss, Outcome::Miss);
                Missed { position: Some(position), ..missed }
            }
            Found::Damaged => self.missed(asked, Forward::Miss, Outcome::Damaged),
            Found::Failed => self.missed(asked, Forward::Miss, Outcome::Failed),
            Found::Entry(view) => {
                // Older than where the log stands, and so all the more careful.
                let position = Some(view.position);
                let reuse = reuse::decide(&times_of(&view), &asked.question.lookup.cache_control, now_ms);
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
                Missed { position, stale, ..self.missed(asked, reason, outcome) }
            }
        };
        self.miss(missed, now_ms)
    }

    /// A request for which nothing is stored. Where the companion does not say where the log stands, the follower may.
    fn missed(&self, asked: Asked, reason: Forward, outcome: Outcome) -> Missed {
        let position = self.plugin.follower.borrow().position();
        Missed { asked, reason, outcome, position, stale: None }
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
        let told = CacheStatus::Hit { ttl_seconds: i64::try_from(ttl_seconds).unwrap_or(i64::MAX) };
        if answer(asked, stored, age_seconds, told, DETAILS).is_err() {
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

/// Answers a request with a stored response, or with a 304 in its place if that is what is asked for. `details` are the
/// response code details of the access log.
pub(super) fn answer(
    asked: &Asked,
    stored: &impl Answer,
    age_seconds: u64,
    told: CacheStatus,
    details: &str,
) -> Result<(), HostError> {
    let (status, fields) = (stored.status(), stored.fields());
    if asked.question.is_conditional
        && status == 200
        && conditional::not_modified(&asked.request, fields.first("etag"), fields.first("last-modified"))
    {
        return send_local_reply(304, details, &stored.not_modified_headers(age_seconds, told), b"");
    }
    // The host leaves the body of an answer to HEAD out, and keeps its length.
    send_local_reply(status, details, &stored.headers(age_seconds, told), stored.body())
}

/// The client wanted a stored response or none (RFC 9111 §5.2.1.7).
fn send_gateway_timeout() -> Result<(), HostError> {
    let fields: [(&[u8], &[u8]); 2] =
        [(b"cache-status", b"slipstream; fwd=miss; detail=only-if-cached"), (b"x-cache", b"MISS")];
    send_local_reply(504, "slipstream_only_if_cached", &HeaderBlock::new(fields.into_iter()), b"")
}
