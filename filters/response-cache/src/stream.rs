//! A request's way through the cache.

use crate::companion::Found;
use crate::config::RouteSettings;
use crate::measures::{Labels, Lookup as Outcome};
use crate::plugin::ResponseCache;
use crate::stored::Stored;
use cache_policy::cache_status::{CacheStatus, Forward};
use cache_policy::request::{self, BypassReason, Lookup, RequestDecision};
use cache_policy::reuse::{self, Reuse};
use cache_policy::store::{self, Storable};
use cache_policy::{conditional, key};
use cache_protocol::names::MAX_TARGET_BYTES;
use cache_protocol::{Entry, InvalidationRequest};
use http_semantics::Fields;
use invalidation::Position;
use slipstream_host::{
    Action, Body, CalloutError, CalloutResponse, HeaderBlock, HeaderMap, Headers, HostError, Route, Stream,
    Token, now_ns, resume_request, resume_response, send_local_reply,
};
use std::rc::Rc;

/// One request and its response.
pub struct CacheStream {
    plugin: Rc<ResponseCache>,
    state: State,
}

enum State {
    /// Nothing to do, or nothing more.
    Done,
    /// The request waits for the companion.
    LookingUp(Token, Box<Seeking>),
    /// The request is at the origin, and its response may be stored.
    Fetching(Box<Fetch>),
    /// The response's body is coming in.
    Collecting(Box<Collected>),
    /// The request is at the origin, and goes past the cache.
    Bypassing(&'static str),
    /// A write is at the origin.
    Writing(InvalidationRequest),
    /// The response to a write waits for its invalidation.
    Invalidating(Token),
}

/// A request that a stored response may answer.
struct Asked {
    lookup: Lookup,
    request: Headers,
    route: Rc<Route<RouteSettings>>,
    began_ns: u64,
}

/// A request for which no response is stored in L1.
struct Seeking {
    asked: Asked,
    key: String,
}

/// A request that went to the origin because no stored response would do.
struct Fetch {
    seeking: Seeking,
    reason: Forward,
    /// Where the log stood before; without it the response cannot be stored.
    position: Option<Position>,
}

/// A response on its way into the cache.
struct Collected {
    entry: Entry,
    ttl_ms: u64,
    route: Rc<Route<RouteSettings>>,
    announced_bytes: Option<u64>,
}

/// Why a request bypasses the cache, beside `cache-policy`'s reasons: no invalidation could name its key, and the
/// companion would refuse it.
const LONG_KEY: &str = "long-key";

/// Why a response is not stored, beside `cache-policy`'s reasons.
mod not_stored {
    pub const SIZE: &str = "size";
    pub const LENGTH_MISMATCH: &str = "length-mismatch";
    pub const TRAILERS: &str = "trailers";
    pub const NO_POSITION: &str = "no-position";
    pub const KEPT_OUT: &str = "undelivered-invalidation";
}

const DETAILS: &str = "slipstream_cache_hit";

impl CacheStream {
    pub(crate) fn new(plugin: Rc<ResponseCache>) -> CacheStream {
        CacheStream { plugin, state: State::Done }
    }

