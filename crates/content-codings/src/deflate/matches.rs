//! Earlier places that look like the present one.

use std::ops::RangeInclusive;

use super::symbols::{MAX_LENGTH, MIN_LENGTH};
use super::table::Table;
use super::window::Window;

/// The farthest that a match may be (RFC 1951 §2).
const MAX_OFFSET: u32 = 1 << 15;
/// Places whose links are kept: those that a match may be at, and those that were linked ahead.
const LINKED: usize = 1 << 16;
/// How many places are linked at a time, at least and at most.
const AHEAD: RangeInclusive<usize> = 1 << 4..=1 << 12;
const MAX_HASH_BITS: u32 = 15;
/// A match is looked for by so many of its first bytes.
const HASHED_BYTES: u32 = 4;
/// No match is looked for where fewer bytes are left.
pub const MIN_LEFT: usize = 8;

/// A place that has the same bytes.
#[derive(Clone, Copy, Default)]
pub struct Match {
    pub length: usize,
    /// 0 if there is none.
    pub offset: usize,
}

/// How hard it looks.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Places that are looked at, the nearest first.
    pub places: u32,
    /// A match so long is not looked beyond.
    pub enough: usize,
}

/// For each place the one before it whose first bytes have the same hash. All that is left of another body is forgotten when a
/// body begins: the same body always has the same matches.
///
/// Places are counted from [`FIRST`] modulo 2^16. Two that are more than 2^16 apart seem nearer than they are, which does
/// no harm: whether their bytes are the same is looked at anyway.
pub struct Matches {
    window: Window,
    latest: Table<u16, { 1 << MAX_HASH_BITS }>,
    /// One less than the distance from each place to the one before.
    links: Table<u16, LINKED>,
    hash_bits: u32,
    /// Up to where places are linked.
    linked: usize,
    /// How many are linked next.
    ahead: usize,
}

/// More than [`MAX_OFFSET`], so that 0, which no place has left, is too far from the first ones.
const FIRST: u16 = MAX_OFFSET as u16 + 1;

impl Matches {
    pub fn new() -> Matches {
        Matches {
            window: Window::new(),
            latest: Table::new(),
            links: Table::new(),
            hash_bits: 0,
            linked: 0,
            ahead: 0,
        }
    }

    /// Begins a body of so many bytes.
    pub fn begin(&mut self, length: usize) {
        // A short body needs no large table, which takes time to clear.
        self.hash_bits = (usize::BITS - length.leading_zeros()).clamp(8, MAX_HASH_BITS);
        self.latest.first_mut(1 << self.hash_bits).fill(0);
        (self.linked, self.ahead) = (0, *AHEAD.end());
        self.window.begin();
    }

    /// Links the places up to this one and, because that is faster than one at a time, those after it.
    #[inline(always)]
    pub fn link(&mut self, body: &[u8], place: usize) {
        if place >= self.linked {
            self.link_ahead(body, place);
        }
    }

    #[inline(never)]
    fn link_ahead(&mut self, body: &[u8], place: usize) {
        let start = self.linked;
        self.linked = place + self.ahead;
        self.ahead = (self.ahead * 2).min(*AHEAD.end());
        self.window.take(body, self.linked + 2 * MAX_LENGTH);
        let shift = 64 - self.hash_bits;
        let mut number = (start as u16).wrapping_add(FIRST);
        let windows = body.get(start..).unwrap_or_default().array_windows();
        for (index, window) in (start..self.linked).zip(windows) {
            let latest = self.latest.at(hash(u64::from_le_bytes(*window), shift));
            *self.links.at(index) = number.wrapping_sub(*latest).wrapping_sub(1);
            *latest = number;
            number = number.wrapping_add(1);
        }
    }

    /// Tells that this match is taken. The inside of what repeats itself over and over is not worth linking: all places in it
    /// look alike, and each would wait for the one before.
    #[inline(always)]
    pub fn taken(&mut self, place: usize, found: Match) {
        if found.length == MAX_LENGTH && found.offset < MAX_LENGTH / 2 {
            self.linked = self.linked.max(place + found.length - found.offset);
            self.ahead = *AHEAD.start();
        }
    }

    /// The longest match of a linked place, if there is one longer than `than`; the nearest of them. At least
    /// [`MIN_LEFT`] bytes must be left there, and `most` of them may be matched.
    #[inline(always)]
    pub fn longer(&self, place: usize, than: usize, most: usize, effort: Effort) -> Match {
        let mut found = Match { length: than.max(MIN_LENGTH), offset: 0 };
        let mut offset = self.before(place);
        // The last bytes of what would be longer by one: they differ more often than the first.
        let last = |length: usize| length - MIN_LENGTH;
        let mut wanted = self.window.four(place + last(found.length));
        let mut left = effort.places;
        while left > 0 && offset <= MAX_OFFSET {
            left -= 1;
            let candidate = place.wrapping_sub(offset as usize);
            if self.window.four(candidate.wrapping_add(last(found.length))) == wanted {
                let length = self.window.common(candidate, place, most);
                if length > found.length {
                    found = Match { length, offset: offset as usize };
                    if length >= effort.enough || length >= most {
                        break;
                    }
                    wanted = self.window.four(place + last(length));
                }
            }
            offset += self.before(candidate);
        }
        found
    }

    #[inline(always)]
    fn before(&self, place: usize) -> u32 {
        u32::from(self.links.get(place)) + 1
    }
}

/// How long a match may be where so many bytes are left.
#[inline(always)]
pub fn most(left: usize) -> usize {
    left.min(MAX_LENGTH)
}

#[inline(always)]
fn hash(eight: u64, shift: u32) -> usize {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    ((eight << (64 - 8 * HASHED_BYTES)).wrapping_mul(MULTIPLIER) >> (shift & 63)) as usize
}
