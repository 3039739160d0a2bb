//! Encoders and decoders of the content codings: gzip and deflate by an encoder of this crate where the body is there as a
//! whole and by zlib-rs where it is not, br by brotli, zstd by structured-zstd, all of them Rust, so that they are the same
//! natively and in wasm.
//!
//! An [`Encoder`] takes a body piece by piece and can be flushed, so that what it was given can be decoded at once; it is
//! used for one body after the other.

mod brotli;
mod decoder;
mod deflate;
mod encoder;
mod zlib;
mod zstd;

pub use decoder::{DecodeError, decode};
pub use encoder::{Broken, Encoder, Step};

/// Bytes of the window of a body whose length is not known: what an encoder remembers, and a decoder has to.
const STREAM_WINDOW_BYTES: u32 = 1 << STREAM_WINDOW_BITS;
const STREAM_WINDOW_BITS: u32 = 18;
