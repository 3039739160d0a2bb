//! The content codings, and what becomes of what they encode.
//!
//! The decoders of brotli and zstd are others than a filter's encoders: what only its own author can read is not right.

use std::io::Read;

use brotli_decompressor::Decompressor;
use flate2::bufread::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// A coding that a client may ask for (RFC 9110 §8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Brotli,
    Zstd,
    Deflate,
}

/// The window that an HTTP client must grant at least, and browsers grant at most (RFC 9659 §3).
const ZSTD_WINDOW: u64 = 8 << 20;

impl Coding {
    pub(super) const ALL: [Self; 4] = [Self::Gzip, Self::Brotli, Self::Zstd, Self::Deflate];

    /// Its name in Accept-Encoding and Content-Encoding.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
        }
    }

    /// What was encoded, or why that cannot be told. Ends soon after `limit` bytes: a few may stand for gigabytes.
    pub(super) fn decode(self, encoded: &[u8], limit: usize) -> Result<Vec<u8>, String> {
        match self {
            Self::Gzip => read(MultiGzDecoder::new(encoded), limit),
            Self::Brotli => brotli(encoded, limit),
            Self::Zstd => zstd(encoded, limit),
            Self::Deflate => deflate(encoded, limit),
        }
    }
}

/// One byte more than the limit shows that it is passed.
fn read(decoder: impl Read, limit: usize) -> Result<Vec<u8>, String> {
    let mut decoded = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(most).read_to_end(&mut decoded).map_err(|error| error.to_string())?;
    Ok(decoded)
}

fn brotli(encoded: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let mut decoder = Decompressor::new(encoded, 0);
    let decoded = read(&mut decoder, limit)?;
    if decoded.len() <= limit {
        // Once it has ended, it takes what follows in its buffer for an error.
        let buffered = decoder.read(&mut [0]).is_err();
        ends(buffered || !decoder.into_inner().is_empty())?;
    }
    Ok(decoded)
}

fn zstd(mut encoded: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let mut decoded = Vec::new();
    // Frames may follow each other (RFC 8878 §3).
    while !encoded.is_empty() && decoded.len() <= limit {
        let mut frames = FrameDecoder::new();
        frames.set_max_window_size(ZSTD_WINDOW);
        let mut decoder = StreamingDecoder::new_with_decoder(&mut encoded, frames)
            .map_err(|error| format!("no frame of zstd: {error}"))?;
        let frame = read(&mut decoder, limit.saturating_sub(decoded.len()))?;
        decoded.extend(frame);
        let frames = decoder.into_frame_decoder();
        let (told, found) = (frames.get_checksum_from_data(), frames.get_calculated_checksum());
        if decoded.len() <= limit && told.is_some() && told != found {
            return Err("its checksum is wrong".to_owned());
        }
    }
    Ok(decoded)
}

fn deflate(encoded: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let mut decoded = Vec::with_capacity(limit.saturating_add(1));
    let mut decoder = Decompress::new(true);
    let status = decoder.decompress_vec(encoded, &mut decoded, FlushDecompress::Finish);
    let used = usize::try_from(decoder.total_in()).unwrap_or(usize::MAX);
    match status {
        Ok(Status::StreamEnd) => ends(used < encoded.len())?,
        Ok(_) if decoded.len() > limit => {}
        Ok(_) => return Err("it ends early".to_owned()),
        // Much software sends the stream without its frame.
        Err(error) => return Err(format!("not in zlib's format (RFC 9110 §8.4.1.2): {error}")),
    }
    Ok(decoded)
}

fn ends(more: bool) -> Result<(), String> {
    if more { Err("something follows its end".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &[u8] = b"hello hello hello hello\n";
    /// As zlib, Node.js and zstd encode it.
    const ENCODED: [(Coding, &[u8]); 4] = [
        (Coding::Gzip, b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x27\xb9\x00\x00\x88\x59\x0b\x18\x00\x00\x00"),
        (Coding::Brotli, b"\x1b\x17\x00\xf8\x8d\x94\x6e\xde\x44\x55\x86\xd6\x0a\x20\x6c\x6f\x4a\x11\x79\xe2\x80\xae\x16"),
        (Coding::Zstd, b"\x28\xb5\x2f\xfd\x04\x58\x6d\x00\x00\x38\x68\x65\x6c\x6c\x6f\x20\x0a\x01\x00\x99\x4b\x11\xa8\x7c\x2e\xa8"),
        (Coding::Deflate, b"\x78\x9c\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x27\xb9\x00\x70\xbe\x08\xbb"),
    ];

    #[test]
    fn decodes_what_others_have_encoded() {
        for (coding, encoded) in ENCODED {
            assert_eq!(coding.decode(encoded, HELLO.len()).as_deref(), Ok(HELLO), "{coding:?}");
            let bounded = coding.decode(encoded, 5).unwrap();
            assert!(bounded.len() > 5 && HELLO.starts_with(&bounded), "{coding:?}: {bounded:?}");
        }
    }

    #[test]
    fn what_is_damaged_is_refused() {
        for (coding, encoded) in ENCODED {
            let (_, shorter) = encoded.split_last().unwrap();
            let longer = [encoded, b"x"].concat();
            let other = [b"x", encoded].concat();
            for damaged in [shorter, &longer, &other, b""] {
                let decoded = coding.decode(damaged, HELLO.len());
                assert_ne!(decoded.as_deref(), Ok(HELLO), "{coding:?}: {damaged:?}");
            }
        }
    }
}
