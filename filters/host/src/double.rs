//! The test double: a host in this thread's memory, and a driver that calls a filter as Envoy would.
//!
//! ```text
//! let proxy = Double::<MyFilter>::start(r#"{"service": "shop"}"#)?;
//! let mut stream = proxy.stream();
//! stream.request(&[(":method", "GET"), (":path", "/")], b"");
//! ```

use crate::abi::{BufferId, MapId, MetricKind, SharedData};
use crate::{
    Action, CalloutResponse, ConfigError, ContextId, HostError, Plugin, Property, Stream, Token, active,
    plugin,
};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Header fields, in order.
pub type Fields = Vec<(String, Vec<u8>)>;

/// An answer that a filter gave itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    /// Status code.
    pub status: u16,
    /// Response code details.
    pub details: String,
    /// Header fields.
    pub headers: Fields,
    /// Body.
    pub body: Vec<u8>,
}

impl LocalReply {
    /// First value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        text(&self.headers, name)
    }
}

/// A callout that a filter sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentCallout {
    /// The token it got.
    pub token: u32,
    /// Cluster.
    pub cluster: String,
    /// Header fields, pseudo headers first.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// Milliseconds.
    pub timeout_ms: u32,
}

impl SentCallout {
    /// First value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// What the host holds.
#[derive(Default)]
pub struct Host {
    /// The time of day, in nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// The clock that nobody sets, in nanoseconds.
    pub monotonic_ns: u64,
    /// What was drawn at random last; the next is one more.
    pub random: u64,
    /// Lines logged.
    pub log: Vec<String>,
    /// Replies sent by filters.
    pub local_replies: Vec<LocalReply>,
    /// Callouts sent and not yet taken by the test.
    pub callouts: Vec<SentCallout>,
    /// Times a request was resumed.
    pub resumed_requests: usize,
    /// Times a response was resumed.
    pub resumed_responses: usize,
    /// Calls that fail with status 10, by name: `http_call` for example.
    pub failing: HashSet<&'static str>,
    pub(crate) metrics: Vec<(String, MetricKind, i64)>,
    pub(crate) shared_data: HashMap<String, SharedData>,
    pub(crate) properties: HashMap<Vec<u8>, Vec<u8>>,
    pub(crate) buffers: HashMap<BufferId, Vec<u8>>,
    pub(crate) last_token: u32,
    pub(crate) effective_context: u32,
    request: Fields,
    response: Fields,
    callout: Fields,
}

impl Host {
    pub(crate) fn headers(&mut self, map: MapId) -> &mut Fields {
        match map {
            MapId::Request => &mut self.request,
            MapId::Response => &mut self.response,
            MapId::CalloutResponse => &mut self.callout,
        }
    }

    /// Forgets all properties of the stream.
    pub fn clear_properties(&mut self) {
        self.properties.clear();
    }

    /// What the VMs of the process know under this name.
    pub fn shared_data(&self, name: &str) -> Option<&[u8]> {
        self.shared_data.get(name).map(|data| data.bytes.as_slice())
    }

    /// Has the VMs of the process know this.
    pub fn share(&mut self, name: &str, value: &[u8]) {
        let version = self.shared_data.get(name).map_or(0, |data| data.version) + 1;
        self.shared_data.insert(name.to_owned(), SharedData { bytes: value.to_vec(), version });
    }

    pub(crate) fn may(&self, call: &'static str) -> Result<(), HostError> {
        if self.failing.contains(call) { Err(HostError { call, status: 10 }) } else { Ok(()) }
    }
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// Looks at or changes the host of this thread.
pub fn with<T>(use_host: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with(|host| use_host(&mut host.borrow_mut()))
}

/// A filter in its host.
pub struct Double<P: Plugin> {
    plugin: Rc<P>,
    streams: Cell<u32>,
}

impl<P: Plugin> Double<P> {
    /// The time of day at the start, in Unix milliseconds.
    pub const START_MS: u64 = 1_700_000_000_000;
    /// What the other clock shows then: far from it, so that none can be taken for the other.
    const MONOTONIC_START_NS: u64 = 86_400_000_000_000;

    /// A new host with the filter configured in it.
    pub fn start(configuration: &str) -> Result<Double<P>, ConfigError> {
        with(|host| {
            *host = Host {
                unix_ns: Self::START_MS * 1_000_000,
                monotonic_ns: Self::MONOTONIC_START_NS,
                ..Host::default()
            };
            host.buffers.insert(BufferId::PluginConfiguration, configuration.as_bytes().to_vec());
        });
        active::take_woken();
        Ok(Double { plugin: Rc::new(plugin::configure(configuration.len())?), streams: Cell::new(0) })
    }

    /// The filter.
    pub fn plugin(&self) -> &Rc<P> {
        &self.plugin
    }

    /// A new stream. One stream is current at a time: its headers are those of the host.
    pub fn stream(&self) -> DrivenStream<P::Stream> {
        let id = ContextId(self.streams.get());
        self.streams.set(id.0 + 1);
        DrivenStream { id, stream: P::new_stream(&self.plugin, id), holds_response_body: false }
    }

    /// Lets time pass, then ticks.
    pub fn tick_after_ms(&self, ms: u64) {
        advance_ms(ms);
        self.plugin.on_tick();
    }

    /// Answers a callout of the plugin's own; no status for a failed one.
    pub fn answer(&self, token: u32, status: Option<u16>, headers: &[(&str, &str)], body: &[u8]) {
        let response = prepare_answer(status, headers, body);
        self.plugin.on_callout(Token(token), response);
    }
}

/// A stream that a test drives.
pub struct DrivenStream<S: Stream> {
    id: ContextId,
    stream: S,
    holds_response_body: bool,
}

impl<S: Stream> DrivenStream<S> {
    /// Sends request headers and, if there is any, the whole body.
    pub fn request(&mut self, headers: &[(&str, &str)], body: &[u8]) -> Action {
        self.request_bytes(&as_bytes(headers), body)
    }

