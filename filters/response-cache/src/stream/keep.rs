//! Storing a response that the origin has given.

use super::wait::Lead;
use super::{Asked, CacheStream, Collected, Fetch, State, announce};
use crate::config::RouteSettings;
use crate::flights::Landed;
use crate::stored::Stored;
use cache_policy::cache_status::CacheStatus;
use cache_policy::request::BypassReason;
use cache_policy::stale;
use cache_policy::store::{self, Storable};
use cache_policy::tags::{self, BadTags};
use cache_protocol::Entry;
use http_semantics::Fields;
use invalidation::Position;
use slipstream_host::{Action, Body, HeaderMap, Headers, HostError, Route, now_ms};
use std::rc::Rc;

/// Why a response is not stored, beside `cache-policy`'s reasons.
pub(super) mod not_stored {
    pub const SIZE: &str = "size";
    pub const TAGS: &str = "tags";
    pub const LENGTH_MISMATCH: &str = "length-mismatch";
    pub const TRAILERS: &str = "trailers";
    pub const NO_POSITION: &str = "no-position";
    pub const KEPT_OUT: &str = "undelivered-invalidation";
}

/// What it takes to store a response, beside the response.
pub(super) struct Keepable {
    pub(super) storable: Storable,
    /// How long it is worth keeping.
    pub(super) keep_ms: u64,
    position: Position,
    tags: Vec<String>,
    response_time_ms: u64,
}

impl Keepable {
    /// What is stored, but for the content.
    pub(super) fn into_entry<'a>(
        self,
        key: &str,
        status: u16,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Entry {
        Entry {
            key: key.to_owned(),
            position: self.position,
            response_time_ms: self.response_time_ms,
            initial_age_ms: self.storable.initial_age_ms,
            freshness_lifetime_ms: self.storable.freshness_lifetime_ms,
            status,
            tags: self.tags,
            headers: fields.map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
            body: Vec::new(),
        }
    }
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
        let verdict = self.storable(&fetch, status, response, announced_bytes);
        let (reason, detail) = (fetch.reason, verdict.as_ref().err().copied());
        announce(CacheStatus::Forward { reason, status: None, stored: detail.is_none(), detail })?;
        let Fetch { asked: Asked { question, .. }, lead, .. } = fetch;
        match verdict {
            Err(reason) => self.refuse(&question.route, reason, lead),
            Ok(keepable) => {
                let keep_ms = keepable.keep_ms;
                let entry = keepable.into_entry(&question.key, status, store::stored_fields(response));
                let route = question.route.clone();
                let collected = Collected { entry, keep_ms, route, announced_bytes, lead };
                self.state = State::Collecting(Box::new(collected));
                if ended {
                    self.finish();
                }
            }
        }
        Ok(())
    }

    /// Counts that a response is not stored.
    pub(super) fn refuse(&self, route: &Route<RouteSettings>, reason: &'static str, lead: Option<Lead>) {
        self.count_not_stored(route, reason);
        if let Some(lead) = lead {
            lead.land(Landed::NotStorable);
        }
    }

    /// Whether a response with these fields may be stored, and how.
    pub(super) fn storable(
        &self,
        fetch: &Fetch,
        status: u16,
        response: &impl Fields,
        content_length: Option<u64>,
    ) -> Result<Keepable, &'static str> {
        let Fetch { asked, .. } = fetch;
        let Some(settings) = &asked.question.route.settings else {
            return Err(BypassReason::Disabled.as_str());
        };
        if !asked.question.lookup.store_allowed {
            return Err(BypassReason::Method.as_str());
        }
        let (policy, route) = (&self.plugin.policy, &settings.policy);
        let now_ms = now_ms();
        let storable = store::decide(&asked.request, status, response, policy, route, now_ms)
            .map_err(|reason| reason.as_str())?;
        if content_length.is_some_and(|length| length > self.plugin.config.max_entry_bytes) {
            return Err(not_stored::SIZE);
        }
        let tags = tags::of_response(response, &self.plugin.config.tag_headers, &route.tags)
            .map_err(|BadTags| not_stored::TAGS)?;
        let position = fetch.position.ok_or(not_stored::NO_POSITION)?;
        let keep_ms = storable.ttl_ms().saturating_add(stale::keep_ms(response, policy, route));
        Ok(Keepable { storable, keep_ms, position, tags, response_time_ms: now_ms })
    }

    /// Takes in a piece of the body.
    pub(super) fn collect(&mut self, size: usize, ended: bool) -> Result<(), HostError> {
        let State::Collecting(collected) = &mut self.state else { return Ok(()) };
        if (collected.entry.body.len() + size) as u64 > self.plugin.config.max_entry_bytes {
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
        let Collected { entry, keep_ms, route, announced_bytes, lead } = *collected;
        if announced_bytes.is_some_and(|announced| announced != entry.body.len() as u64) {
            return self.count_not_stored(&route, not_stored::LENGTH_MISMATCH);
        }
        self.store(entry, keep_ms, &route, lead);
    }

    /// Stores a response in both levels, unless the caches are to be kept out of.
    pub(super) fn store(&self, entry: Entry, keep_ms: u64, route: &Route<RouteSettings>, lead: Option<Lead>) {
        if self.plugin.must_keep_out() {
            return self.count_not_stored(route, not_stored::KEPT_OUT);
        }
        let sent = self.plugin.companion.borrow().store(&entry, keep_ms);
        self.plugin.measures.borrow_mut().stored(sent);
        let stored = Rc::new(Stored::new(entry));
        self.plugin.l1.borrow_mut().insert(stored.clone());
        if let Some(lead) = lead {
            lead.land(Landed::Stored(stored));
        }
    }

    /// Lets the response pass without storing it.
    pub(super) fn give_up(&mut self, reason: &'static str) {
        if let State::Collecting(collected) = std::mem::replace(&mut self.state, State::Done) {
            self.refuse(&collected.route, reason, collected.lead);
        }
    }

    fn count_not_stored(&self, route: &Route<RouteSettings>, reason: &'static str) {
        self.plugin.measures.borrow_mut().not_stored(self.labels(route), reason);
    }
}

fn content_length(response: &Headers) -> Option<u64> {
    std::str::from_utf8(response.first("content-length")?).ok()?.parse().ok()
}
