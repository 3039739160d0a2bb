//! The body of a request or response, as far as the host holds it.

use crate::HostError;
use crate::abi::{self, BufferId};

/// The body that a body callback is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// The request's.
    Request,
    /// The response's.
    Response,
}

impl Body {
    fn id(self) -> BufferId {
        match self {
            Body::Request => BufferId::RequestBody,
            Body::Response => BufferId::ResponseBody,
        }
    }

    /// Copies out up to `max` bytes from the start.
    pub fn read(self, max: usize) -> Result<Vec<u8>, HostError> {
        abi::buffer(self.id(), 0, max)
    }

    /// Puts `bytes` in the place of all that the host holds.
    ///
    /// What a callback has paused must not grow past Envoy's buffer limit by this: Envoy would answer the stream with
    /// 500 from within the call, and re-enter the VM.
    pub fn replace(self, bytes: &[u8]) -> Result<(), HostError> {
        abi::set_buffer(self.id(), 0, usize::MAX, bytes)
    }
}
