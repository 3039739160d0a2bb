//! What the end-to-end tests share: the shipped configuration between a scriptable origin and a real companion.

mod assertions;
mod metrics;
mod numbered;
mod proxy;
mod setup;
mod wire;
mod wrk;

pub use assertions::{assert_text, cache_detail, hit, is_hit, is_miss, miss, stale, x_cache};
pub use metrics::Metrics;
pub use numbered::{SOON_STALE, numbered, numbered_text, wait_until_stale};
pub use proxy::Proxy;
pub use setup::{Setup, route};
pub use wire::Connection;
pub use wrk::{Load, load};

use std::time::Duration;

/// How long a test waits for what must come: long enough for a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for a condition that must come to hold.
///
/// # Panics
/// If it does not, saying what was waited for.
pub fn wait_for(what: &str, condition: impl FnMut() -> bool) {
    assert!(testbed::wait_until(PATIENCE, condition), "waited {PATIENCE:?} in vain for: {what}");
}
