//! The native companion of the filters: the shared second level of their cache, and the log of invalidations.

pub mod cli;
pub mod client;
pub mod config;
mod followers;
mod http;
mod invalidation_log;
mod metrics;
pub mod server;
mod store;
mod url;