    fn begin(&mut self, has_body: bool) -> Result<Action, HostError> {
        let plugin = self.plugin.clone();
        let request = HeaderMap::Request.read()?;
        let (Some(method), Some(authority), Some(path)) =
            (request.first(":method"), request.first(":authority"), request.first(":path"))
        else {
            return Ok(Action::Continue);
        };
        let began_ns = now_ns();
        let route = plugin.routes.current(authority, began_ns / 1_000_000)?;
        let Some(settings) = &route.settings else {
            return Ok(self.bypass(&route, "settings"));
        };
        let decision = if plugin.must_keep_out() {
            // Writes still have to be made known.
            match request::decide(method, &request, &plugin.policy, &settings.policy) {
                RequestDecision::Invalidate => RequestDecision::Invalidate,
                _ => return Ok(self.bypass(&route, not_stored::KEPT_OUT)),
            }
        } else {
            request::decide(method, &request, &plugin.policy, &settings.policy)
        };
        match decision {
            RequestDecision::Bypass(reason) => Ok(self.bypass(&route, reason.as_str())),
            RequestDecision::Invalidate => {
                let key = key::primary(b"GET", authority, path);
                let invalidation = InvalidationRequest {
                    // Nothing is stored under a longer one.
                    keys: if key.len() <= MAX_TARGET_BYTES { vec![key] } else { Vec::new() },
                    tags: settings.policy.invalidates.clone(),
                    ..InvalidationRequest::default()
                };
                if invalidation.is_empty() {
                    return Ok(self.bypass(&route, LONG_KEY));
                }
                self.state = State::Writing(invalidation);
                Ok(Action::Continue)
            }
            // HTTP/2 may announce a body by nothing but the missing end of the stream.
            RequestDecision::Lookup(_) if has_body => Ok(self.bypass(&route, BypassReason::Body.as_str())),
            RequestDecision::Lookup(lookup) => {
                let mut buffer = plugin.key_buffer.borrow_mut();
                buffer.clear();
                key::write_primary(&mut buffer, b"GET", authority, path);
                let coding = key::Coding::of_request(&request);
                key::write_variant(&mut buffer, coding, &route.name, &settings.policy.key_headers, &request);
                if buffer.len() > MAX_TARGET_BYTES {
                    return Ok(self.bypass(&route, LONG_KEY));
                }
                Ok(self.seek(&buffer, Asked { lookup, request, route, began_ns }))
            }
        }
    }

    fn bypass(&mut self, route: &Route<RouteSettings>, reason: &'static str) -> Action {
        self.plugin.measures.borrow_mut().bypassed(self.labels(route), reason);
        self.state = State::Bypassing(reason);
        Action::Continue
    }

    fn seek(&mut self, key: &str, asked: Asked) -> Action {
        let now_ms = asked.began_ns / 1_000_000;
        let may_use_stored = asked.lookup.may_use_stored;
        if let Some(stored) = may_use_stored.then(|| self.plugin.find_in_l1(key, now_ms)).flatten()
            && let Reuse::Fresh { age_seconds, ttl_seconds } =
                reuse::decide(&stored.times(), &asked.lookup.cache_control, now_ms)
            && self.serve(&asked, &stored, age_seconds, ttl_seconds, Outcome::L1)
        {
            return Action::Pause;
        }
        let seeking = Seeking { asked, key: key.to_owned() };
        if !may_use_stored {
            return self.fetch(seeking, Forward::Request, Outcome::Forced, None);
        }
        let sent = self.plugin.companion.borrow_mut().look_up(&seeking.key, now_ms);
        match sent {
            Some(Ok(token)) => {
                self.state = State::LookingUp(token, Box::new(seeking));
                Action::Pause
            }
            Some(Err(_)) => self.fetch(seeking, Forward::Miss, Outcome::Failed, None),
            None => self.fetch(seeking, Forward::Miss, Outcome::Skipped, None),
        }
    }

    /// Takes in what the companion has found; whether the request is answered.
    fn found(&mut self, seeking: Seeking, response: Result<CalloutResponse, CalloutError>) -> Action {
        let plugin = self.plugin.clone();
        let now_ms = now_ns() / 1_000_000;
        let found = plugin.companion.borrow_mut().found(&seeking.key, response, now_ms);
        match found {
            Found::Nothing(position) => self.fetch(seeking, Forward::Miss, Outcome::Miss, Some(position)),
            Found::Damaged => self.fetch(seeking, Forward::Miss, Outcome::Damaged, None),
            Found::Failed => self.fetch(seeking, Forward::Miss, Outcome::Failed, None),
            Found::Entry(entry) => {
                // Older than where the log stands, and so all the more careful.
                let position = entry.position;
                let stored = Rc::new(Stored::new(entry));
                match reuse::decide(&stored.times(), &seeking.asked.lookup.cache_control, now_ms) {
                    Reuse::Fresh { age_seconds, ttl_seconds } => {
                        plugin.l1.borrow_mut().insert(stored.clone());
                        if self.serve(&seeking.asked, &stored, age_seconds, ttl_seconds, Outcome::L2) {
                            return Action::Pause;
                        }
                        self.fetch(seeking, Forward::Miss, Outcome::Failed, Some(position))
                    }
                    Reuse::Stale => self.fetch(seeking, Forward::Stale, Outcome::Stale, Some(position)),
                    Reuse::Unwanted => self.fetch(seeking, Forward::Request, Outcome::Stale, Some(position)),
                }
            }
        }
    }

