//! The native companion of the filters: the shared second level of their cache, and the log of invalidations.

mod background;
mod change_capture;
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
mod pooling;
mod rag;
mod random;
mod rivals;
mod schema;
mod semantic;
pub mod server;
mod store;
mod trace;
mod ui;
mod url;
mod validate;
mod waits;
mod watch;
