//! What Envoy's configuration must say for Slipstream's filters to work, as text: written anew ([`init`]), and checked
//! ([`check`]). It knows the configuration's shape, and needs no Envoy.

pub mod check;
pub mod init;

mod document;
mod filters;
mod schema;

pub use check::{Finding, Report, Severity, check};
pub use document::{Unreadable, documents};
pub use filters::{FILTERS, Filter};
pub use schema::conform;
