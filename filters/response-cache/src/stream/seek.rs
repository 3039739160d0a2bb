//! Looking for a stored response, in both levels.

use super::asked::{Asked, Worth};
use super::lead::Lead;
use super::{CacheStream, Fetch, Looking, Missed, State};
use crate::companion::Ask;
use crate::flights::Turn;
use crate::measures::{Lookup as Outcome, StaleReason};
use cache_policy::cache_status::Forward;
use slipstream_host::{Action, HeaderBlock, HostError, Moment, send_local_reply};

impl CacheStream {
    /// Looks in L1, and asks the companion if there is nothing.
    pub(super) fn seek(&mut self, mut asked: Asked, now: Moment) -> Action {
        if self.answer_from_l1(&mut asked, now) {
            return Action::Pause;
        }
        if !asked.question.may_share_a_fetch() || asked.refreshing.is_some() {
            let is_forced = asked.refreshing.is_some() || !asked.question.lookup.may_use_stored;
            return match asked.held.take_if(|_| is_forced) {
                // What the client does not want, or what is to be refreshed, is known already.
                Some((stale, reason)) => {
                    let position = self.plugin.follower.borrow().position();
                    self.miss(Missed { asked, reason, position, stale: Some(stale) }, Outcome::Forced, None)
                }
                None => self.look_up(asked, Ask::Stored, None, now),
            };
        }
        let wait_ms = self.plugin.config.collapse_wait_ms;
        let until_ms = asked.began.ms() + wait_ms;
        let turn = self.plugin.flights.borrow_mut().join(asked.key(), self.id, until_ms, now.ms());
        match turn {
            Turn::Pass => self.look_up(asked, Ask::Stored, None, now),
            Turn::Wait => {
                self.state = State::Waiting(Box::new(asked));
                Action::Pause
            }
            Turn::Lead => {
                let lead = Lead::new(self.plugin.clone(), asked.key().to_owned());
                self.look_up(asked, Ask::Lease(wait_ms), Some(lead), now)
            }
        }
    }

    /// Whether L1 answers the request. If it only knows which variant is asked for, that is looked for in turn.
    fn answer_from_l1(&mut self, asked: &mut Asked, now: Moment) -> bool {
        let mut found = self.plugin.find_in_l1(asked.key(), now.ms());
        if let Some(variants) = found.as_ref().and_then(|(stored, _)| stored.variants()) {
            asked.choose(variants);
            found = self.plugin.find_in_l1(asked.key(), now.ms());
        }
        let Some((stored, is_soft)) = found else { return false };
        let worth = asked.worth(&stored.entry.headers, &stored.times(), is_soft, &self.plugin, now.ms());
        let reason = match worth {
            Worth::Fresh { .. } | Worth::Stale { reason: StaleReason::MaxStale, .. } => {
                return self.serve(asked, &*stored, worth, Outcome::L1);
            }
            // The companion may have a fresher one, and says who is to refresh it.
            Worth::Stale { .. } | Worth::Old => Forward::Stale,
            Worth::Unwanted => Forward::Request,
        };
        asked.held = Some((stored, reason));
        false
    }

    /// Asks the companion.
    pub(super) fn look_up(&mut self, asked: Asked, ask: Ask, mut lead: Option<Lead>, now: Moment) -> Action {
        self.trace = super::trace_of(&asked.request);
        let lease = lead.as_ref().map(Lead::lease).unwrap_or_default();
        let sent = self.plugin.companion.borrow_mut().look_up(asked.key(), ask, lease, self.trace, now.ms());
        let outcome = match sent {
            Some(Ok(token)) => {
                if let Some(lead) = &mut lead {
                    lead.asked();
                    if let Ask::Wait(_) = ask {
                        self.plugin.flights.borrow_mut().wait_elsewhere(lead.key(), self.id);
                    }
                }
                self.state = State::LookingUp(token, Box::new(Looking { asked, ask, lead }));
                return Action::Pause;
            }
            Some(Err(_)) => Outcome::Failed,
            None => Outcome::Skipped,
        };
        let missed = self.missed(asked);
        self.miss(missed, outcome, lead)
    }

    /// A request for which nothing is stored. Where the companion does not say where the log stands, the follower may; and
    /// where it says nothing at all, there is what L1 has.
    pub(super) fn missed(&self, mut asked: Asked) -> Missed {
        let position = self.plugin.follower.borrow().position();
        let (stale, reason) = match asked.held.take() {
            Some((stale, reason)) => (Some(stale), reason),
            None if asked.variant.is_some() => (None, Forward::VaryMiss),
            None => (None, Forward::Miss),
        };
        Missed { asked, reason, position, stale }
    }

    /// Lets the request go to the origin, unless its client wants nothing from there.
    pub(super) fn miss(&mut self, missed: Missed, outcome: Outcome, lead: Option<Lead>) -> Action {
        let Missed { asked, reason, position, stale } = missed;
        self.count(&asked, outcome, false);
        if asked.question.lookup.only_if_cached && send_gateway_timeout().is_ok() {
            self.state = State::Done;
            return Action::Pause;
        }
        let lead = match &asked.refreshing {
            Some(refreshing) => Some(refreshing.lead(self.plugin.clone(), asked.key())),
            None => lead,
        };
        // A part that is not stored is asked for as it is: the condition of a 304 would be another's. And where only a part is
        // stored, a 304 would leave nothing to answer with.
        let stale = stale.filter(|stale| !asked.question.lookup.range && stale.entry.status != 206);
        // A HEAD brings no content, and so nothing that could be stored.
        let is_validating = asked.question.lookup.store_allowed
            && stale.as_ref().is_some_and(|stale| super::validate::ask_if_modified(stale, &asked.request));
        self.state = State::Fetching(Box::new(Fetch { asked, reason, position, lead, stale, is_validating }));
        Action::Continue
    }

    pub(super) fn count(&self, asked: &Asked, outcome: Outcome, hit: bool) {
        if asked.refreshing.is_some() {
            return;
        }
        let latency_ns = asked.began.elapsed_ns();
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