    /// Answers the request with a stored response; false if the host does not let it.
    fn serve(
        &mut self,
        asked: &Asked,
        stored: &Stored,
        age_seconds: u64,
        ttl_seconds: u64,
        outcome: Outcome,
    ) -> bool {
        let entry = &stored.entry;
        let not_modified = entry.status == 200
            && conditional::not_modified(&asked.request, stored.field("etag"), stored.field("last-modified"));
        let sent = if not_modified {
            let headers = stored.not_modified_headers(age_seconds, ttl_seconds);
            send_local_reply(304, DETAILS, &headers, b"")
        } else {
            // The host leaves the body of an answer to HEAD out, and keeps its length.
            send_local_reply(entry.status, DETAILS, &stored.headers(age_seconds, ttl_seconds), &entry.body)
        };
        if sent.is_err() {
            return false;
        }
        self.state = State::Done;
        let mut measures = self.plugin.measures.borrow_mut();
        measures.looked_up(outcome);
        let latency_ns = now_ns().saturating_sub(asked.began_ns);
        measures.answered(self.labels(&asked.route), asked.lookup.head, true, latency_ns);
        true
    }

    /// Lets the request go to the origin, unless its client wants nothing from there.
    fn fetch(
        &mut self,
        seeking: Seeking,
        reason: Forward,
        outcome: Outcome,
        position: Option<Position>,
    ) -> Action {
        let latency_ns = now_ns().saturating_sub(seeking.asked.began_ns);
        {
            let mut measures = self.plugin.measures.borrow_mut();
            measures.looked_up(outcome);
            measures.answered(
                self.labels(&seeking.asked.route),
                seeking.asked.lookup.head,
                false,
                latency_ns,
            );
        }
        if seeking.asked.lookup.only_if_cached && send_gateway_timeout().is_ok() {
            self.state = State::Done;
            return Action::Pause;
        }
        let position = position.or_else(|| self.plugin.follower.borrow().position());
        self.state = State::Fetching(Box::new(Fetch { seeking, reason, position }));
        Action::Continue
    }

    /// Decides whether the origin's response is stored, and tells the client.
    fn receive(&mut self, fetch: Fetch, ended: bool) -> Result<(), HostError> {
        let response = HeaderMap::Response.read()?;
        let verdict = self.storable(&fetch, &response);
        let detail = verdict.as_ref().err().copied();
        announce(CacheStatus::Forward { reason: fetch.reason, stored: detail.is_none(), detail })?;
        let Seeking { key, asked: Asked { route, .. } } = fetch.seeking;
        match verdict {
            Err(reason) => self.plugin.measures.borrow_mut().not_stored(self.labels(&route), reason),
            Ok((storable, position)) => {
                let entry = Entry {
                    key,
                    position,
                    response_time_ms: now_ns() / 1_000_000,
                    initial_age_ms: storable.initial_age_ms,
                    freshness_lifetime_ms: storable.freshness_lifetime_ms,
                    status: response.status().unwrap_or(0),
                    tags: route.settings.as_ref().map(|s| s.policy.tags.clone()).unwrap_or_default(),
                    headers: store::stored_fields(&response)
                        .map(|(name, value)| (name.to_vec(), value.to_vec()))
                        .collect(),
                    body: Vec::new(),
                };
                let announced_bytes = content_length(&response);
                let collected = Collected { entry, ttl_ms: storable.ttl_ms(), route, announced_bytes };
                self.state = State::Collecting(Box::new(collected));
                if ended {
                    self.finish();
                }
            }
        }
        Ok(())
    }

    fn storable(&self, fetch: &Fetch, response: &Headers) -> Result<(Storable, Position), &'static str> {
        let asked = &fetch.seeking.asked;
        let Some(settings) = &asked.route.settings else { return Err(BypassReason::Disabled.as_str()) };
        if !asked.lookup.store_allowed {
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
        let position = fetch.position.ok_or(not_stored::NO_POSITION)?;
        Ok((storable, position))
    }

