//! New epochs.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// A random number that no log has had before, as good as certainly: the standard library's hasher is keyed by the
/// operating system's randomness, and the time tells apart what one process draws.
pub(super) fn fresh() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u128(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_epoch_is_new() {
        let epochs: std::collections::HashSet<u64> = (0..10_000).map(|_| super::fresh()).collect();
        assert_eq!(epochs.len(), 10_000);
    }
}
