//! What a shared cache may store and reuse (RFC 9111), as pure functions.
//!
//! A request's way: [`request::decide`], [`key`], then [`reuse::decide`] and [`conditional::not_modified`] on what was
//! found, or [`store::decide`] on what the origin answered; [`cache_status`] tells the client which it was.

pub mod cache_status;
pub mod conditional;
mod config;
pub mod key;
pub mod reference;
pub mod request;
pub mod reuse;
pub mod stale;
pub mod store;
mod stored_fields;
pub mod tags;

pub use config::{Policy, RoutePolicy};
