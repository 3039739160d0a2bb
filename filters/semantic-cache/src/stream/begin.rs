//! From a request to a question.

use super::{Question, Request, SemanticStream, State};
use crate::measures::Lookup;
use crate::route::RoutePolicy;
use crate::status::Status;
use http_semantics::cache_control::CacheControl;
use http_semantics::{Fields, media_type};
use semantic_exchange::{Asked, Profile, Scope, Tenant, Unusable, ask};
use slipstream_host::{Action, Body, HeaderMap, Headers, HostError, Moment};
use std::rc::Rc;

/// What `rag-query` services send events under.
const STREAM_PATH_END: &[u8] = b"/stream";

impl SemanticStream {
    /// Decides whether a request may ask something.
    pub(super) fn begin(&mut self) -> Result<Action, HostError> {
        let plugin = Rc::clone(&self.plugin);
        let headers = HeaderMap::Request.read()?;
        if headers.first(":method") != Some(b"POST") {
            return Ok(Action::Continue);
        }
        let began = Moment::now();
        let authority = headers.first(":authority").unwrap_or_default();
        let route = plugin.routes.current(authority, began.ms())?;
        match &route.settings {
            None => return Ok(self.bypass(&route, "settings")),
            Some(None) => return Ok(Action::Continue),
            Some(Some(_)) => {}
        }
        let wants = CacheControl::parse(&headers);
        if let Some(reason) = self.reason_to_pass(&headers, &wants) {
            return Ok(self.bypass(&route, reason));
        }
        self.state = State::Reading(Box::new(Request { headers, route, wants, began }));
        Ok(Action::Pause)
    }

    fn reason_to_pass(&self, headers: &Headers, wants: &CacheControl) -> Option<&'static str> {
        let config = &self.plugin.config;
        let is_json =
            headers.first("content-type").is_some_and(|value| media_type::is(value, "application/json"));
        let length =
            headers.first("content-length").and_then(|value| str::from_utf8(value).ok()?.parse().ok());
        if headers.first(&config.skip_header).is_some_and(|value| value.eq_ignore_ascii_case(b"skip")) {
            Some("skip")
        } else if wants.no_store {
            Some("no-store")
        } else if !is_json {
            Some("not-json")
        } else if headers.contains("content-encoding") {
            Some("encoded")
        } else if length.is_some_and(|length: u64| length > config.max_request_bytes) {
            Some("large-request")
        } else {
            None
        }
    }

    /// Takes the body in; once it is there, asks the companion.
    pub(super) fn read(&mut self, request: Request, size: usize, end_of_stream: bool) -> Action {
        if size as u64 > self.plugin.config.max_request_bytes {
            return self.bypass(&request.route, "large-request");
        }
        if !end_of_stream {
            self.state = State::Reading(Box::new(request));
            return Action::Pause;
        }
        match self.understand(&request, size) {
            Ok((asked, scope)) => self.look_up(Question { request, asked, scope }),
            Err(reason) => self.bypass(&request.route, reason),
        }
    }

    fn understand(&self, request: &Request, size: usize) -> Result<(Asked, Scope), &'static str> {
        let config = &self.plugin.config;
        let policy = request.route.settings.as_ref().and_then(Option::as_ref).ok_or("settings")?;
        let body = Body::Request.read(size).map_err(|_| "host")?;
        let by_path = policy.exchange.profile == Profile::RagQuery && asks_for_events(&request.headers);
        let asked = ask(&policy.exchange, &body, config.max_depth, config.max_question_bytes, by_path);
        let asked = asked.map_err(Unusable::as_str)?;
        let scope = asked.scope(&self.tenant(request, policy), policy.share_streams);
        Ok((asked, scope))
    }

    fn tenant<'a>(&'a self, request: &'a Request, policy: &'a RoutePolicy) -> Tenant<'a> {
        let credentials: &[String] = if policy.shared { &[] } else { &self.plugin.config.credential_headers };
        let names = policy.tenant_headers.iter().chain(credentials);
        Tenant {
            namespace: policy.namespace.as_deref(),
            place: [
                request.route.name.as_bytes(),
                request.route.cluster.as_bytes(),
                request.headers.first(":authority").unwrap_or_default(),
            ],
            fields: names.map(|name| (name.as_str(), request.headers.values(name).collect())).collect(),
            by_user: !policy.shared,
        }
    }

    fn look_up(&mut self, question: Question) -> Action {
        let now_ms = question.request.began.ms();
        let plugin = Rc::clone(&self.plugin);
        let asked = &question.asked;
        let sent =
            plugin.companion.borrow_mut().look_up(&question.scope, &asked.question, question.trace(), now_ms);
        let (outcome, reason) = match sent {
            Some(Ok(token)) => {
                self.state = State::LookingUp(token, Box::new(question));
                return Action::Pause;
            }
            Some(Err(_)) => (Lookup::Failed, "companion"),
            None => (Lookup::Skipped, "breaker"),
        };
        self.forward(question, outcome, Status::Failed(reason), None)
    }
}

fn asks_for_events(headers: &Headers) -> bool {
    let path = headers.first(":path").unwrap_or_default();
    path.split(|byte| *byte == b'?').next().is_some_and(|path| path.ends_with(STREAM_PATH_END))
}
