//! gzip (RFC 1952) and deflate (RFC 1950) of bodies that are there as a whole.
//!
//! Because all of the body is there, places that look alike are linked in one go, before any match is looked for: a loop without
//! a branch, which is where most of the time is won.

mod bits;
mod block;
mod code_lengths;
mod huffman;
mod level;
mod matches;
mod parse;
mod sequences;
mod split;
mod symbols;
mod table;
mod window;

pub use level::Level;

use parse::Parser;

/// What stands around the compressed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    Gzip,
    Zlib,
}

/// An encoder of whole bodies. It keeps its memory, some 400 KiB, from one to the next, and nothing else.
pub struct Deflate {
    frame: Frame,
    parser: Parser,
}

/// Deflate, no flags, no time, no hint how hard it was tried, made by an unknown system (RFC 1952 §2.3).
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// Deflate with a window of 32 KiB, no dictionary, the default effort, and a check of these (RFC 1950 §2.2).
const ZLIB_HEAD: [u8; 2] = [0x78, 0x9c];

impl Deflate {
    pub fn new(frame: Frame, level: Level) -> Deflate {
        Deflate { frame, parser: Parser::new(level) }
    }

    /// Encodes a whole body, and appends it to `output`.
    pub fn encode(&mut self, body: &[u8], output: &mut Vec<u8>) {
        match self.frame {
            Frame::Gzip => {
                output.extend_from_slice(&GZIP_HEAD);
                self.parser.encode(body, output);
                output.extend_from_slice(&zlib_rs::crc32::crc32(0, body).to_le_bytes());
                // Modulo 2^32, as the RFC has it.
                output.extend_from_slice(&(body.len() as u32).to_le_bytes());
            }
            Frame::Zlib => {
                output.extend_from_slice(&ZLIB_HEAD);
                self.parser.encode(body, output);
                output.extend_from_slice(&zlib_rs::adler32::adler32(1, body).to_be_bytes());
            }
        }
    }
}
