//! What a service would have answered.

use std::fmt::Debug;

/// Tells true answers from others. The state of the service is a number that only grows: its version.
pub(crate) trait Truth: Debug + Send + Sync {
    /// The query of this page, of 16.
    fn query(&self, page: u64) -> String;

    /// The version that this answer is of, if it is what the service gives for the target at some time until now; what is
    /// wrong otherwise.
    fn version_of(&self, target: &str, text: &str) -> Result<u64, String>;

    /// What to post to write.
    fn post(&self) -> &'static str {
        "{}"
    }

    /// The version that a write's answer names.
    fn written(&self, text: &str) -> Option<u64>;

    /// Writes where no Envoy sees it, if that can be done; the version with it.
    fn write_past_envoy(&self) -> Option<u64>;
}
