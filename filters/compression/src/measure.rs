//! What encoding a body comes to.

use crate::encoders::Lease;
use compression_common::Work;
use content_codings::{Broken, Step};
use slipstream_host::monotonic_ns;

/// Encodes a piece, puts what comes of it into `output` in the place of what is there, and adds this up in `work`.
pub fn encode(
    work: &mut Work,
    encoder: &mut Lease,
    piece: &[u8],
    step: Step,
    output: &mut Vec<u8>,
) -> Result<(), Broken> {
    output.clear();
    let start_ns = monotonic_ns();
    encoder.encode(piece, step, output)?;
    work.ns += monotonic_ns().saturating_sub(start_ns);
    work.original += piece.len() as u64;
    work.size += output.len() as u64;
    Ok(())
}
