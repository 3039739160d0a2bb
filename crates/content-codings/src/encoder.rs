//! One face of all encoders.

use crate::brotli::Brotli;
use crate::zlib::Zlib;
use crate::zstd::Zstd;
use http_semantics::ContentCoding;
use std::fmt;

/// An encoder. Its memory is kept from one body to the next, where the library can do that.
pub struct Encoder(Kind);

enum Kind {
    Zlib(Zlib),
    Brotli(Brotli),
    Zstd(Box<Zstd>),
}

/// What follows a piece of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something that may take its time: what has come by now must be decodable from the output so far.
    Flush,
    /// Nothing.
    Finish,
}

/// An encoder that cannot go on with the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the encoder does not take the body")
    }
}

impl std::error::Error for Broken {}

impl Encoder {
    /// An encoder of this coding and level; a level that the coding does not have is taken for its nearest.
    pub fn new(coding: ContentCoding, level: u8) -> Encoder {
        Encoder(match coding {
            ContentCoding::Gzip => Kind::Zlib(Zlib::gzip(level)),
            ContentCoding::Deflate => Kind::Zlib(Zlib::deflate(level)),
            ContentCoding::Br => Kind::Brotli(Brotli::new(level)),
            ContentCoding::Zstd => Kind::Zstd(Box::new(Zstd::new(level))),
        })
    }

    /// Begins a body, of this many bytes if that is known. What is left of another that was not finished is forgotten.
    pub fn begin(&mut self, length: Option<usize>) -> Result<(), Broken> {
        match &mut self.0 {
            Kind::Zlib(zlib) => zlib.begin(),
            Kind::Brotli(brotli) => brotli.begin(length),
            Kind::Zstd(zstd) => zstd.begin(length)?,
        }
        Ok(())
    }

    /// Encodes the next piece of the body, and appends what comes of it to `output`.
    pub fn encode(&mut self, piece: &[u8], step: Step, output: &mut Vec<u8>) -> Result<(), Broken> {
        match &mut self.0 {
            Kind::Zlib(zlib) => zlib.encode(piece, step, output),
            Kind::Brotli(brotli) => brotli.encode(piece, step, output),
            Kind::Zstd(zstd) => zstd.encode(piece, step, output),
        }
    }
}
