//! The Envoy filter that caches responses: in the VM's own memory (L1) and in the companion (L2).
//!
//! [`stream`] is a request's way; what may be stored and reused is `cache-policy`'s to say, and which stored responses have
//! been invalidated is `invalidation`'s.

mod companion;
mod config;
mod flights;
mod follower;
mod l1;
mod leases;
mod lookup;
mod measures;
mod outbox;
mod plugin;
mod question;
mod settings;
mod stored;
mod stream;
mod variants;

pub use config::Config;
pub use plugin::ResponseCache;

slipstream_host::entry!(
    crate::ResponseCache,
    [on_request_headers, on_response_headers, on_response_body, on_response_trailers, on_http_call_response,]
);
