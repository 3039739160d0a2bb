//! Answering a request from the filter.

use crate::HostError;
use crate::abi;
use crate::pairs;

/// Headers of a local reply in the host's wire form, made once and sent many times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderBlock(Vec<u8>);

impl HeaderBlock {
    /// Encodes header fields. The status is not one of them.
    pub fn new<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone) -> HeaderBlock {
        HeaderBlock(pairs::encode(fields))
    }
}

/// Answers the current stream. `details` shows as `%RESPONSE_CODE_DETAILS%` in access logs.
///
/// Call it once a stream, and return [`crate::Action::Pause`] right after: a second reply hangs the stream.
pub fn send(status: u16, details: &str, headers: &HeaderBlock, body: &[u8]) -> Result<(), HostError> {
    abi::local_reply(status, details, &headers.0, body)
}
