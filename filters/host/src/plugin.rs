//! What a filter implements.

use crate::abi::{self, BufferId, Half};
use crate::{CalloutError, CalloutResponse, ConfigError, Token};
use std::rc::Rc;

/// The host's number of a stream or plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContextId(pub u32);

/// What the host does next with the half of the stream that a callback is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Action {
    /// Hand on what is there.
    Continue = 0,
    /// Hold headers and body until [`resume_request`] or [`resume_response`].
    Pause = 1,
}

/// A filter as configured: one a VM, shared by that worker's streams.
pub trait Plugin: Sized + 'static {
    /// One request and its response.
    type Stream: Stream;

    /// Milliseconds between two ticks.
    const TICK_PERIOD_MS: u32 = 1_000;

    /// Reads the configuration. An error stops Envoy's start, or rejects the update, and is logged.
    fn configure(configuration: &[u8]) -> Result<Self, ConfigError>;

    /// A request has come.
    fn new_stream(plugin: &Rc<Self>, id: ContextId) -> Self::Stream;

    /// Called every [`Plugin::TICK_PERIOD_MS`].
    fn on_tick(&self) {}

    /// A callout that was sent from `on_tick` or from here has been answered, or has failed.
    fn on_callout(&self, token: Token, response: Result<CalloutResponse, CalloutError>) {
        let _ = (token, response);
    }
}

/// One request and its response.
pub trait Stream: 'static {
    /// The request's headers are here; `end_of_stream` if it has no body.
    fn on_request_headers(&mut self, end_of_stream: bool) -> Action {
        let _ = end_of_stream;
        Action::Continue
    }

    /// A piece of the request's body is here, `size` bytes are held.
    fn on_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let _ = (size, end_of_stream);
        Action::Continue
    }

    /// The response's headers are here; `end_of_stream` if it has no body.
    fn on_response_headers(&mut self, end_of_stream: bool) -> Action {
        let _ = end_of_stream;
        Action::Continue
    }

    /// A piece of the response's body is here, `size` bytes are held.
    fn on_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let _ = (size, end_of_stream);
        Action::Continue
    }

    /// The response ends with trailers. The body callbacks before never said `end_of_stream`.
    fn on_response_trailers(&mut self) -> Action {
        Action::Continue
    }

    /// A callout that this stream sent has been answered, or has failed.
    fn on_callout(&mut self, token: Token, response: Result<CalloutResponse, CalloutError>) {
        let _ = (token, response);
    }

    /// [`crate::wake`] was called for this stream.
    fn on_wake(&mut self) {}

    /// The stream is over, its access log is being written.
    fn on_log(&mut self) {}
}

/// Goes on with a request that a callback paused. That the stream is gone by then is no error.
pub fn resume_request() {
    let _ = abi::continue_stream(Half::Request);
}

/// Goes on with a response that a callback paused. That the stream is gone by then is no error.
pub fn resume_response() {
    let _ = abi::continue_stream(Half::Response);
}

/// Configures a plugin from what the host holds, `size` bytes, and starts its ticks.
pub(crate) fn configure<P: Plugin>(size: usize) -> Result<P, ConfigError> {
    let refused = |error: crate::HostError| ConfigError::new(".", error.to_string());
    let json = abi::buffer(BufferId::PluginConfiguration, 0, size).map_err(refused)?;
    let plugin = P::configure(&json)?;
    abi::set_tick_period(P::TICK_PERIOD_MS).map_err(refused)?;
    Ok(plugin)
}
