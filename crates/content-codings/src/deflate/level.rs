//! What the levels stand for.

use super::matches::Effort;

/// How hard the encoder tries.
#[derive(Clone, Copy)]
pub struct Level {
    /// Places that are looked at for a match.
    places: Places,
    /// The same for a match that begins a byte later.
    places_later: Places,
    /// A match so long is taken without looking at other places.
    enough: usize,
    /// A match so long is taken without looking for a later one.
    pub lazy: usize,
}

/// In a very short body, and in one of [`LONG_BYTES`], which has more of them that look alike.
type Places = (u32, u32);

/// From this length on, a body is as long as any.
const LONG_BYTES: usize = 128 << 10;
/// How many times as many places are looked at where matches follow each other with hardly a literal between them: only longer
/// matches make such a body shorter.
const DENSE: u32 = 3;

/// How hard is looked for a match.
pub struct Efforts {
    /// For the first at a place.
    pub first: Effort,
    /// The same where literals are rare.
    pub dense: Effort,
    /// For one that begins a byte later.
    pub later: Effort,
}

impl Level {
    /// What zlib's level of this number stands for here, 2 to 9: about as small, or smaller, in less time. Nothing for the
    /// lower ones.
    pub const fn new(number: u8) -> Option<Level> {
        let (places, places_later, enough, lazy) = match number {
            0 | 1 => return None,
            2 => ((2, 4), (0, 0), 16, 0),
            3 => ((5, 12), (2, 4), 32, 16),
            4 => ((6, 20), (2, 6), 64, 18),
            5 => ((7, 28), (2, 8), 64, 20),
            6 => ((8, 40), (2, 10), 128, 20),
            7 => ((24, 64), (6, 16), 128, 64),
            8 => ((64, 128), (16, 32), 258, 128),
            _ => ((128, 256), (64, 128), 258, 258),
        };
        Some(Level { places, places_later, enough, lazy })
    }

    /// What is done for a body of this length.
    pub fn efforts(self, length: usize) -> Efforts {
        let share = length.min(LONG_BYTES);
        let between = |(short, long): Places| short + ((long - short) as usize * share / LONG_BYTES) as u32;
        let effort = |places| Effort { places, enough: self.enough };
        let first = between(self.places);
        Efforts {
            first: effort(first),
            dense: effort(first * DENSE),
            later: effort(between(self.places_later)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_levels_and_longer_bodies_are_looked_through_harder() {
        assert!(Level::new(0).is_none() && Level::new(1).is_none());
        let effort = |number: u8, length| {
            let Efforts { first, dense, later } = Level::new(number).unwrap().efforts(length);
            [first.places, dense.places, later.places, first.enough as u32]
        };
        let lengths = [0, 2_000, 20_000, 50_000, LONG_BYTES, 1 << 30];
        for number in 2..=9 {
            for pair in lengths.windows(2) {
                let (shorter, longer) = (effort(number, pair[0]), effort(number, pair[1]));
                assert!(
                    shorter.iter().zip(&longer).all(|(one, other)| one <= other),
                    "level {number}: {pair:?}"
                );
            }
            for length in lengths {
                let (lower, higher) = (effort(number.max(3) - 1, length), effort(number, length));
                assert!(
                    lower.iter().zip(&higher).all(|(one, other)| one <= other),
                    "level {number}, {length} bytes"
                );
            }
        }
        assert_eq!(effort(6, LONG_BYTES), effort(6, 1 << 30));
    }
}
