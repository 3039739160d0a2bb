//! A request's way through the cache.

mod answer;
mod asked;
mod found;
mod keep;
mod lead;
mod refresh;
mod seek;
mod storable;
mod validate;
mod wait;

use crate::companion::Ask;
use crate::measures::Labels;
use crate::plugin::ResponseCache;
use crate::question::Question;
use crate::stored::Stored;
use asked::Asked;
use cache_policy::RoutePolicy;
use cache_policy::cache_status::{CacheStatus, Forward};
use cache_policy::key::{self, Coding};
use cache_policy::request::{self, BypassReason, RequestDecision};
use cache_policy::{conditional, reference};
use cache_protocol::names::{MAX_TARGET_BYTES, TRACEPARENT_HEADER};
use cache_protocol::{Entry, InvalidationRequest, TraceParent};
use http_semantics::Fields;
use invalidation::Position;
use keep::not_stored;
use lead::Lead;
pub(crate) use refresh::Refresh;
use slipstream_host::{
    Action, CalloutError, CalloutResponse, ContextId, HeaderMap, Headers, HostError, Moment, Route, Stream,
    Token, resume_request, resume_response,
};
use std::rc::Rc;

/// One request and its response.
pub struct CacheStream {
    plugin: Rc<ResponseCache>,
    id: ContextId,
    state: State,
    /// The trace that the request belongs to, once the companion is asked about it.
    trace: Option<TraceParent>,
}

enum State {
    /// Nothing to do, or nothing more.
    Done,
    /// The request waits for the companion.
    LookingUp(Token, Box<Looking>),
    /// The request waits for another's lookup or fetch of the same response.
    Waiting(Box<Asked>),
    /// The request is at the origin, and its response may be stored.
    Fetching(Box<Fetch>),
    /// The response's body is coming in.
    Collecting(Box<Collected>),
    /// The request is at the origin, and goes past the cache.
    Bypassing(&'static str),
    /// A write is at the origin.
    Writing(Box<Write>),
    /// The response to a write waits for its invalidation.
    Invalidating(Token),
}

/// A lookup under way.
struct Looking {
    asked: Asked,
    /// What was asked for.
    ask: Ask,
    /// If others may be waiting for it.
    lead: Option<Lead>,
}

/// A request that no stored response answers.
struct Missed {
    asked: Asked,
    reason: Forward,
    /// Where the log stands; without it the origin's response cannot be stored.
    position: Option<Position>,
    /// What is stored for it, and will not do as it is.
    stale: Option<Rc<Stored>>,
}

/// A request that went to the origin.
struct Fetch {
    asked: Asked,
    reason: Forward,
    /// Where the log stood before.
    position: Option<Position>,
    /// If others may be waiting for it.
    lead: Option<Lead>,
    stale: Option<Rc<Stored>>,
    /// Whether the origin was asked if `stale` is still good.
    is_validating: bool,
}

/// A write, and what it invalidates if it succeeds.
struct Write {
    request: Headers,
    invalidation: InvalidationRequest,
}

/// A response on its way into the cache.
struct Collected {
    entry: Entry,
    keep_ms: u64,
    /// What is stored under the key itself, if its responses vary and that is news.
    variants: Option<(Entry, u64)>,
    route: Rc<Route<RoutePolicy>>,
    announced_bytes: Option<u64>,
    max_bytes: u64,
    lead: Option<Lead>,
}

/// In how many other places parts are looked for at most: each may cost a question to the companion.
const MAX_ELSEWHERE: usize = 2;
/// Why a request bypasses the cache, beside `cache-policy`'s reasons: no invalidation could name its key, and the
/// companion would refuse it.
const LONG_KEY: &str = "long-key";

impl CacheStream {
    pub(crate) fn new(plugin: Rc<ResponseCache>, id: ContextId) -> CacheStream {
        CacheStream { plugin, id, state: State::Done, trace: None }
    }

    /// Decides what becomes of a request.
    fn begin(&mut self, has_body: bool) -> Result<Action, HostError> {
        let plugin = self.plugin.clone();
        let request = HeaderMap::Request.read()?;
        let refreshing = plugin.take_refresh(&request);
        let began = Moment::now();
        let route_name = plugin.questions.borrow().route_name()?;
        let known = plugin.questions.borrow_mut().recall(&request, route_name.as_deref(), began.ms());
        if let Some(question) = known {
            return Ok(self.ask(Asked::new(question, request, began, refreshing), has_body));
        }
        let (Some(method), Some(authority), Some(path)) =
            (request.first(":method"), request.first(":authority"), request.first(":path"))
        else {
            return Ok(Action::Continue);
        };
        let route = match route_name.clone() {
            Some(name) => plugin.routes.named(name, authority, began.ms())?,
            None => plugin.routes.current(authority, began.ms())?,
        };
        let Some(settings) = &route.settings else {
            return Ok(self.bypass(&route, "settings"));
        };
        match request::decide(method, &request, &plugin.policy, settings) {
            RequestDecision::Bypass(reason) => Ok(self.bypass(&route, reason.as_str())),
            RequestDecision::Invalidate => {
                let key = key::primary(b"GET", authority, path);
                let invalidation = InvalidationRequest {
                    // Nothing is stored under a longer one.
                    keys: if key.len() <= MAX_TARGET_BYTES { vec![key] } else { Vec::new() },
                    tags: settings.invalidates.clone(),
                    ..InvalidationRequest::default()
                };
                if invalidation.is_empty() {
                    return Ok(self.bypass(&route, LONG_KEY));
                }
                self.state = State::Writing(Box::new(Write { request, invalidation }));
                Ok(Action::Continue)
            }
            RequestDecision::Lookup(lookup) => {
                let codings = &plugin.policy.codings;
                let coding = Coding::of_request(&request, codings);
                let key_for =
                    |coding| key::of_request(authority, path, coding, &route.name, &settings.key, &request);
                let key = key_for(coding);
                if key.full.len() > MAX_TARGET_BYTES {
                    return Ok(self.bypass(&route, LONG_KEY));
                }
                let counted = plugin.measures.borrow_mut().of_requests(self.labels(&route), lookup.head);
                let is_conditional = conditional::is_conditional(&request);
                let question = |key, elsewhere| {
                    let (lookup, route) = (lookup.clone(), route.clone());
                    Rc::new(Question { lookup, is_conditional, route, key, elsewhere, counted })
                };
                let places =
                    codings.iter().map(Coding::Encoded).take(if lookup.range { MAX_ELSEWHERE } else { 0 });
                let places: Vec<Coding> = places.filter(|place| *place != coding).collect();
                let elsewhere =
                    places.into_iter().rfold(None, |next, place| Some(question(key_for(place), next)));
                let question = question(key, elsewhere);
                plugin.questions.borrow_mut().remember(&request, route_name.as_deref(), question.clone());
                Ok(self.ask(Asked::new(question, request, began, refreshing), has_body))
            }
        }
    }

