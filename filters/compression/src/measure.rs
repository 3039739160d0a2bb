//! What encoding a body came to.

use crate::encoders::Lease;
use content_codings::{Broken, Step};
use slipstream_host::monotonic_ns;

/// What encoding a body has come to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Bytes before.
    pub original: u64,
    /// Bytes after.
    pub size: u64,
    /// Nanoseconds that it took.
    pub ns: u64,
}

impl Work {
    /// Encodes a piece, puts what comes of it into `output` in the place of what is there, and adds this up.
    pub fn encode(
        &mut self,
        encoder: &mut Lease,
        piece: &[u8],
        step: Step,
        output: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        output.clear();
        let start_ns = monotonic_ns();
        encoder.encode(piece, step, output)?;
        self.ns += monotonic_ns().saturating_sub(start_ns);
        self.original += piece.len() as u64;
        self.size += output.len() as u64;
        Ok(())
    }
}
