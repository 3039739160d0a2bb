//! What the companion has found.

use super::asked::{Asked, Worth};
use super::lead::Lead;
use super::{CacheStream, Looking, Missed};
use crate::companion::Ask;
use crate::flights::Landed;
use crate::lookup::{Fetching, Found, LookupAnswer};
use crate::measures::Lookup as Outcome;
use crate::stored::{Answer, Stored, times_of};
use crate::variants::Variants;
use cache_policy::cache_status::Forward;
use cache_protocol::View;
use invalidation::Verdict;
use slipstream_host::{Action, CalloutError, CalloutResponse, Moment, unix_ms};
use std::rc::Rc;

impl CacheStream {
    /// Takes in what the companion has found; whether the request is answered.
    pub(super) fn found(
        &mut self,
        looking: Looking,
        response: Result<CalloutResponse, CalloutError>,
    ) -> Action {
        let Looking { mut asked, ask, mut lead } = looking;
        let plugin = self.plugin.clone();
        let now = Moment::now();
        let answer = LookupAnswer::new(response);
        let body = answer.body(plugin.companion.borrow().max_envelope_bytes());
        let found = answer.found(asked.key(), body.as_deref());
        plugin.companion.borrow_mut().looked_up(&found, now.ms());
        if let Some(lead) = &mut lead {
            match (answer.fetching(), &found) {
                // What it may have said of the lease was lost with the rest.
                (Fetching::Unsaid, Found::Failed | Found::Damaged) => {}
                (fetching, _) => lead.answered(fetching),
            }
        }
        if matches!(found, Found::Failed | Found::Damaged) {
            plugin.flights.borrow_mut().trust_nobody_elsewhere();
        }
        let (mut missed, outcome) = match found {
            Found::Nothing(position) => {
                (Missed { position: Some(position), ..self.missed(asked) }, Outcome::Miss)
            }
            Found::Damaged => (self.missed(asked), Outcome::Damaged),
            Found::Failed => (self.missed(asked), Outcome::Failed),
            Found::Entry(view) if Variants::are(view.status) && asked.variant.is_none() => {
                let marker = Rc::new(Stored::new(view.to_entry()));
                marker.variants().into_iter().for_each(|variants| asked.choose(variants));
                plugin.l1.borrow_mut().insert(marker.clone());
                if let Some(lead) = lead {
                    lead.land(Landed::Stored(marker));
                }
                return self.seek(asked, now);
            }
            Found::Entry(view) => match self.weigh(asked, &view, lead.as_mut(), &answer, now) {
                Some(missed) => missed,
                None => {
                    if plugin.l1.borrow().is_on() || lead.is_some() {
                        let stored = Rc::new(Stored::new(view.to_entry()));
                        plugin.l1.borrow_mut().insert(stored.clone());
                        if let Some(lead) = lead {
                            lead.land(Landed::Stored(stored));
                        }
                    }
                    return Action::Pause;
                }
            },
        };
        if outcome == Outcome::Miss && missed.asked.go_elsewhere() {
            return self.seek(missed.asked, now);
        }
        missed.asked.come_back();
        let Some(lead) = lead else { return self.miss(missed, outcome, None) };
        match answer.fetching() {
            Fetching::Wait if !matches!(ask, Ask::Wait(_)) => {
                self.wait_for_others(missed, lead, outcome, now)
            }
            Fetching::Pass | Fetching::Wait => {
                lead.land(Landed::NotStorable);
                self.miss(missed, outcome, None)
            }
            Fetching::Lead | Fetching::Unsaid => self.miss(missed, outcome, Some(lead)),
        }
    }

    /// Serves what the companion has found, if it is worth it; none if it is.
    fn weigh(
        &mut self,
        asked: Asked,
        view: &View<'_>,
        lead: Option<&mut Lead>,
        answer: &LookupAnswer,
        now: Moment,
    ) -> Option<(Missed, Outcome)> {
        let is_soft = match self.plugin.judge_view(view, now.ms()) {
            Some(Verdict::Valid) => false,
            Some(Verdict::Stale) => true,
            // This worker has heard of a purge that the companion that answered has not.
            Some(Verdict::Invalid) => return Some((self.missed(asked), Outcome::Miss)),
            Some(Verdict::Unknown) | None => answer.is_told_stale(),
        };
        let worth = asked.worth(&view.headers, &times_of(view), is_soft, &self.plugin, unix_ms());
        let (reason, outcome) = match worth {
            Worth::Fresh { .. } | Worth::Stale { .. } => {
                if self.serve_found(&asked, view, worth, lead) {
                    return None;
                }
                (Forward::Partial, Outcome::Miss)
            }
            Worth::Old => (Forward::Stale, Outcome::Stale),
            Worth::Unwanted => (Forward::Request, Outcome::Stale),
        };
        let stale = (reason != Forward::Partial).then(|| Rc::new(Stored::new(view.to_entry())));
        // Where the log stood when this was found, and not where it stood before: what has made it stale since must not make
        // stale what is fetched now.
        let position = answer.position().or(Some(view.position));
        Some((Missed { asked, reason, position, stale }, outcome))
    }

    /// Serves what the companion has found. What is stale is refreshed by whom the companion gives leave.
    fn serve_found(
        &mut self,
        asked: &Asked,
        stored: &impl Answer,
        worth: Worth,
        lead: Option<&mut Lead>,
    ) -> bool {
        let is_served = self.serve(asked, stored, worth, Outcome::L2);
        if is_served
            && matches!(worth, Worth::Stale { .. })
            && let Some(lease) = lead.and_then(Lead::take_lease)
        {
            self.plugin.refresh(asked.key(), &asked.request, lease);
        }
        is_served
    }

    /// Waits at the companion for another worker's fetch, as long as there is time.
    fn wait_for_others(&mut self, missed: Missed, lead: Lead, outcome: Outcome, now: Moment) -> Action {
        let until_ms = missed.asked.began.ms() + self.plugin.config.collapse_wait_ms;
        match until_ms.saturating_sub(now.ms()) {
            0 => self.miss(missed, outcome, Some(lead)),
            wait_ms => self.look_up(missed.asked, Ask::Wait(wait_ms), Some(lead), now),
        }
    }
}
