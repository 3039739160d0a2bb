//! What a shared cache may store and reuse (RFC 9111), as pure functions.
//!
//! A request's way: [`request::decide`], [`key`], then [`reuse::decide`] and [`conditional::not_modified`] on what was
//! found, or [`store::decide`] on what the origin answered; [`cache_status`] tells the client which it was.

pub mod cache_status;
pub mod condition;
pub mod conditional;
mod config;
mod directives;
mod freshness;
pub mod key;
pub mod range;
pub mod reference;
pub mod request;
pub mod reuse;
pub mod stale;
pub mod store;
mod stored_fields;
pub mod tags;
pub mod vary;

pub use condition::Condition;
pub use config::{Lifetimes, Policy, RoutePolicy, StatusTtl, Storing};
pub use directives::Directives;
