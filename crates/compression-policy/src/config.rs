//! What is worth compressing, and how.

use crate::{Codings, ContentTypes};

/// Bounds and types of the bodies that are compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What clients are offered.
    pub codings: Codings,
    /// Shortest body that is compressed, in bytes.
    pub min_bytes: u64,
    /// Longest body that is compressed, in bytes.
    pub max_bytes: u64,
    /// Content types that are compressed.
    pub types: ContentTypes,
}

/// How a route's responses are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Whole: the response waits for its end, and tells its length.
    Buffer,
    /// Piece by piece, as they come.
    Stream,
    /// By somebody else, who is watched.
    Observe,
}
