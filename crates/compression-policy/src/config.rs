//! What is worth compressing.

use crate::ContentTypes;

/// Bounds and types of the bodies that are compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Shortest body that is compressed, in bytes.
    pub min_bytes: u64,
    /// Longest body that is compressed, in bytes.
    pub max_bytes: u64,
    /// Content types that are compressed.
    pub types: ContentTypes,
}
