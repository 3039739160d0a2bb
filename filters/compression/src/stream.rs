//! One request and its response.

use crate::headers;
use crate::metrics::How;
use crate::pieces::{CutOff, Pieces};
use crate::plugin::Compression;
use crate::route::RouteSettings;
use crate::whole::{Quit, Whole};
use compression_policy::{
    Framing, Mode, Plan, Request, Response, Skip, Way, decide, not_modified, streamed, vary,
};
use http_semantics::Fields;
use slipstream_host::{
    Action, HeaderBlock, HeaderMap, Headers, HostError, Route, Stream, now_ms, send_local_reply,
};
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
    Whole(Whole),
    /// The response flows.
    Pieces(Pieces),
}

impl CompressionStream {
    pub(crate) fn new(plugin: Rc<Compression>) -> CompressionStream {
        CompressionStream { plugin, state: State::Idle }
    }

    /// Decides by the heads what becomes of the response.
    fn begin(&self, request: &Headers, end_of_stream: bool) -> Result<State, HostError> {
        let head = HeaderMap::Response.read()?;
        let route = self.plugin.routes.current(request.first(":authority").unwrap_or_default(), now_ms())?;
        let mode = match &route.settings {
            Some(RouteSettings { enabled: true, mode, .. }) => mode.map(Mode::from),
            Some(_) => return Ok(self.pass(&route, "disabled")),
            None => return Ok(self.pass(&route, "invalid_route_settings")),
        };
        let policy = &self.plugin.config.policy;
        let method = request.first(":method").unwrap_or_default();
        let facts = Request::parse(method, request, &policy.codings);
        let status = head.status().unwrap_or(0);
        let mut response = Response::new(status, &head, end_of_stream && !facts.head);
        response.trailers |= self.plugin.has_trailers(&route);
        match decide(&facts, &response, mode, policy) {
            Ok(Plan { coding, way: Way::Whole }) => Ok(State::Whole(Whole { head, route, coding, held: 0 })),
            Ok(Plan { coding, way: Way::Pieces }) => {
                let level = self.plugin.level(coding, &head);
                match self.plugin.encoders.lease(coding, level, None) {
                    Ok(encoder) => {
                        headers::apply(&head, &streamed(&head, coding))?;
                        Ok(State::Pieces(Pieces { route, encoder, work: Default::default() }))
                    }
                    Err(unavailable) => {
                        headers::apply(&head, vary(&head).as_slice())?;
                        Ok(self.pass(&route, Quit::from(unavailable).as_str()))
                    }
                }
            }
            Err(skip) => {
                if status == 304 {
                    headers::apply(&head, &not_modified(&facts, request, &head))?;
                } else if skip.varies() {
                    headers::apply(&head, vary(&head).as_slice())?;
                }
                Ok(self.pass(&route, skip.as_str()))
            }
        }
    }

    fn pass(&self, route: &Route<RouteSettings>, outcome: &str) -> State {
        self.plugin.count(route, outcome);
        State::Idle
    }

    /// Sends what is held, compressed or as it is.
    fn finish(&self, whole: &Whole, framing: Framing) -> Action {
        match whole.compress(&self.plugin, framing) {
            Ok(work) => {
                self.plugin.count_compressed(&whole.route, whole.coding.as_str(), How::Buffer, &work);
                Action::Continue
            }
            Err(quit) => self.quit(whole, quit),
        }
    }

    fn quit(&self, whole: &Whole, quit: Quit) -> Action {
        self.plugin.count(&whole.route, quit.as_str());
        let _ = headers::apply(&whole.head, vary(&whole.head).as_slice());
        Action::Continue
    }

    fn hold(&mut self, mut whole: Whole, size: usize, end_of_stream: bool) -> Action {
        whole.held = size;
        if size as u64 > self.plugin.config.policy.max_bytes {
            return self.quit(&whole, Quit::Skip(Skip::TooLarge));
        }
        if end_of_stream {
            return self.finish(&whole, Framing::Length);
        }
        self.state = State::Whole(whole);
        Action::Pause
    }

    fn let_flow(&mut self, mut pieces: Pieces, size: usize, end_of_stream: bool) -> Action {
        match pieces.encode(&self.plugin, size, end_of_stream) {
            Ok(()) if end_of_stream => {
                let coding = pieces.encoder.coding().as_str();
                self.plugin.count_compressed(&pieces.route, coding, How::Stream, &pieces.work);
                Action::Continue
            }
            Ok(()) => {
                self.state = State::Pieces(pieces);
                Action::Continue
            }
            Err(CutOff) => {
                self.plugin.count(&pieces.route, "cut_off");
                cut_off()
            }
        }
    }
}

/// Breaks the response off. Once its head has been sent, that is what an answer of the filter's own comes to.
fn cut_off() -> Action {
    let no_fields = HeaderBlock::new(std::iter::empty());
    let _ = send_local_reply(502, "slipstream_compression_cut_off", &no_fields, b"");
    Action::Pause
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
            Ok(state) => self.state = state,
            Err(_) => self.plugin.count_unrouted(Quit::Host.as_str()),
        }
        if matches!(self.state, State::Whole(_)) { Action::Pause } else { Action::Continue }
    }

    fn on_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        match take(&mut self.state) {
            State::Whole(whole) => self.hold(whole, size, end_of_stream),
            State::Pieces(pieces) => self.let_flow(pieces, size, end_of_stream),
            State::Idle | State::Asked(_) => Action::Continue,
        }
    }

    fn on_response_trailers(&mut self) -> Action {
        match take(&mut self.state) {
            State::Whole(whole) => self.finish(&whole, Framing::Trailers),
            State::Pieces(pieces) => {
                // All of the body can be decoded, but its coding lacks its end, and there is no place left to put it. It
                // will not happen to the route's next responses.
                self.plugin.count(&pieces.route, "unannounced_trailers");
                self.plugin.remember_trailers(&pieces.route);
                Action::Continue
            }
            State::Idle | State::Asked(_) => Action::Continue,
        }
    }
}

impl Drop for CompressionStream {
    /// A stream that is over before its response is has been broken off, by its client or the service.
    fn drop(&mut self) {
        match &self.state {
            State::Whole(Whole { route, .. }) | State::Pieces(Pieces { route, .. }) => {
                self.plugin.count(route, "aborted");
            }
            State::Idle | State::Asked(_) => {}
        }
    }
}
