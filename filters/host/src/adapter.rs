//! Carries the SDK's callbacks to [`Plugin`] and [`Stream`].

use crate::{Action, CalloutResponse, ContextId, Plugin, Stream, Token, log, plugin};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action as SdkAction, ContextType};
use std::rc::Rc;

/// Registers the filter with the SDK.
pub fn start<P: Plugin>() {
    proxy_wasm::set_root_context(|_| Box::new(Root::<P> { plugin: None }));
}

struct Root<P: Plugin> {
    plugin: Option<Rc<P>>,
}

impl<P: Plugin> Context for Root<P> {
    fn on_http_call_response(&mut self, token: u32, num_headers: usize, body_size: usize, _: usize) {
        if let Some(plugin) = &self.plugin {
            plugin.on_callout(Token(token), CalloutResponse::announced(num_headers, body_size));
        }
    }
}

impl<P: Plugin> RootContext for Root<P> {
    fn on_configure(&mut self, size: usize) -> bool {
        match plugin::configure(size) {
            Ok(plugin) => {
                self.plugin = Some(Rc::new(plugin));
                true
            }
            Err(error) => {
                log::error(&error.to_string());
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if let Some(plugin) = &self.plugin {
            plugin.on_tick();
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        match &self.plugin {
            Some(plugin) => Some(Box::new(Http { stream: P::new_stream(plugin, ContextId(id)) })),
            None => Some(Box::new(Unconfigured)),
        }
    }
}

/// Lets requests pass that come before a configuration.
struct Unconfigured;

impl Context for Unconfigured {}
impl HttpContext for Unconfigured {}

struct Http<S: Stream> {
    stream: S,
}

impl<S: Stream> Context for Http<S> {
    fn on_http_call_response(&mut self, token: u32, num_headers: usize, body_size: usize, _: usize) {
        self.stream.on_callout(Token(token), CalloutResponse::announced(num_headers, body_size));
    }
}

impl<S: Stream> HttpContext for Http<S> {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> SdkAction {
        sdk(self.stream.on_request_headers(end_of_stream))
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> SdkAction {
        sdk(self.stream.on_request_body(size, end_of_stream))
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> SdkAction {
        sdk(self.stream.on_response_headers(end_of_stream))
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> SdkAction {
        sdk(self.stream.on_response_body(size, end_of_stream))
    }

    fn on_http_response_trailers(&mut self, _: usize) -> SdkAction {
        sdk(self.stream.on_response_trailers())
    }

    fn on_log(&mut self) {
        self.stream.on_log();
    }
}

fn sdk(action: Action) -> SdkAction {
    match action {
        Action::Continue => SdkAction::Continue,
        Action::Pause => SdkAction::Pause,
    }
}
