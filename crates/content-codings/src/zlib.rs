//! gzip and deflate.

use crate::{Broken, Step};
use flate2::{Compress, Compression, FlushCompress, Status};

/// zlib's largest window, 32 KiB, which every client can decode.
const WINDOW_BITS: u8 = 15;
/// The most that the output grows by beforehand: nearly all bodies shrink to less.
const MAX_RESERVED: usize = 64 << 10;

/// A compressor that takes some 300 KiB.
pub struct Zlib(Compress);

impl Zlib {
    pub fn gzip(level: u8) -> Zlib {
        Zlib(Compress::new_gzip(compression(level), WINDOW_BITS))
    }

    pub fn deflate(level: u8) -> Zlib {
        Zlib(Compress::new_with_window_bits(compression(level), true, WINDOW_BITS))
    }

    pub fn begin(&mut self) {
        self.0.reset();
    }

    pub fn encode(&mut self, piece: &[u8], step: Step, output: &mut Vec<u8>) -> Result<(), Broken> {
        let flush = match step {
            Step::Flush => FlushCompress::Sync,
            Step::Finish => FlushCompress::Finish,
        };
        let start = self.0.total_in();
        loop {
            let taken = (self.0.total_in() - start) as usize;
            let rest = piece.get(taken..).unwrap_or_default();
            output.reserve((rest.len() / 2).clamp(256, MAX_RESERVED));
            let status = self.0.compress_vec(rest, output, flush).map_err(|_| Broken)?;
            // With room left, all has been taken and written.
            let is_done = match step {
                Step::Flush => output.len() < output.capacity(),
                Step::Finish => status == Status::StreamEnd,
            };
            if is_done {
                return Ok(());
            }
        }
    }
}

fn compression(level: u8) -> Compression {
    Compression::new(u32::from(level.clamp(1, 9)))
}
