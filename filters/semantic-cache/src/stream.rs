//! A request's way through the cache.

mod begin;
mod found;
mod record;

use crate::companion::Ticket;
use crate::plugin::SemanticCache;
use crate::route::RoutePolicy;
use crate::status::Status;
use cache_protocol::TraceParent;
use http_semantics::cache_control::CacheControl;
use record::Recording;
use semantic_exchange::{Asked, Scope};
use slipstream_host::{
    Action, CalloutError, CalloutResponse, HeaderMap, Headers, Moment, Route, Stream, Token, resume_request,
};
use std::rc::Rc;

/// One request and its response.
pub struct SemanticStream {
    plugin: Rc<SemanticCache>,
    state: State,
}

/// A request of a route that uses the cache.
struct Request {
    headers: Headers,
    route: Rc<Route<Option<RoutePolicy>>>,
    /// What the client wants of caches.
    wants: CacheControl,
    began: Moment,
}

/// A question, and who shares its answer.
struct Question {
    request: Request,
    asked: Asked,
    scope: Scope,
}

/// A question that went to the service.
struct Missed {
    question: Question,
    status: Status,
    /// What the answer is stored with; without it, it is not.
    ticket: Option<Ticket>,
}

enum State {
    /// Nothing to do, or nothing more.
    Done,
    /// The request's body is coming in.
    Reading(Box<Request>),
    /// The request waits for the companion.
    LookingUp(Token, Box<Question>),
    /// The request is at the service, and its answer may be stored.
    Fetching(Box<Missed>),
    /// The request is at the service, and goes past the cache.
    Bypassing(&'static str),
    /// The answer is on its way by.
    Recording(Box<Recording>),
}

impl SemanticStream {
    pub(crate) fn new(plugin: Rc<SemanticCache>) -> SemanticStream {
        SemanticStream { plugin, state: State::Done }
    }

    fn bypass(&mut self, route: &Route<Option<RoutePolicy>>, reason: &'static str) -> Action {
        self.plugin.measures.borrow_mut().bypassed(self.plugin.labels(route), reason);
        self.state = State::Bypassing(reason);
        Action::Continue
    }
}

impl Question {
    fn trace(&self) -> Option<TraceParent> {
        // The host passes it to the service, and not to what a filter asks.
        TraceParent::parse(http_semantics::Fields::first(
            &self.request.headers,
            cache_protocol::names::TRACEPARENT_HEADER,
        )?)
    }

    fn policy(&self) -> Option<&RoutePolicy> {
        self.request.route.settings.as_ref()?.as_ref()
    }
}

/// Tells the client how the cache dealt with its request. Caches nearer to the service have said their part before
/// (RFC 9211 §2).
fn announce(status: &Status) {
    // A response without it is as good.
    let _ = HeaderMap::Response.add("cache-status", status.value());
}

impl Stream for SemanticStream {
    fn on_request_headers(&mut self, end_of_stream: bool) -> Action {
        // What has no body asks nothing: GET and its like cost no call of the host.
        if end_of_stream { Action::Continue } else { self.begin().unwrap_or(Action::Continue) }
    }

    fn on_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Reading(request) => self.read(*request, size, end_of_stream),
            state @ State::LookingUp(..) => {
                self.state = state;
                Action::Pause
            }
            state => {
                self.state = state;
                Action::Continue
            }
        }
    }

    fn on_callout(&mut self, token: Token, response: Result<CalloutResponse, CalloutError>) {
        match std::mem::replace(&mut self.state, State::Done) {
            State::LookingUp(waiting, question) if waiting == token => {
                if self.found(*question, response) == Action::Continue {
                    resume_request();
                }
            }
            state => self.state = state,
        }
    }

    fn on_response_headers(&mut self, end_of_stream: bool) -> Action {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Fetching(missed) => self.receive(*missed, end_of_stream),
            State::Bypassing(reason) => announce(&Status::Bypass(reason)),
            // The service did not wait for the request's end, or trailers have ended it: it has gone on as it came.
            State::Reading(_) => announce(&Status::Bypass("early-response")),
            state => self.state = state,
        }
        Action::Continue
    }

    fn on_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.record(size, end_of_stream);
        Action::Continue
    }

    fn on_response_trailers(&mut self) -> Action {
        self.record(0, true);
        Action::Continue
    }
}

impl Drop for SemanticStream {
    /// An answer that is still being recorded has been broken off, by its client or the service.
    fn drop(&mut self) {
        if let State::Recording(recording) = std::mem::replace(&mut self.state, State::Done) {
            recording.give_up(&self.plugin, "aborted");
        }
    }
}
