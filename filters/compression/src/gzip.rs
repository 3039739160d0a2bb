//! The one compressor of a VM.

use flate2::{Compress, Compression, FlushCompress, Status};

/// zlib's largest window, 32 KiB, which every client can decode.
const WINDOW_BITS: u8 = 15;

/// A gzip compressor whose memory (some 300 KiB) is allocated once and used for every response.
#[derive(Debug)]
pub struct Gzip {
    state: Compress,
    output: Vec<u8>,
}

impl Gzip {
    /// A compressor of this level, 1 to 9.
    pub fn new(level: u32) -> Gzip {
        Gzip { state: Compress::new_gzip(Compression::new(level), WINDOW_BITS), output: Vec::new() }
    }

    /// Compresses a body whole. None if its compressed form would not be smaller.
    pub fn compress(&mut self, body: &[u8]) -> Option<&[u8]> {
        self.state.reset();
        self.output.clear();
        // What does not fit in here is not smaller.
        self.output.reserve(body.len());
        let status = self.state.compress_vec(body, &mut self.output, FlushCompress::Finish);
        let is_smaller = matches!(status, Ok(Status::StreamEnd)) && self.output.len() < body.len();
        is_smaller.then_some(self.output.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn one_compressor_serves_many_bodies() {
        let mut gzip = Gzip::new(6);
        let noise =
            (0_u32..2_000).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(n % 32).to_le_bytes());
        let noise: Vec<u8> = noise.collect();
        let long = b"{\"name\": \"value\"}, ".repeat(100_000);
        for (body, shrinks) in [
            (&long[..2_000], true),
            (&noise[..], false),
            (&long, true),
            (b"", false),
            (b"a", false),
            (&long[5..3_000], true),
        ] {
            let compressed = gzip.compress(body).map(<[u8]>::to_vec);
            assert_eq!(compressed.is_some(), shrinks, "{} bytes", body.len());
            if let Some(compressed) = compressed {
                let mut restored = Vec::new();
                flate2::read::GzDecoder::new(compressed.as_slice()).read_to_end(&mut restored).unwrap();
                assert_eq!(restored, body);
            }
        }
    }
}
