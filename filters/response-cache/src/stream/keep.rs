//! Storing a response that the origin has given.

use super::lead::Lead;
use super::{Asked, CacheStream, Collected, Fetch, State, announce};
use crate::flights::Landed;
use crate::stored::Stored;
use cache_policy::RoutePolicy;
use cache_policy::cache_status::CacheStatus;
use cache_policy::range;
use cache_policy::request::BypassReason;
use cache_policy::stale;
use cache_policy::store;
use http_semantics::Fields;
use slipstream_host::{Action, Body, HeaderMap, Headers, HostError, Route};
use std::rc::Rc;

/// Why a response is not stored, beside `cache-policy`'s reasons.
pub(super) mod not_stored {
    pub const VALIDATOR: &str = "validator";
    pub const VARIANTS: &str = "variants";
    pub const SIZE: &str = "size";
    pub const TAGS: &str = "tags";
    pub const LENGTH_MISMATCH: &str = "length-mismatch";
    pub const TRAILERS: &str = "trailers";
    pub const NO_POSITION: &str = "no-position";
    pub const KEPT_OUT: &str = "undelivered-invalidation";
}

impl CacheStream {
    /// Decides what becomes of the origin's response.
    pub(super) fn receive(&mut self, mut fetch: Fetch, ended: bool) -> Result<Action, HostError> {
        let response = HeaderMap::Response.read()?;
        let status = response.status().unwrap_or(0);
        if let Some(stale) = fetch.stale.take() {
            if fetch.is_validating && status == 304 {
                return self.validated(fetch, &stale, &response);
            }
            if fetch.asked.question.lookup.head {
                self.freshen_by_head(&fetch, &stale, &response);
            }
            if stale::is_failure(status) && self.serve_on_error(&fetch.asked, &stale) {
                if let Some(lead) = fetch.lead {
                    lead.land(Landed::Failed(stale));
                }
                return Ok(Action::Pause);
            }
            if fetch.is_validating {
                self.plugin.measures.borrow_mut().validated(false);
            }
        }
        self.keep(fetch, status, &response, ended)?;
        Ok(Action::Continue)
    }

    /// Decides whether the origin's response is stored, and tells the client.
    fn keep(&mut self, fetch: Fetch, status: u16, response: &Headers, ended: bool) -> Result<(), HostError> {
        let announced_bytes = content_length(response);
        let verdict = match fetch.asked.question.lookup.store_allowed {
            true => self.storable(&fetch, status, response, announced_bytes),
            false => Err(BypassReason::Method.as_str()),
        };
        let (reason, detail) = (fetch.reason, verdict.as_ref().err().copied());
        announce(CacheStatus::Forward { reason, status: None, stored: detail.is_none(), detail })?;
        let Fetch { asked: Asked { question, .. }, lead, .. } = fetch;
        match (verdict, question.route.settings.as_ref()) {
            (Ok(keepable), Some(route)) => {
                let fields = store::stored_fields(response, &self.plugin.policy, route);
                let collected = keepable.collect(&question, status, fields, lead);
                self.state = State::Collecting(Box::new(Collected { announced_bytes, ..collected }));
                if ended {
                    self.finish();
                }
            }
            (verdict, _) => self.refuse(&question.route, verdict.err().unwrap_or_default(), lead),
        }
        Ok(())
    }

    /// Counts that a response is not stored.
    pub(super) fn refuse(&self, route: &Route<RoutePolicy>, reason: &'static str, lead: Option<Lead>) {
        self.count_not_stored(route, reason);
        if let Some(lead) = lead {
            lead.land(Landed::NotStorable);
        }
    }

    /// Takes in a piece of the body.
    pub(super) fn collect(&mut self, size: usize, ended: bool) -> Result<(), HostError> {
        let State::Collecting(collected) = &mut self.state else { return Ok(()) };
        if (collected.entry.body.len() + size) as u64 > collected.max_bytes {
            self.give_up(not_stored::SIZE);
            return Ok(());
        }
        if size > 0 {
            let mut piece = Body::Response.read(size)?;
            if collected.entry.body.is_empty() {
                collected.entry.body = piece;
            } else {
                collected.entry.body.append(&mut piece);
            }
        }
        if ended {
            self.finish();
        }
        Ok(())
    }

    /// Stores what has been collected: the response is complete.
    fn finish(&mut self) {
        let State::Collecting(collected) = std::mem::replace(&mut self.state, State::Done) else { return };
        let bytes = collected.entry.body.len() as u64;
        let is_part = collected.entry.status == 206;
        if collected.announced_bytes.is_some_and(|announced| announced != bytes)
            || (is_part && !range::is_whole_part(&collected.entry.headers, bytes))
        {
            return self.count_not_stored(&collected.route, not_stored::LENGTH_MISMATCH);
        }
        self.store(*collected);
    }

    /// Stores a response in both levels, unless the caches are to be kept out of.
    pub(super) fn store(&self, collected: Collected) {
        let Collected { entry, keep_ms, variants, route, mut lead, .. } = collected;
        if self.plugin.must_keep_out() {
            return self.count_not_stored(&route, not_stored::KEPT_OUT);
        }
        // Only what is stored under the key that others wait for ends their waiting.
        let lease = lead.as_mut().filter(|lead| lead.key() == entry.key).and_then(Lead::take_lease);
        let is_of_use_to_others = entry.freshness_lifetime_ms > entry.initial_age_ms;
        let sent = self.plugin.store_under(&entry, keep_ms, lease, self.trace);
        self.plugin.measures.borrow_mut().stored(sent.is_some());
        let stored = Rc::new(Stored::new(entry));
        self.plugin.l1.borrow_mut().insert(stored.clone());
        let mut landed = stored;
        if let Some((entry, keep_ms)) = variants {
            let lease = lead.as_mut().filter(|lead| lead.key() == entry.key).and_then(Lead::take_lease);
            let variants = Rc::new(Stored::new(entry));
            self.plugin.l1.borrow_mut().insert(variants.clone());
            self.plugin.store_after(sent, variants.clone(), keep_ms, lease);
            if lead.as_ref().is_some_and(|lead| lead.key() == variants.entry.key) {
                landed = variants;
            }
        }
        if let Some(lead) = lead {
            let is_waited_for = lead.key() == landed.entry.key;
            lead.land(match (is_waited_for, is_of_use_to_others) {
                (true, true) => Landed::Stored(landed),
                (true, false) => Landed::NotStorable,
                (false, _) => Landed::Lost,
            });
        }
    }

    /// Lets the response pass without storing it.
    pub(super) fn give_up(&mut self, reason: &'static str) {
        if let State::Collecting(collected) = std::mem::replace(&mut self.state, State::Done) {
            self.refuse(&collected.route, reason, collected.lead);
        }
    }

    fn count_not_stored(&self, route: &Route<RoutePolicy>, reason: &'static str) {
        self.plugin.measures.borrow_mut().not_stored(self.labels(route), reason);
    }
}

fn content_length(response: &Headers) -> Option<u64> {
    std::str::from_utf8(response.first("content-length")?).ok()?.parse().ok()
}
