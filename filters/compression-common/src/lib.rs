//! What the filters about compression have in common: their metrics, and what a route may say to them.

mod metrics;
mod route;

pub use metrics::{Alike, Counted, How, Work};
pub use route::{ModeName, NAMESPACE, RouteSettings};
