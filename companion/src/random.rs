//! Random numbers that nobody has had before, as good as certainly.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// A random number: the standard library's hasher is keyed by the operating system's randomness, and the time tells apart
/// what one process draws.
pub(crate) fn number() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u128(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_number_is_new() {
        let numbers: std::collections::HashSet<u64> = (0..10_000).map(|_| super::number()).collect();
        assert_eq!(numbers.len(), 10_000);
    }
}
