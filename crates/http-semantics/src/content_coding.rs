//! Content codings (RFC 9110 §8.4.1).

/// A content coding that stands for a compressed form of a representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentCoding {
    /// LZ77 with a CRC (RFC 1952; RFC 9110 §8.4.1.3).
    Gzip,
    /// Brotli (RFC 7932).
    Br,
    /// Zstandard (RFC 8878).
    Zstd,
    /// The same data as gzip's in the frame of zlib (RFC 1950; RFC 9110 §8.4.1.2).
    Deflate,
}

impl ContentCoding {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Br, Self::Zstd, Self::Deflate];

    /// The coding's name in fields.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Br => "br",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
        }
    }

    /// The coding of this name, whatever its case; `x-gzip` is another name of `gzip` (RFC 9110 §8.4.1.3).
    pub fn parse(name: &[u8]) -> Option<Self> {
        let is = |coding: &Self| name.eq_ignore_ascii_case(coding.as_str().as_bytes());
        Self::ALL.into_iter().find(is).or(name.eq_ignore_ascii_case(b"x-gzip").then_some(Self::Gzip))
    }
}