    fn collect(&mut self, size: usize, ended: bool) -> Result<(), HostError> {
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
        let Collected { entry, ttl_ms, route, announced_bytes } = *collected;
        if announced_bytes.is_some_and(|announced| announced != entry.body.len() as u64) {
            return self.count_not_stored(&route, not_stored::LENGTH_MISMATCH);
        }
        if self.plugin.must_keep_out() {
            return self.count_not_stored(&route, not_stored::KEPT_OUT);
        }
        let sent = self.plugin.companion.borrow().store(&entry, ttl_ms);
        self.plugin.measures.borrow_mut().stored(sent);
        self.plugin.l1.borrow_mut().insert(Rc::new(Stored::new(entry)));
    }

    fn give_up(&mut self, reason: &'static str) {
        if let State::Collecting(collected) = std::mem::replace(&mut self.state, State::Done) {
            self.count_not_stored(&collected.route, reason);
        }
    }

    fn count_not_stored(&self, route: &Route<RouteSettings>, reason: &'static str) {
        self.plugin.measures.borrow_mut().not_stored(self.labels(route), reason);
    }

    /// Holds the response to a successful write until nobody serves what it changed.
    fn written(&mut self, request: InvalidationRequest) -> Result<Action, HostError> {
        let status = HeaderMap::Response.read()?.status().unwrap_or(0);
        // The write has happened whatever becomes of its headers.
        let token = request::invalidates(status).then(|| self.plugin.invalidate(request)).flatten();
        announce(CacheStatus::Forward { reason: Forward::Method, stored: false, detail: None })?;
        Ok(match token {
            Some(token) => {
                self.state = State::Invalidating(token);
                Action::Pause
            }
            None => Action::Continue,
        })
    }

    fn labels<'a>(&'a self, route: &'a Route<RouteSettings>) -> Labels<'a> {
        let service = self.plugin.config.service.as_deref().unwrap_or(&route.cluster);
        Labels { service, route: &route.name }
    }
}

impl Stream for CacheStream {
    fn on_request_headers(&mut self, end_of_stream: bool) -> Action {
        self.begin(!end_of_stream).unwrap_or(Action::Continue)
    }

    fn on_callout(&mut self, token: Token, response: Result<CalloutResponse, CalloutError>) {
        match std::mem::replace(&mut self.state, State::Done) {
            State::LookingUp(waiting, seeking) if waiting == token => {
                if self.found(*seeking, response) == Action::Continue {
                    resume_request();
                }
            }
            State::Invalidating(waiting) if waiting == token => {
                self.plugin.invalidated(token, &response);
                resume_response();
            }
            // The answer to a store.
            state => self.state = state,
        }
    }

    fn on_response_headers(&mut self, end_of_stream: bool) -> Action {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Fetching(fetch) => {
                let _ = self.receive(*fetch, end_of_stream);
                Action::Continue
            }
            State::Bypassing(reason) => {
                let detail = Some(reason);
                let _ = announce(CacheStatus::Forward { reason: Forward::Bypass, stored: false, detail });
                Action::Continue
            }
            State::Writing(request) => self.written(request).unwrap_or(Action::Continue),
            state => {
                self.state = state;
                Action::Continue
            }
        }
    }

    fn on_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if let State::Invalidating(_) = self.state {
            return Action::Pause;
        }
        if self.collect(size, end_of_stream).is_err() {
            self.state = State::Done;
        }
        Action::Continue
    }

    fn on_response_trailers(&mut self) -> Action {
        if let State::Invalidating(_) = self.state {
            return Action::Pause;
        }
        self.give_up(not_stored::TRAILERS);
        Action::Continue
    }
}

/// Tells the client how the cache dealt with its request.
fn announce(status: CacheStatus) -> Result<(), HostError> {
    let mut value = String::new();
    status.write(&mut value);
    // Caches nearer to the origin have said their part before (RFC 9211 §2).
    HeaderMap::Response.add("cache-status", &value)?;
    HeaderMap::Response.set("x-cache", status.x_cache())
}

/// The client wanted a stored response or none (RFC 9111 §5.2.1.7).
fn send_gateway_timeout() -> Result<(), HostError> {
    let fields: [(&[u8], &[u8]); 2] =
        [(b"cache-status", b"slipstream; fwd=miss; detail=only-if-cached"), (b"x-cache", b"MISS")];
    send_local_reply(504, "slipstream_only_if_cached", &HeaderBlock::new(fields.into_iter()), b"")
}

fn content_length(response: &Headers) -> Option<u64> {
    std::str::from_utf8(response.first("content-length")?).ok()?.parse().ok()
}
