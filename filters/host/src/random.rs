//! Random numbers.

use crate::abi;

/// A number that nobody can guess, and that nobody has had before, as good as certainly. A test's come one after the other.
pub fn number() -> u64 {
    abi::random()
}
