//! The Envoy filter that compresses responses with gzip.
//!
//! It pauses a response that is worth compressing until Envoy holds all of its body, so that the headers can tell its
//! size. Whatever goes wrong, the response is sent as the service made it.
//!
//! Envoy must load it with `allow_on_headers_stop_iteration: true`, and its buffers must have room, because Envoy
//! answers 500 where what a filter pauses exceeds the listener's `per_connection_buffer_limit_bytes`. That must be at
//! least `max_bytes`, for bodies that announce their length; those that do not overshoot by what comes at once from the
//! service, so there it must also have room for the cluster's `per_connection_buffer_limit_bytes` and 128 KiB.

mod config;
mod gzip;
mod headers;
mod metrics;
mod plugin;
mod stream;

pub use config::Config;
pub use plugin::Compression;
pub use stream::CompressionStream;

slipstream_host::entry!(
    Compression,
    [on_request_headers, on_response_headers, on_response_body, on_response_trailers]
);