    /// [`DrivenStream::request`] with values that need not be text.
    pub fn request_bytes(&mut self, headers: &[(&str, &[u8])], body: &[u8]) -> Action {
        with(|host| {
            host.request = owned(headers);
            host.response = Vec::new();
            host.buffers.insert(BufferId::RequestBody, body.to_vec());
            host.buffers.remove(&BufferId::ResponseBody);
        });
        let action = self.stream.on_request_headers(body.is_empty());
        if body.is_empty() { action } else { self.stream.on_request_body(body.len(), true) }
    }

    /// Sends response headers.
    pub fn response_headers(&mut self, headers: &[(&str, &str)], end_of_stream: bool) -> Action {
        self.response_headers_bytes(&as_bytes(headers), end_of_stream)
    }

    /// [`DrivenStream::response_headers`] with values that need not be text.
    pub fn response_headers_bytes(&mut self, headers: &[(&str, &[u8])], end_of_stream: bool) -> Action {
        with(|host| host.response = owned(headers));
        self.stream.on_response_headers(end_of_stream)
    }

    /// Sends a piece of the response's body. The host holds this piece, and those before it that were paused.
    pub fn response_body(&mut self, piece: &[u8], end_of_stream: bool) -> Action {
        let held = with(|host| {
            let held = host.buffers.entry(BufferId::ResponseBody).or_default();
            if !self.holds_response_body {
                held.clear();
            }
            held.extend_from_slice(piece);
            held.len()
        });
        let action = self.stream.on_response_body(held, end_of_stream);
        self.holds_response_body = action == Action::Pause;
        action
    }

    /// Ends the response with trailers.
    pub fn response_trailers(&mut self) -> Action {
        self.stream.on_response_trailers()
    }

    /// Answers a callout; no status for a failed one.
    pub fn answer(&mut self, token: u32, status: Option<u16>, headers: &[(&str, &str)], body: &[u8]) {
        let response = prepare_answer(status, headers, body);
        self.stream.on_callout(Token(token), response);
    }

    /// Its number.
    pub fn id(&self) -> ContextId {
        self.id
    }

    /// Wakes it.
    pub fn wake(&mut self) {
        self.stream.on_wake();
    }

    /// Ends the stream.
    pub fn log(&mut self) {
        self.stream.on_log();
    }
}

fn prepare_answer(
    status: Option<u16>,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<CalloutResponse, crate::CalloutError> {
    let status = status.map(|status| status.to_string());
    let mut all: Vec<(&str, &str)> = status.iter().map(|status| (":status", status.as_str())).collect();
    if status.is_some() {
        all.extend_from_slice(headers);
    }
    with(|host| {
        host.callout = owned(&as_bytes(&all));
        host.buffers.insert(BufferId::CalloutBody, body.to_vec());
    });
    CalloutResponse::announced(all.len(), body.len())
}

/// The context that calls are about, if a filter has chosen one.
#[cfg(test)]
pub(crate) fn effective_context() -> u32 {
    with(|host| host.effective_context)
}

/// The streams that filters have asked to be woken since the last call.
pub fn take_woken() -> Vec<ContextId> {
    active::take_woken()
}

/// Lets time pass.
pub fn advance_ms(ms: u64) {
    with(|host| {
        host.unix_ns += ms * 1_000_000;
        host.monotonic_ns += ms * 1_000_000;
    });
}

/// Somebody sets the clock: the time of day jumps, and no time passes.
pub fn set_clock_by_ms(ms: i64) {
    with(|host| host.unix_ns = host.unix_ns.saturating_add_signed(ms * 1_000_000));
}

/// Sets a property of the stream.
pub fn set_property(property: Property, value: &[u8]) {
    with(|host| host.properties.insert(property.path().to_vec(), value.to_vec()));
}

/// Sets what the route's metadata say to `filter`: a JSON object.
pub fn set_route(filter: &str, settings: &serde_json::Value) {
    set_property(Property::ROUTE_METADATA, &crate::route::encode(filter, settings));
}

/// The response's headers as the filter left them.
pub fn response_header(name: &str) -> Option<String> {
    with(|host| text(&host.response, name).map(str::to_owned))
}

/// The request's headers as the filter left them.
pub fn request_header(name: &str) -> Option<String> {
    with(|host| text(&host.request, name).map(str::to_owned))
}

/// All lines of the response's headers as the filter left them.
pub fn response_fields() -> Fields {
    with(|host| host.response.clone())
}

/// All lines of the request's headers as the filter left them.
pub fn request_fields() -> Fields {
    with(|host| host.request.clone())
}

/// The request's body as the filter left it.
pub fn request_body() -> Vec<u8> {
    with(|host| host.buffers.get(&BufferId::RequestBody).cloned().unwrap_or_default())
}

/// The response's body as the filter left it.
pub fn response_body() -> Vec<u8> {
    with(|host| host.buffers.get(&BufferId::ResponseBody).cloned().unwrap_or_default())
}

/// The value of a metric by its full name with encoded labels.
pub fn metric(name: &str) -> Option<i64> {
    with(|host| host.metrics.iter().find(|(other, ..)| other == name).map(|(.., value)| *value))
}

/// All metrics.
pub fn metrics() -> Vec<(String, i64)> {
    with(|host| host.metrics.iter().map(|(name, _, value)| (name.clone(), *value)).collect())
}

fn as_bytes<'a>(headers: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a [u8])> {
    headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect()
}

fn owned(headers: &[(&str, &[u8])]) -> Fields {
    headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect()
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    let (_, value) = fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok()
}