    fn ask(&mut self, asked: Asked, has_body: bool) -> Action {
        if self.plugin.must_keep_out() {
            return self.bypass(&asked.question.route, not_stored::KEPT_OUT);
        }
        // HTTP/2 may announce a body by nothing but the missing end of the stream.
        if has_body {
            return self.bypass(&asked.question.route, BypassReason::Body.as_str());
        }
        let began = asked.began;
        self.seek(asked, began)
    }

    fn bypass(&mut self, route: &Route<RoutePolicy>, reason: &'static str) -> Action {
        self.plugin.measures.borrow_mut().bypassed(self.labels(route), reason);
        self.state = State::Bypassing(reason);
        Action::Continue
    }

    /// Holds the response to a successful write until nobody serves what it changed.
    fn written(&mut self, mut write: Write) -> Result<Action, HostError> {
        let response = HeaderMap::Response.read()?;
        let succeeded = request::invalidates(response.status().unwrap_or(0));
        if succeeded {
            write.invalidate_what_is_named_in(&response);
        }
        // The write has happened whatever becomes of its headers.
        let trace = trace_of(&write.request);
        let token = succeeded.then(|| self.plugin.invalidate(write.invalidation, trace)).flatten();
        announce(CacheStatus::Forward {
            reason: Forward::Method,
            status: None,
            stored: false,
            detail: None,
        })?;
        Ok(match token {
            Some(token) => {
                self.state = State::Invalidating(token);
                Action::Pause
            }
            None => Action::Continue,
        })
    }

    fn labels<'a>(&'a self, route: &'a Route<RoutePolicy>) -> Labels<'a> {
        let service = self.plugin.config.service.as_deref().unwrap_or(&route.cluster);
        Labels { service, route: &route.name }
    }
}

impl Write {
    /// Adds the URIs that the response says it is about, as far as they are of the same authority (RFC 9111 §4.4).
    fn invalidate_what_is_named_in(&mut self, response: &Headers) {
        let (Some(authority), Some(path)) = (self.request.first(":authority"), self.request.first(":path"))
        else {
            return;
        };
        for reference in ["location", "content-location"].iter().filter_map(|name| response.first(name)) {
            let Some(target) = reference::resolve(reference, authority, path) else { continue };
            let key = key::primary(b"GET", authority, &target);
            if key.len() <= MAX_TARGET_BYTES && !self.invalidation.keys.contains(&key) {
                self.invalidation.keys.push(key);
            }
        }
    }
}

impl Stream for CacheStream {
    fn on_request_headers(&mut self, end_of_stream: bool) -> Action {
        self.begin(!end_of_stream).unwrap_or(Action::Continue)
    }

    fn on_callout(&mut self, token: Token, response: Result<CalloutResponse, CalloutError>) {
        match std::mem::replace(&mut self.state, State::Done) {
            State::LookingUp(waiting, looking) if waiting == token => {
                if self.found(*looking, response) == Action::Continue {
                    resume_request();
                }
            }
            State::Invalidating(waiting) if waiting == token => {
                self.plugin.invalidated(token, &response);
                resume_response();
            }
            state => self.state = state,
        }
        // Some may have waited for what was looked up.
        self.plugin.wake_landed();
    }

    fn on_wake(&mut self) {
        if self.woken() == Action::Continue {
            resume_request();
        }
    }

    fn on_response_headers(&mut self, end_of_stream: bool) -> Action {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Fetching(fetch) => self.receive(*fetch, end_of_stream).unwrap_or(Action::Continue),
            State::Bypassing(reason) => {
                let (reason, detail) = (Forward::Bypass, Some(reason));
                let _ = announce(CacheStatus::Forward { reason, status: None, stored: false, detail });
                Action::Continue
            }
            State::Writing(write) => self.written(*write).unwrap_or(Action::Continue),
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

/// The trace that a request belongs to: the host passes it to the origin, and not to what a filter asks.
fn trace_of(request: &Headers) -> Option<TraceParent> {
    TraceParent::parse(request.first(TRACEPARENT_HEADER)?)
}

/// Tells the client how the cache dealt with its request.
fn announce(status: CacheStatus) -> Result<(), HostError> {
    let mut value = String::new();
    status.write(&mut value);
    // Caches nearer to the origin have said their part before (RFC 9211 §2).
    HeaderMap::Response.add("cache-status", &value)?;
    HeaderMap::Response.set("x-cache", status.x_cache())
}
