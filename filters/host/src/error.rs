//! What the host answers when a call fails.

use std::fmt;

/// A call that the host refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError {
    /// The call, without its `proxy_` prefix.
    pub call: &'static str,
    /// The host's status (`proxy_result_t`): 2 is a bad argument, 10 an internal failure.
    pub status: u32,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the host refused {} with status {}", self.call, self.status)
    }
}

impl std::error::Error for HostError {}
