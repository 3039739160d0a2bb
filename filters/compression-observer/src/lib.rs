//! The Envoy filter that measures what Envoy's own compressor does, on routes that say `mode: observe`.
//!
//! It stands between compressor and service, looks at no byte, and changes nothing: it adds up how long the pieces of a response are
//! before they are compressed, and when the stream is over asks Envoy how much has gone out, with which coding, and on which route. That
//! is as little as will tell it: each callback and each question costs Envoy's worker its time.

mod config;
mod plugin;
mod stream;

pub use plugin::Observer;
pub use stream::Observed;

slipstream_host::entry!(Observer, [on_response_body, on_response_trailers, on_log]);
