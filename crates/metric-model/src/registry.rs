//! Who else counts under the same names.

use std::fmt;

/// What all tables that hand over under the same names know of each other's label sets: their cap is one for all.
pub trait Registry: fmt::Debug {
    /// Whether a label set may be made: because another table has it, or because the group has fewer than `max` in all
    /// tables together. The answer for a set that has been admitted is always yes.
    fn admit(&mut self, group: usize, key: &[u8], max: usize) -> bool;
}

/// A table that is alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alone;

impl Registry for Alone {
    fn admit(&mut self, _: usize, _: &[u8], _: usize) -> bool {
        true
    }
}
