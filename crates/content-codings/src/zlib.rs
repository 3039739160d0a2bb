//! gzip and deflate: bodies that are there as a whole by the encoder of this crate, which is faster, streams by zlib-rs.

use crate::deflate::{Deflate, Frame, Level};
use crate::{Broken, Step};
use flate2::{Compress, Compression, FlushCompress, Status};

/// zlib's largest window, 32 KiB, which every client can decode.
const WINDOW_BITS: u8 = 15;
/// The most that the output grows by beforehand: nearly all bodies shrink to less.
const MAX_RESERVED: usize = 64 << 10;

/// An encoder of either kind, made when the first body needs it.
pub struct Zlib {
    frame: Frame,
    level: u8,
    /// Takes some 400 KiB.
    whole: Option<Box<Deflate>>,
    /// Takes some 300 KiB.
    stream: Option<Compress>,
    /// Whether the body has had a piece.
    is_begun: bool,
}

impl Zlib {
    pub fn gzip(level: u8) -> Zlib {
        Zlib::new(Frame::Gzip, level)
    }

    pub fn deflate(level: u8) -> Zlib {
        Zlib::new(Frame::Zlib, level)
    }

    fn new(frame: Frame, level: u8) -> Zlib {
        Zlib { frame, level: level.clamp(1, 9), whole: None, stream: None, is_begun: false }
    }

    pub fn begin(&mut self) {
        self.is_begun = false;
    }

    pub fn encode(&mut self, piece: &[u8], step: Step, output: &mut Vec<u8>) -> Result<(), Broken> {
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        match Level::new(self.level) {
            Some(level) if is_first && step == Step::Finish => {
                let whole = self.whole.get_or_insert_with(|| Box::new(Deflate::new(self.frame, level)));
                whole.encode(piece, output);
                Ok(())
            }
            _ => self.stream(is_first, piece, step, output),
        }
    }

    fn stream(
        &mut self,
        is_first: bool,
        piece: &[u8],
        step: Step,
        output: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let stream = self.stream.get_or_insert_with(|| compress(self.frame, self.level));
        if is_first {
            stream.reset();
        }
        let flush = match step {
            Step::Flush => FlushCompress::Sync,
            Step::Finish => FlushCompress::Finish,
        };
        let start = stream.total_in();
        loop {
            let taken = (stream.total_in() - start) as usize;
            let rest = piece.get(taken..).unwrap_or_default();
            output.reserve((rest.len() / 2).clamp(256, MAX_RESERVED));
            let status = stream.compress_vec(rest, output, flush).map_err(|_| Broken)?;
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

fn compress(frame: Frame, level: u8) -> Compress {
    let level = Compression::new(u32::from(level));
    match frame {
        Frame::Gzip => Compress::new_gzip(level, WINDOW_BITS),
        Frame::Zlib => Compress::new_with_window_bits(level, true, WINDOW_BITS),
    }
}
