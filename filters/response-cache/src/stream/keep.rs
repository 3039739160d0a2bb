//! Storing a response that the origin has given.

use super::{Asked, CacheStream, Collected, Fetch, State, announce};
use crate::config::RouteSettings;
use crate::flights::Landed;
use crate::stored::Stored;
use cache_policy::cache_status::CacheStatus;
use cache_policy::request::BypassReason;
use cache_policy::store::{self, Storable};
use cache_policy::tags::{self, BadTags};
use cache_protocol::Entry;
use http_semantics::Fields;
use invalidation::Position;
use slipstream_host::{Body, HeaderMap, Headers, HostError, Route, now_ns};
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
struct Keepable {
    storable: Storable,
    position: Position,
    tags: Vec<String>,
}

impl CacheStream {
    /// Decides whether the origin's response is stored, and tells the client.
    pub(super) fn receive(&mut self, fetch: Fetch, ended: bool) -> Result<(), HostError> {
        let response = HeaderMap::Response.read()?;
        let verdict = self.storable(&fetch, &response);
        let detail = verdict.as_ref().err().copied();
        announce(CacheStatus::Forward { reason: fetch.reason, stored: detail.is_none(), detail })?;
        let Fetch { asked: Asked { question, .. }, lead, .. } = fetch;
        let route = question.route.clone();
        match verdict {
            Err(reason) => {
                self.plugin.measures.borrow_mut().not_stored(self.labels(&route), reason);
                if let Some(lead) = lead {
                    lead.land(Landed::NotStorable);
                }
            }
            Ok(Keepable { storable, position, tags }) => {
                let entry = Entry {
                    key: question.key.clone(),
                    position,
                    response_time_ms: now_ns() / 1_000_000,
                    initial_age_ms: storable.initial_age_ms,
                    freshness_lifetime_ms: storable.freshness_lifetime_ms,
                    status: response.status().unwrap_or(0),
                    tags,
                    headers: store::stored_fields(&response)
                        .map(|(name, value)| (name.to_vec(), value.to_vec()))
                        .collect(),
                    body: Vec::new(),
                };
                let announced_bytes = content_length(&response);
                let collected = Collected { entry, ttl_ms: storable.ttl_ms(), route, announced_bytes, lead };
                self.state = State::Collecting(Box::new(collected));
                if ended {
                    self.finish();
                }
            }
        }
        Ok(())
    }

    fn storable(&self, fetch: &Fetch, response: &Headers) -> Result<Keepable, &'static str> {
        let Fetch { asked, .. } = fetch;
        let Some(settings) = &asked.question.route.settings else {
            return Err(BypassReason::Disabled.as_str());
        };
        if !asked.question.lookup.store_allowed {
            return Err(BypassReason::Method.as_str());
        }
        let storable = store::decide(
            &asked.request,
            response.status().unwrap_or(0),
            response,
            &self.plugin.policy,
            &settings.policy,
            now_ns() / 1_000_000,
        )
        .map_err(|reason| reason.as_str())?;
        if content_length(response).is_some_and(|length| length > self.plugin.config.max_entry_bytes) {
            return Err(not_stored::SIZE);
        }
        let tags = tags::of_response(response, &self.plugin.config.tag_headers, &settings.policy.tags)
            .map_err(|BadTags| not_stored::TAGS)?;
        let position = fetch.position.ok_or(not_stored::NO_POSITION)?;
        Ok(Keepable { storable, position, tags })
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
        let Collected { entry, ttl_ms, route, announced_bytes, lead } = *collected;
        if announced_bytes.is_some_and(|announced| announced != entry.body.len() as u64) {
            return self.count_not_stored(&route, not_stored::LENGTH_MISMATCH);
        }
        if self.plugin.must_keep_out() {
            return self.count_not_stored(&route, not_stored::KEPT_OUT);
        }
        let sent = self.plugin.companion.borrow().store(&entry, ttl_ms);
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
            self.count_not_stored(&collected.route, reason);
            if let Some(lead) = collected.lead {
                lead.land(Landed::NotStorable);
            }
        }
    }

    fn count_not_stored(&self, route: &Route<RouteSettings>, reason: &'static str) {
        self.plugin.measures.borrow_mut().not_stored(self.labels(route), reason);
    }
}

fn content_length(response: &Headers) -> Option<u64> {
    std::str::from_utf8(response.first("content-length")?).ok()?.parse().ok()
}
