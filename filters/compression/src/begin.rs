//! What becomes of a response, decided when its head is here.

use crate::decompression::Decompression;
use crate::headers;
use crate::pieces::Pieces;
use crate::plugin::Compression;
use crate::whole::{Quit, Whole};
use compression_common::RouteSettings;
use compression_policy::{
    Change, Coding, Mode, Plan, Request, Response, Skip, Way, decide, not_modified, streamed, vary,
};
use http_semantics::{ContentCoding, Fields};
use slipstream_host::{HeaderMap, Headers, HostError, Moment, Route};
use std::rc::Rc;

/// How far a stream is.
#[derive(Default)]
pub enum State {
    /// Nothing to do: before the request, and once it is settled what becomes of the response.
    #[default]
    Idle,
    /// The request is being held, to be decompressed.
    Decompressing(Decompression),
    /// The request has passed.
    Asked(Headers),
    /// The response is being held.
    Whole(Whole),
    /// The response flows.
    Pieces(Pieces),
}

type OfRoute = Rc<Route<RouteSettings>>;

/// Decides by the heads what becomes of the response.
pub fn begin(plugin: &Compression, request: &Headers, end_of_stream: bool) -> Result<State, HostError> {
    let route = plugin.routes.current(request.first(":authority").unwrap_or_default(), Moment::now().ms())?;
    let mode = match &route.settings {
        Some(RouteSettings { enabled: true, mode, .. }) => mode.map(Mode::from).or(plugin.config.mode),
        Some(_) => return Ok(pass(plugin, &route, "disabled")),
        None => return Ok(pass(plugin, &route, "invalid_route_settings")),
    };
    if mode == Some(Mode::Observe) {
        // Envoy's compressor does it, and who measures it counts it.
        return Ok(State::Idle);
    }
    let method = request.first(":method").unwrap_or_default();
    let head = HeaderMap::Response.read()?;
    let policy = &plugin.config.policy;
    let facts = Request::parse(method, request, &policy.codings);
    let status = head.status().unwrap_or(0);
    let mut response = Response::new(status, &head, end_of_stream && !facts.head);
    response.trailers |= plugin.has_trailers(&route);
    match decide(&facts, &response, mode, policy) {
        Ok(Plan { coding, way: Way::Whole }) => Ok(State::Whole(Whole { head, route, coding, held: 0 })),
        Ok(Plan { coding, way: Way::Pieces }) => flow(plugin, route, &head, coding),
        Err(skip) => {
            if status == 304 {
                apply(&head, &not_modified(&facts, request, &head))?;
            } else if let (Skip::Head, Coding::Encoded(coding)) = (skip, facts.coding) {
                // As the answer to GET, but for its length, which only compressing it would tell (RFC 9110 §9.3.2).
                apply(&head, &streamed(&head, coding))?;
            } else if skip.varies() {
                apply(&head, vary(&head).as_slice())?;
            }
            Ok(pass(plugin, &route, skip.as_str()))
        }
    }
}

fn flow(
    plugin: &Compression,
    route: OfRoute,
    head: &Headers,
    coding: ContentCoding,
) -> Result<State, HostError> {
    match plugin.encoders.lease(coding, plugin.level(coding, head), None) {
        Ok(encoder) => {
            apply(head, &streamed(head, coding))?;
            Ok(State::Pieces(Pieces { route, encoder, work: Default::default() }))
        }
        Err(unavailable) => {
            apply(head, vary(head).as_slice())?;
            Ok(pass(plugin, &route, Quit::from(unavailable).as_str()))
        }
    }
}

fn apply(head: &Headers, changes: &[Change]) -> Result<(), HostError> {
    headers::apply(HeaderMap::Response, head, changes)
}

fn pass(plugin: &Compression, route: &Route<RouteSettings>, outcome: &str) -> State {
    plugin.count(route, outcome);
    State::Idle
}
