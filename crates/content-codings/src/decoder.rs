//! Decoding a body at a stroke, within bounds: what a stranger has compressed may be made to burst.

use http_semantics::ContentCoding;
use std::fmt;
use std::io::Read;
use structured_zstd::decoding::{FrameDecoder, StreamingDecoder};

/// The largest window of zstd, 8 MiB, which every decoder has to have (RFC 9659 §3).
const MAX_ZSTD_WINDOW_BYTES: u64 = 8 << 20;
/// What brotli reads at a time.
const BROTLI_BUFFER_BYTES: usize = 4 << 10;

/// Why a body was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// It is not what its coding says, or breaks off.
    Malformed,
    /// It is longer than it may be.
    TooLong,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DecodeError::Malformed => "the body is not what its coding says",
            DecodeError::TooLong => "the decoded body is too long",
        })
    }
}

impl std::error::Error for DecodeError {}

/// Decodes a whole body that may have `max_bytes` then.
pub fn decode(coding: ContentCoding, body: &[u8], max_bytes: usize) -> Result<Vec<u8>, DecodeError> {
    match coding {
        ContentCoding::Gzip => read(flate2::bufread::MultiGzDecoder::new(body), max_bytes),
        ContentCoding::Deflate => read(flate2::bufread::ZlibDecoder::new(body), max_bytes),
        ContentCoding::Br => read(brotli::Decompressor::new(body, BROTLI_BUFFER_BYTES), max_bytes),
        ContentCoding::Zstd => {
            let mut decoder = FrameDecoder::new();
            let limited = decoder.set_max_window_size(MAX_ZSTD_WINDOW_BYTES);
            limited.map_err(|_| DecodeError::Malformed)?;
            read(StreamingDecoder::new_with_decoder(body, decoder), max_bytes)
        }
    }
}

fn read(decoder: impl Read, max_bytes: usize) -> Result<Vec<u8>, DecodeError> {
    let mut decoded = Vec::new();
    let one_more = (max_bytes as u64).saturating_add(1);
    let result = decoder.take(one_more).read_to_end(&mut decoded);
    if decoded.len() > max_bytes {
        return Err(DecodeError::TooLong);
    }
    result.map(|_| decoded).map_err(|_| DecodeError::Malformed)
}
