//! Looking for a stored response, in both levels.

use super::asked::{Asked, Worth};
use super::{CacheStream, Fetch, Looking, Missed, State};
use crate::companion::{self, Ask, Fetching, Found};
use crate::flights::{Landed, Turn};
use crate::measures::{Lookup as Outcome, StaleReason};
use crate::stored::{Answer, Stored, times_of};
use crate::stream::lead::Lead;
use crate::variants::Variants;
use cache_policy::cache_status::{CacheStatus, Forward};
use cache_policy::conditional;
use cache_policy::range::{self, Parts};
use http_semantics::Fields;
use invalidation::Verdict;
use slipstream_host::{
    Action, CalloutError, CalloutResponse, HeaderBlock, HostError, now_ms, now_ns, send_local_reply,
};
use std::rc::Rc;

const DETAILS: &str = "slipstream_cache_hit";
const STALE_DETAILS: &str = "slipstream_cache_stale";

impl CacheStream {
    /// Looks in L1, and asks the companion if there is nothing.
    pub(super) fn seek(&mut self, mut asked: Asked, now_ms: u64) -> Action {
        if self.answer_from_l1(&mut asked, now_ms) {
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
                None => self.look_up(asked, Ask::Stored, None, now_ms),
            };
        }
        let wait_ms = self.plugin.config.collapse_wait_ms;
        let until_ms = asked.began_ns / 1_000_000 + wait_ms;
        let turn = self.plugin.flights.borrow_mut().join(asked.key(), self.id, until_ms, now_ms);
        match turn {
            Turn::Pass => self.look_up(asked, Ask::Stored, None, now_ms),
            Turn::Wait => {
                self.state = State::Waiting(Box::new(asked));
                Action::Pause
            }
            Turn::Lead => {
                let lead = Lead::new(self.plugin.clone(), asked.key().to_owned());
                self.look_up(asked, Ask::Lease(wait_ms), Some(lead), now_ms)
            }
        }
    }

    /// Whether L1 answers the request. If it only knows which variant is asked for, that is looked for in turn.
    fn answer_from_l1(&mut self, asked: &mut Asked, now_ms: u64) -> bool {
        let mut found = self.plugin.find_in_l1(asked.key(), now_ms);
        if let Some((variants, _)) = found.take_if(|(stored, _)| Variants::are(stored.entry.status)) {
            asked.choose(Variants::read(&variants));
            found = self.plugin.find_in_l1(asked.key(), now_ms);
        }
        let Some((stored, is_soft)) = found else { return false };
        let worth = asked.worth(&stored.entry.headers, &stored.times(), is_soft, &self.plugin, now_ms);
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
    pub(super) fn look_up(&mut self, asked: Asked, ask: Ask, lead: Option<Lead>, now_ms: u64) -> Action {
        let sent = self.plugin.companion.borrow_mut().look_up(asked.key(), ask, now_ms);
        let outcome = match sent {
            Some(Ok(token)) => {
                self.state = State::LookingUp(token, Box::new(Looking { asked, ask, lead }));
                return Action::Pause;
            }
            Some(Err(_)) => Outcome::Failed,
            None => Outcome::Skipped,
        };
        let missed = self.missed(asked);
        self.miss(missed, outcome, lead)
    }

    /// Takes in what the companion has found; whether the request is answered.
    pub(super) fn found(
        &mut self,
        looking: Looking,
        response: Result<CalloutResponse, CalloutError>,
    ) -> Action {
        let Looking { mut asked, ask, lead } = looking;
        let plugin = self.plugin.clone();
        let now_ms = now_ms();
        let body = plugin.companion.borrow().body(&response);
        let found = companion::read(asked.key(), &response, body.as_deref());
        plugin.companion.borrow_mut().looked_up(&found, now_ms);
        let (missed, outcome) = match found {
            Found::Nothing(position) => {
                (Missed { position: Some(position), ..self.missed(asked) }, Outcome::Miss)
            }
            Found::Damaged => (self.missed(asked), Outcome::Damaged),
            Found::Failed => (self.missed(asked), Outcome::Failed),
            Found::Entry(view) if Variants::are(view.status) && asked.variant.is_none() => {
                let variants = Rc::new(Stored::new(view.to_entry()));
                asked.choose(Variants::read(&variants));
                plugin.l1.borrow_mut().insert(variants.clone());
                if let Some(lead) = lead {
                    lead.land(Landed::Stored(variants));
                }
                return self.seek(asked, now_ms);
            }
            Found::Entry(view) if plugin.judge_view(&view, now_ms) == Some(Verdict::Invalid) => {
                // This worker has heard of a purge that the companion that answered has not.
                (self.missed(asked), Outcome::Miss)
            }
            Found::Entry(view) => {
                let is_soft = match plugin.judge_view(&view, now_ms) {
                    Some(Verdict::Valid) => false,
                    Some(Verdict::Stale) => true,
                    _ => companion::is_told_stale(&response),
                };
                let worth = asked.worth(&view.headers, &times_of(&view), is_soft, &plugin, now_ms);
                let (reason, outcome) = match worth {
                    Worth::Fresh { .. } | Worth::Stale { .. } => {
                        if self.serve_found(&asked, &view, worth, lead.as_ref(), &response) {
                            let is_worth_keeping = plugin.l1.borrow().is_on() || lead.is_some();
                            if is_worth_keeping {
                                let stored = Rc::new(Stored::new(view.to_entry()));
                                plugin.l1.borrow_mut().insert(stored.clone());
                                if let Some(lead) = lead {
                                    lead.land(Landed::Stored(stored));
                                }
                            }
                            return Action::Pause;
                        }
                        (Forward::Partial, Outcome::Miss)
                    }
                    Worth::Old => (Forward::Stale, Outcome::Stale),
                    Worth::Unwanted => (Forward::Request, Outcome::Stale),
                };
                let stale = (reason != Forward::Partial).then(|| Rc::new(Stored::new(view.to_entry())));
                // Where the log stood when this was found, and not where it stood before: what has made it stale since must
                // not make stale what is fetched now.
                let position = companion::position(&response).or(Some(view.position));
                (Missed { asked, reason, position, stale }, outcome)
            }
        };
        let mut missed = missed;
        if outcome == Outcome::Miss && missed.asked.go_elsewhere() {
            return self.seek(missed.asked, now_ms);
        }
        missed.asked.come_back();
        let Some(lead) = lead else { return self.miss(missed, outcome, None) };
        match companion::fetching(&response) {
            Fetching::Lead(lease) => self.miss(missed, outcome, Some(lead.under(lease))),
            Fetching::Wait if !matches!(ask, Ask::Wait(_)) => {
                self.wait_for_others(missed, lead, outcome, now_ms)
            }
            Fetching::Pass | Fetching::Wait => {
                lead.land(Landed::NotStorable);
                self.miss(missed, outcome, None)
            }
            Fetching::Unsaid => self.miss(missed, outcome, Some(lead)),
        }
    }

    /// Serves what the companion has found. What is stale is refreshed by whom the companion gives leave.
    fn serve_found(
        &mut self,
        asked: &Asked,
        stored: &impl Answer,
        worth: Worth,
        lead: Option<&Lead>,
        response: &Result<CalloutResponse, CalloutError>,
    ) -> bool {
        let is_served = self.serve(asked, stored, worth, Outcome::L2);
        if is_served
            && lead.is_some()
            && matches!(worth, Worth::Stale { .. })
            && let Fetching::Lead(lease) = companion::fetching(response)
        {
            self.plugin.refresh(asked.key(), &asked.request, lease);
        }
        is_served
    }

    /// Waits at the companion for another worker's fetch, as long as there is time.
    fn wait_for_others(&mut self, missed: Missed, lead: Lead, outcome: Outcome, now_ms: u64) -> Action {
        let until_ms = missed.asked.began_ns / 1_000_000 + self.plugin.config.collapse_wait_ms;
        match until_ms.saturating_sub(now_ms) {
            0 => self.miss(missed, outcome, Some(lead)),
            wait_ms => self.look_up(missed.asked, Ask::Wait(wait_ms), Some(lead), now_ms),
        }
    }

    /// A request for which nothing is stored. Where the companion does not say where the log stands, the follower may; and
    /// where it says nothing at all, there is what L1 has.
    fn missed(&self, mut asked: Asked) -> Missed {
        let position = self.plugin.follower.borrow().position();
        let (stale, reason) = match asked.held.take() {
            Some((stale, reason)) => (Some(stale), reason),
            None if asked.variant.is_some() => (None, Forward::VaryMiss),
            None => (None, Forward::Miss),
        };
        Missed { asked, reason, position, stale }
    }

    /// Answers the request with a stored response that is worth it; false if it does not hold what is asked for, or the
    /// host does not let it.
    pub(super) fn serve(
        &mut self,
        asked: &Asked,
        stored: &impl Answer,
        worth: Worth,
        outcome: Outcome,
    ) -> bool {
        let (age_seconds, ttl_seconds, details) = match worth {
            Worth::Fresh { age_seconds, ttl_seconds } => {
                (age_seconds, i64::try_from(ttl_seconds).unwrap_or(i64::MAX), DETAILS)
            }
            Worth::Stale { age_seconds, stale_ms, reason } => {
                self.plugin.measures.borrow_mut().stale_served(reason);
                (age_seconds, ttl_of_stale(stale_ms), STALE_DETAILS)
            }
            Worth::Old | Worth::Unwanted => return false,
        };
        if asked.is_elsewhere() && stored.fields().contains("content-encoding") {
            return false;
        }
        let told = CacheStatus::Hit { ttl_seconds };
        if !matches!(answer(asked, stored, age_seconds, told, details), Ok(true)) {
            return false;
        }
        self.state = State::Done;
        self.count(asked, outcome, true);
        true
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

    fn count(&self, asked: &Asked, outcome: Outcome, hit: bool) {
        if asked.refreshing.is_some() {
            return;
        }
        let latency_ns = now_ns().saturating_sub(asked.began_ns);
        let mut measures = self.plugin.measures.borrow_mut();
        measures.looked_up(outcome);
        measures.answered(asked.question.counted, hit, latency_ns);
    }
}

/// What is left of the lifetime of a response that became stale so long ago, in seconds: less than nothing.
pub(super) fn ttl_of_stale(stale_ms: u64) -> i64 {
    -i64::try_from(stale_ms.div_ceil(1000)).unwrap_or(i64::MAX)
}

/// Answers a request with a stored response, or with a 304 or parts of it if that is what is asked for. `details` are the
/// response code details of the access log. False if the parts are not stored.
pub(super) fn answer(
    asked: &Asked,
    stored: &impl Answer,
    age_seconds: u64,
    told: CacheStatus,
    details: &str,
) -> Result<bool, HostError> {
    let (status, fields, body) = (stored.status(), stored.fields(), stored.body());
    if asked.question.is_conditional && status == 200 && conditional::not_modified(&asked.request, fields) {
        return send_local_reply(304, details, &stored.not_modified_headers(age_seconds, told), b"")
            .map(|()| true);
    }
    let parts = if asked.question.lookup.range || status == 206 {
        range::decide(&asked.request, status, fields, body.len() as u64)
    } else {
        Parts::Whole
    };
    let send_parts = |status, own: &[(&str, &str)], content: &[u8]| {
        send_local_reply(status, details, &stored.part_headers(age_seconds, told, own), content)
    };
    match parts {
        Parts::Missing => return Ok(false),
        Parts::Whole if status == 206 => send_parts(200, &[], body)?,
        // The host leaves the body of an answer to HEAD out, and keeps its length.
        Parts::Whole => send_local_reply(status, details, &stored.headers(age_seconds, told), body)?,
        Parts::One(part) => {
            let bytes = range::slice(status, fields, body, &part);
            send_parts(206, &[("content-range", &range::content_range(&part))], bytes)?;
        }
        Parts::Several(parts) => {
            let boundary = format!("slipstream-{:016x}", now_ns());
            let parts = parts.iter().map(|part| (part, range::slice(status, fields, body, part)));
            let content = range::multipart(&boundary, fields.first("content-type"), parts);
            let content_type = format!("multipart/byteranges; boundary={boundary}");
            send_parts(206, &[("content-type", &content_type)], &content)?;
        }
        Parts::Unsatisfiable(complete) => {
            send_parts(416, &[("content-range", &format!("bytes */{complete}"))], b"")?;
        }
    }
    Ok(true)
}

/// The client wanted a stored response or none (RFC 9111 §5.2.1.7).
fn send_gateway_timeout() -> Result<(), HostError> {
    let fields: [(&[u8], &[u8]); 2] =
        [(b"cache-status", b"slipstream; fwd=miss; detail=only-if-cached"), (b"x-cache", b"MISS")];
    send_local_reply(504, "slipstream_only_if_cached", &HeaderBlock::new(fields.into_iter()), b"")
}
