//! One request and its response.

use crate::budget::Share;
use crate::config::RouteSettings;
use crate::gzip::Gzip;
use crate::headers;
use crate::plugin::Compression;
use compression_policy::{Config, Framing, Request, Response, Skip, compressed, decide, not_modified, vary};
use http_semantics::Fields;
use slipstream_host::{Action, Body, HeaderMap, Headers, HostError, Route, Stream, error, now_ms};
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

/// A response that waits for the rest of its body.
struct Holding {
    head: Headers,
    route: Rc<Route<RouteSettings>>,
    /// Its length as announced, in bytes; 0 if it is not known.
    announced: usize,
    body: Vec<u8>,
    /// How much of `body` has been taken out of the host.
    taken: usize,
    share: Share,
}

/// Why a response that was held is sent as it is.
enum Quit {
    /// Its length is not what is compressed.
    Skip(Skip),
    /// Its compressed form is not smaller.
    NotSmaller,
    /// The VM's budget is used up.
    Memory,
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
            Quit::Memory => "memory",
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
        let facts = Request::parse(request.first(":method").unwrap_or_default(), request);
        let response = Response::new(status, &head, end_of_stream && !facts.head);
        if let Err(skip) = decide(&facts, &response, &self.plugin.config.policy) {
            self.plugin.count(&route, skip.as_str());
            if status == 304 {
                headers::apply(&head, &not_modified(&facts, request, &head))?;
            } else if skip.varies() {
                headers::apply(&head, vary(&head).as_slice())?;
            }
            return Ok(None);
        }
        let announced = response.length.unwrap_or(0) as usize;
        let mut share = self.plugin.budget.share();
        if !share.grow(announced) {
            headers::apply(&head, vary(&head).as_slice())?;
            return Ok(self.pass(&route, Quit::Memory.as_str()));
        }
        Ok(Some(Holding { head, route, announced, body: Vec::new(), taken: 0, share }))
    }

    fn pass(&self, route: &Route<RouteSettings>, outcome: &str) -> Option<Holding> {
        self.plugin.count(route, outcome);
        None
    }

    /// Goes on holding, or sends the response as it is.
    fn hold(&mut self, mut holding: Holding, size: usize) -> Action {
        match holding.take_out(size, &self.plugin.config.policy) {
            Ok(()) => {
                self.state = State::Holding(holding);
                Action::Pause
            }
            Err(quit) => self.quit(&holding, &quit),
        }
    }

    /// Sends the response, compressed or as it is. The host holds the last `size` bytes.
    fn finish(&self, mut holding: Holding, size: usize, framing: Framing) -> Action {
        let plugin = &self.plugin;
        let compress = |holding: &mut Holding| {
            holding.read(size, &plugin.config.policy)?;
            holding.replace(&mut plugin.gzip.borrow_mut(), &plugin.config.policy, framing)
        };
        match compress(&mut holding) {
            Ok(compressed) => {
                plugin.count_compressed(&holding.route, holding.body.len(), compressed);
                Action::Continue
            }
            Err(quit) => self.quit(&holding, &quit),
        }
    }

    fn quit(&self, holding: &Holding, quit: &Quit) -> Action {
        self.plugin.count(&holding.route, quit.as_str());
        let taken = holding.body.get(..holding.taken).unwrap_or_default();
        if !taken.is_empty() && Body::Response.prepend(taken).is_err() {
            error("Envoy did not take back a response's body, which now lacks its beginning");
        }
        let _ = headers::apply(&holding.head, vary(&holding.head).as_slice());
        Action::Continue
    }
}

impl Holding {
    /// Reads the `size` bytes that the host holds.
    fn read(&mut self, size: usize, policy: &Config) -> Result<(), Quit> {
        let total = self.body.len().saturating_add(size);
        if total as u64 > policy.max_bytes {
            return Err(Quit::Skip(Skip::TooLarge));
        }
        if !self.share.grow(total) {
            return Err(Quit::Memory);
        }
        if size > 0 {
            let piece = Body::Response.read(size)?;
            if self.body.is_empty() {
                self.body = piece;
            } else {
                self.body.reserve(self.announced.saturating_sub(self.body.len()));
                self.body.extend_from_slice(&piece);
            }
        }
        Ok(())
    }

    /// Takes the `size` bytes that the host holds out of it.
    fn take_out(&mut self, size: usize, policy: &Config) -> Result<(), Quit> {
        self.read(size, policy)?;
        if size > 0 {
            Body::Response.replace(b"")?;
        }
        self.taken = self.body.len();
        Ok(())
    }

    /// Puts the compressed form into the place of what the host holds. Answers its size in bytes.
    fn replace(&self, gzip: &mut Gzip, policy: &Config, framing: Framing) -> Result<usize, Quit> {
        if (self.body.len() as u64) < policy.min_bytes {
            return Err(Quit::Skip(Skip::TooSmall));
        }
        let bytes = gzip.compress(&self.body).ok_or(Quit::NotSmaller)?;
        let changes = compressed(&self.head, self.body.len(), bytes.len(), framing);
        headers::apply(&self.head, &changes)?;
        if let Err(refused) = Body::Response.replace(bytes) {
            headers::undo(&self.head, &changes);
            return Err(refused.into());
        }
        Ok(bytes.len())
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
        match take(&mut self.state) {
            State::Holding(holding) if end_of_stream => self.finish(holding, size, Framing::Length),
            State::Holding(holding) => self.hold(holding, size),
            State::Idle | State::Asked(_) => Action::Continue,
        }
    }

    fn on_response_trailers(&mut self) -> Action {
        match take(&mut self.state) {
            State::Holding(holding) => self.finish(holding, 0, Framing::Trailers),
            State::Idle | State::Asked(_) => Action::Continue,
        }
    }
}
