//! The Envoy filter that compresses responses, with the coding that the client likes best of those on offer.
//!
//! A response of a known, moderate length is held until Envoy has all of its body, so that its head can tell its sizes
//! (`buffer`). Others are compressed as they come (`stream`). Those that Envoy's own compressor compresses (`observe`) it leaves to
//! the filter compression-observer. And it decompresses requests for services that cannot. Whatever goes wrong, the response is sent
//! as the service made it, or broken off if half of it has been sent.
//!
//! Envoy must load it with `allow_on_headers_stop_iteration: true`, and its buffers must have room, because Envoy
//! answers 500 where what a filter pauses exceeds the listener's `per_connection_buffer_limit_bytes`. That must be at
//! least `max_bytes`, for bodies that announce their length; those that do not (with `mode: buffer`) overshoot by what comes
//! at once from the service, so there it must also have room for the cluster's `per_connection_buffer_limit_bytes` and
//! 128 KiB.

mod begin;
mod config;
mod decompression;
mod encoders;
mod headers;
mod measure;
mod pieces;
mod plugin;
mod stream;
mod whole;

pub use config::Config;
pub use plugin::Compression;
pub use stream::CompressionStream;

slipstream_host::entry!(
    Compression,
    [on_request_headers, on_request_body, on_response_headers, on_response_body, on_response_trailers]
);
