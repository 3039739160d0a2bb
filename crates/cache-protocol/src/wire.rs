//! The envelope's layout.
//!
//! `SLR`, version, checksum (xxh3-64 over all that follows), then: epoch and seq, the key, the tags, the three times,
//! the status, the headers, the body. Fixed numbers are little-endian. A string is its length and its bytes, a list its
//! count and its items; lengths and counts are LEB128 numbers. The body takes the rest.

/// What an envelope starts with; the last byte is the version.
pub(crate) const MAGIC: [u8; 4] = *b"SLR\x01";

/// Bytes before what the checksum covers.
pub(crate) const HEAD_BYTES: usize = MAGIC.len() + size_of::<u64>();

/// Where the position ends in an envelope, in bytes from its start.
pub const POSITION_END: usize = HEAD_BYTES + 2 * size_of::<u64>();

/// The checksum over what follows the head.
pub(crate) fn checksum(payload: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(payload)
}
