//! How hard each coding tries: for all content types, and for some.

use crate::ContentTypes;
use http_semantics::ContentCoding;
use std::ops::RangeInclusive;

/// A level of each coding, where one is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodingLevels {
    /// gzip's, 1 to 9.
    pub gzip: Option<u8>,
    /// Brotli's, 0 to 11.
    pub br: Option<u8>,
    /// Zstandard's, 1 to 19.
    pub zstd: Option<u8>,
    /// deflate's, 1 to 9.
    pub deflate: Option<u8>,
}

impl CodingLevels {
    /// The coding's, if it is set.
    pub const fn of(&self, coding: ContentCoding) -> Option<u8> {
        match coding {
            ContentCoding::Gzip => self.gzip,
            ContentCoding::Br => self.br,
            ContentCoding::Zstd => self.zstd,
            ContentCoding::Deflate => self.deflate,
        }
    }

    /// The first coding whose level is not one of its [`range`].
    pub fn out_of_range(&self) -> Option<(ContentCoding, u8)> {
        let set = ContentCoding::ALL.into_iter().filter_map(|coding| Some((coding, self.of(coding)?)));
        set.into_iter().find(|(coding, level)| !range(*coding).contains(level))
    }
}

/// The levels that a coding has.
pub const fn range(coding: ContentCoding) -> RangeInclusive<u8> {
    match coding {
        ContentCoding::Gzip | ContentCoding::Deflate => 1..=9,
        ContentCoding::Br => 0..=11,
        ContentCoding::Zstd => 1..=19,
    }
}

/// gzip at 6 is of zlib's size at its default, which is 6 too. zstd is of that size at 3; brotli at 5 is 7 % smaller and takes
/// several times as long.
const fn default_level(coding: ContentCoding) -> u8 {
    match coding {
        ContentCoding::Gzip | ContentCoding::Deflate => 6,
        ContentCoding::Br => 5,
        ContentCoding::Zstd => 3,
    }
}

/// The levels of all responses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// For what no rule is about.
    pub default: CodingLevels,
    /// Rules for content types; the first that matches, and has a level for the coding, counts.
    pub by_content_type: Vec<(ContentTypes, CodingLevels)>,
}

impl Levels {
    /// The level of a response.
    pub fn level(&self, coding: ContentCoding, content_type: &[u8]) -> u8 {
        let matching = self.by_content_type.iter().filter(|(types, _)| types.contains(content_type));
        let ruled = matching.into_iter().find_map(|(_, levels)| levels.of(coding));
        ruled.or(self.default.of(coding)).unwrap_or(default_level(coding))
    }
}
