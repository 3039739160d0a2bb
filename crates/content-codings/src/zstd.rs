//! zstd.

use crate::{Broken, STREAM_WINDOW_BYTES, Step};
use structured_zstd::encoding::{CompressionContext, CompressionLevel};

/// A compressor that takes 0.5 to 1 MiB at level 3.
pub struct Zstd {
    context: CompressionContext,
    level: u8,
}

impl Zstd {
    pub fn new(level: u8) -> Zstd {
        Zstd { context: context(level), level }
    }

    pub fn begin(&mut self, length: Option<usize>) -> Result<(), Broken> {
        self.context.abandon_frame();
        self.prepare(length).or_else(|_| {
            // A context that has failed once fails for ever.
            self.context = context(self.level);
            self.prepare(length)
        })
    }

    fn prepare(&mut self, length: Option<usize>) -> Result<(), Broken> {
        match length {
            Some(length) => self.context.set_pledged_content_size(length as u64),
            None => self.context.set_source_size_hint(STREAM_WINDOW_BYTES.into()),
        }
        .map_err(|_| Broken)
    }

    pub fn encode(&mut self, piece: &[u8], step: Step, output: &mut Vec<u8>) -> Result<(), Broken> {
        let mut rest = piece;
        while !rest.is_empty() {
            let taken = self.context.write(output, rest).map_err(|_| Broken)?;
            rest = rest.get(taken..).filter(|_| taken > 0).ok_or(Broken)?;
        }
        match step {
            Step::Flush => self.context.flush(output),
            Step::Finish => self.context.finish_frame(output),
        }
        .map_err(|_| Broken)
    }
}

fn context(level: u8) -> CompressionContext {
    CompressionContext::new(CompressionLevel::from_level(i32::from(level.clamp(1, 19))))
}
