//! The native companion of the filters: the shared second level of their cache, and the log of invalidations.

pub mod cli;
pub mod client;
mod clock;
pub mod config;
mod embedder;
mod followers;
mod http;
mod invalidation_log;
mod mesh;
mod metrics;
mod random;
mod rivals;
mod semantic;
pub mod server;
mod store;
mod url;
mod validate;
mod waits;
