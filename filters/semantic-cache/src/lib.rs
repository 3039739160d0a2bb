//! The Envoy filter that answers questions by what a like one was answered: it asks the companion, answers a hit as the
//! service would, whole or as events, and records complete answers on their way by.
//!
//! [`stream`] is a request's way. What is asked and answered is `semantic-exchange`'s to understand; which answer serves is the
//! companion's to decide. Whatever goes wrong, the request goes to the service as it came.
//!
//! Envoy must load it with `allow_on_headers_stop_iteration: true`, and what it buffers of a request must be at least
//! `max_request_bytes`.

mod companion;
mod config;
mod measures;
mod plugin;
mod route;
mod status;
mod stream;

pub use config::Config;
pub use plugin::SemanticCache;

slipstream_host::entry!(
    crate::SemanticCache,
    [
        on_request_headers,
        on_request_body,
        on_response_headers,
        on_response_body,
        on_response_trailers,
        on_http_call_response,
    ]
);
