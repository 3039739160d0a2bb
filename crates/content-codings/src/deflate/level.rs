//! What the levels stand for.

use super::matches::Effort;

/// How hard the encoder tries.
#[derive(Clone, Copy)]
pub struct Level {
    /// Places that are looked at for a match in a very short body. For long ones, which have more of them, up to twice as many.
    places: u32,
    /// The same for a match that begins a byte later.
    places_later: u32,
    /// A match so long is taken without looking at other places.
    enough: usize,
    /// A match so long is taken without looking for a later one.
    pub lazy: usize,
}

/// From this length on, a body is as long as any.
const LONG_BYTES: usize = 128 << 10;

impl Level {
    /// What zlib's level of this number stands for here, 2 to 9: about as small, or smaller, in less time. Nothing for the
    /// lower ones.
    pub const fn new(number: u8) -> Option<Level> {
        let (places, places_later, enough, lazy) = match number {
            0 | 1 => return None,
            2 => (2, 0, 16, 0),
            3 => (6, 2, 32, 16),
            4 => (10, 3, 64, 32),
            5 => (14, 3, 64, 32),
            6 => (16, 4, 128, 32),
            7 => (32, 8, 128, 64),
            8 => (64, 16, 258, 128),
            _ => (128, 64, 258, 258),
        };
        Some(Level { places, places_later, enough, lazy })
    }

    /// For the first match at a place, and for one that begins a byte later, in a body of this length.
    pub fn efforts(self, length: usize) -> (Effort, Effort) {
        let share = length.min(LONG_BYTES);
        let effort = |places: u32| Effort {
            places: places + (places as usize * share / LONG_BYTES) as u32,
            enough: self.enough,
        };
        (effort(self.places), effort(self.places_later))
    }
}
