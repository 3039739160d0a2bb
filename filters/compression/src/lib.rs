//! The Envoy filter that compresses responses with gzip.
//!
//! It holds a response that is worth compressing until all of its body is there, so that the headers can tell its
//! size, and takes the pieces out of Envoy as they come, so that Envoy's buffer limits do not matter. Whatever goes
//! wrong, the response is sent as the service made it.
//!
//! Envoy must load it with `allow_on_headers_stop_iteration: true`.

mod budget;
mod config;
mod gzip;
mod headers;
mod metrics;
mod plugin;
mod stream;

pub use config::Config;
pub use plugin::Compression;
pub use stream::CompressionStream;

slipstream_host::entry!(Compression);
