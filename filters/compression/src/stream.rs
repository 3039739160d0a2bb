//! One request and its response.

use crate::config::RouteSettings;
use crate::headers;
use crate::plugin::Compression;
use compression_policy::{Framing, Request, Response, Skip, compressed, decide, not_modified, vary};
use http_semantics::{ContentCoding, Fields};
use slipstream_host::{Action, Body, HeaderMap, Headers, HostError, Route, Stream, now_ms};
use std::mem::take;
use std::rc::Rc;

/// One request and its response.
pub struct CompressionStream {
    plugin: Rc<Compression>,
    state: State,
}

#[derive(Default)]
enum State {
    /// Nothing to do: before the request, and once it is settled what becomes of the response.
    #[default]
    Idle,
    /// The request has passed.
    Asked(Headers),
    /// The response is being held.
    Holding(Holding),
}

/// A response that waits for the rest of its body, which the host holds.
struct Holding {
    head: Headers,
    route: Rc<Route<RouteSettings>>,
    coding: ContentCoding,
    /// Bytes that the host holds.
    held: usize,
}

/// Why a response that was held is sent as it is.
enum Quit {
    /// Its length is not what is compressed.
    Skip(Skip),
    /// Its compressed form is not smaller.
    NotSmaller,
    /// The host refused a call.
    Host,
}

impl From<HostError> for Quit {
    fn from(_: HostError) -> Self {
        Quit::Host
    }
}

impl Quit {
    fn as_str(&self) -> &'static str {
        match self {
            Quit::Skip(skip) => skip.as_str(),
            Quit::NotSmaller => "not_smaller",
            Quit::Host => "host_error",
        }
    }
}

impl CompressionStream {
    pub(crate) fn new(plugin: Rc<Compression>) -> CompressionStream {
        CompressionStream { plugin, state: State::Idle }
    }

    /// Decides by the heads. None if the response is not held.
    fn begin(&self, request: &Headers, end_of_stream: bool) -> Result<Option<Holding>, HostError> {
        let head = HeaderMap::Response.read()?;
        let route = self.plugin.routes.current(request.first(":authority").unwrap_or_default(), now_ms())?;
        match &route.settings {
            Some(RouteSettings { enabled: true }) => {}
            Some(RouteSettings { enabled: false }) => return Ok(self.pass(&route, "disabled")),
            None => return Ok(self.pass(&route, "invalid_route_settings")),
        }
        let status = head.status().unwrap_or(0);
        let facts = Request::parse(
            request.first(":method").unwrap_or_default(),
            request,
            &self.plugin.config.policy.codings,
        );
        let response = Response::new(status, &head, end_of_stream && !facts.head);
        match decide(&facts, &response, &self.plugin.config.policy) {
            Ok(coding) => Ok(Some(Holding { head, route, coding, held: 0 })),
            Err(skip) => {
                self.plugin.count(&route, skip.as_str());
                if status == 304 {
                    headers::apply(&head, &not_modified(&facts, request, &head))?;
                } else if skip.varies() {
                    headers::apply(&head, vary(&head).as_slice())?;
                }
                Ok(None)
            }
        }
    }

    fn pass(&self, route: &Route<RouteSettings>, outcome: &str) -> Option<Holding> {
        self.plugin.count(route, outcome);
        None
    }

    /// Sends what is held, compressed or as it is.
    fn finish(&self, holding: &Holding, framing: Framing) -> Action {
        match holding.compress(&self.plugin, framing) {
            Ok((original, size)) => {
                self.plugin.count_compressed(&holding.route, original, size);
                Action::Continue
            }
            Err(quit) => self.quit(holding, &quit),
        }
    }

    fn quit(&self, holding: &Holding, quit: &Quit) -> Action {
        self.plugin.count(&holding.route, quit.as_str());
        let _ = headers::apply(&holding.head, vary(&holding.head).as_slice());
        Action::Continue
    }
}

impl Holding {
    /// Puts the compressed form into the place of what the host holds. Answers the sizes before and after.
    fn compress(&self, plugin: &Compression, framing: Framing) -> Result<(usize, usize), Quit> {
        if (self.held as u64) < plugin.config.policy.min_bytes {
            return Err(Quit::Skip(Skip::TooSmall));
        }
        let body = Body::Response.read(self.held)?;
        let mut gzip = plugin.gzip.borrow_mut();
        let bytes = gzip.compress(&body).ok_or(Quit::NotSmaller)?;
        let changes = compressed(&self.head, self.coding, body.len(), bytes.len(), framing);
        headers::apply(&self.head, &changes)?;
        if let Err(refused) = Body::Response.replace(bytes) {
            headers::undo(&self.head, &changes);
            return Err(refused.into());
        }
        Ok((body.len(), bytes.len()))
    }
}

impl Stream for CompressionStream {
    fn on_request_headers(&mut self, _: bool) -> Action {
        match HeaderMap::Request.read() {
            Ok(request) => self.state = State::Asked(request),
            Err(_) => self.plugin.count_unrouted(Quit::Host.as_str()),
        }
        Action::Continue
    }

    fn on_response_headers(&mut self, end_of_stream: bool) -> Action {
        let State::Asked(request) = take(&mut self.state) else { return Action::Continue };
        match self.begin(&request, end_of_stream) {
            Ok(Some(holding)) => {
                self.state = State::Holding(holding);
                Action::Pause
            }
            Ok(None) => Action::Continue,
            Err(_) => {
                self.plugin.count_unrouted(Quit::Host.as_str());
                Action::Continue
            }
        }
    }

    fn on_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let State::Holding(mut holding) = take(&mut self.state) else { return Action::Continue };
        holding.held = size;
        if size as u64 > self.plugin.config.policy.max_bytes {
            return self.quit(&holding, &Quit::Skip(Skip::TooLarge));
        }
        if end_of_stream {
            return self.finish(&holding, Framing::Length);
        }
        self.state = State::Holding(holding);
        Action::Pause
    }

    fn on_response_trailers(&mut self) -> Action {
        match take(&mut self.state) {
            State::Holding(holding) => self.finish(&holding, Framing::Trailers),
            State::Idle | State::Asked(_) => Action::Continue,
        }
    }
}
