//! Earlier places that look like the present one.

use std::ops::RangeInclusive;

use super::symbols::{MAX_LENGTH, MIN_LENGTH};
use super::table::Table;
use super::window::Window;

/// The farthest that a match may be (RFC 1951 §2).
const MAX_OFFSET: isize = 1 << 15;
/// Places whose links are kept: those that a match may be at, and those that were linked ahead.
const LINKED: usize = 1 << 16;
/// How many places are linked at a time, at least and at most.
const AHEAD: RangeInclusive<usize> = 1 << 4..=1 << 12;
/// How long hashes are in bodies up to as many places, and in longer ones.
const SHORT_BITS: u32 = 11;
const MIDDLE_BITS: u32 = 13;
const LONG_BITS: u32 = 15;
type Latest = Table<u16, { 1 << LONG_BITS }>;
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
    latest: Latest,
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
        self.hash_bits = match length {
            0..=0x800 => SHORT_BITS,
            0x801..=0x2000 => MIDDLE_BITS,
            _ => LONG_BITS,
        };
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
        match self.hash_bits {
            SHORT_BITS => self.link_hashed::<SHORT_BITS>(body, start),
            MIDDLE_BITS => self.link_hashed::<MIDDLE_BITS>(body, start),
            _ => self.link_hashed::<LONG_BITS>(body, start),
        }
    }

    /// Four places at a time, with a hash of a length that is known to the compiler: with less to do beside, V8 needs a third less.
    #[inline(always)]
    fn link_hashed<const BITS: u32>(&mut self, body: &[u8], start: usize) {
        let mut place = start;
        while place < self.linked {
            // Up to where the places wrap around.
            let index = place % LINKED;
            let count = (self.linked - place).min(LINKED - index);
            let links = self.links.range_mut(index, count);
            let bytes = body.get(place..).unwrap_or_default();
            let number = (place as u16).wrapping_add(FIRST);
            link_all::<BITS>(links, bytes, number, &mut self.latest);
            place += count;
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
        let floor = place as isize - MAX_OFFSET;
        let (mut length, mut found) = (than.max(MIN_LENGTH), place as isize);
        // The last bytes of what would be longer by one: they differ more often than the first.
        let last = |length: usize| length - MIN_LENGTH;
        let mut wanted = self.window.four(place + last(length));
        let mut candidate = self.before(place as isize);
        let mut left = effort.places;
        while left > 0 && candidate >= floor {
            left -= 1;
            if self.window.four((candidate as usize).wrapping_add(last(length))) == wanted {
                let common = self.window.common(candidate as usize, place, most);
                if common > length {
                    (length, found) = (common, candidate);
                    if length >= effort.enough || length >= most {
                        break;
                    }
                    wanted = self.window.four(place + last(length));
                }
            }
            candidate = self.before(candidate);
        }
        Match { length, offset: (place as isize - found) as usize }
    }

    /// The linked place before this one; less than any place if there is none.
    #[inline(always)]
    fn before(&self, place: isize) -> isize {
        place - 1 - self.links.get(place as usize) as isize
    }
}

/// How long a match may be where so many bytes are left.
#[inline(always)]
pub fn most(left: usize) -> usize {
    left.min(MAX_LENGTH)
}

/// Links places whose bytes these are, the first with this number.
#[inline(always)]
fn link_all<const BITS: u32>(links: &mut [u16], bytes: &[u8], mut number: u16, latest: &mut Latest) {
    let (fours, _) = links.as_chunks_mut::<4>();
    let (words, _) = bytes.as_chunks::<4>();
    let done = fours.len().min(words.len().saturating_sub(1));
    let mut eight = words.first().map_or(0, |word| u64::from(u32::from_le_bytes(*word)) << 32);
    for (links, word) in fours.iter_mut().zip(words.iter().skip(1)) {
        eight = eight >> 32 | u64::from(u32::from_le_bytes(*word)) << 32;
        for (place, link) in links.iter_mut().enumerate() {
            let latest = latest.at(hash::<BITS>((eight >> (8 * place)) as u32));
            *link = number.wrapping_sub(*latest);
            number = number.wrapping_add(1);
            *latest = number;
        }
    }
    let left = links.get_mut(4 * done..).unwrap_or_default();
    for (link, window) in left.iter_mut().zip(bytes.get(4 * done..).unwrap_or_default().array_windows()) {
        let latest = latest.at(hash::<BITS>(u32::from_le_bytes(*window)));
        *link = number.wrapping_sub(*latest);
        number = number.wrapping_add(1);
        *latest = number;
    }
}

#[inline(always)]
fn hash<const BITS: u32>(four: u32) -> usize {
    const MULTIPLIER: u32 = 0x9e37_79b1;
    (four.wrapping_mul(MULTIPLIER) >> (u32::BITS - BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn a_match_is_as_far_as_it_may_be() {
        let effort = Effort { places: 4, enough: MAX_LENGTH };
        let farthest = MAX_OFFSET as usize;
        for (offset, expected) in [(farthest, farthest), (farthest + 1, 0)] {
            for place in [farthest + 1, farthest + 5_000, 3 * LINKED] {
                let mut body = noise(place + 100);
                body.copy_within(place - offset..place - offset + 4, place);
                let mut matches = Matches::new();
                matches.begin(body.len());
                for linked in 0..=place {
                    matches.link(&body, linked);
                }
                let found = matches.longer(place, 0, 100, effort);
                assert_eq!(found.offset, expected, "{offset} before {place}");
            }
        }
    }

    #[test]
    fn every_place_is_linked_to_the_one_before_that_looks_alike() {
        const OFFSET: usize = 100;
        let effort = Effort { places: 4, enough: MAX_LENGTH };
        // Each number of bits, the places where all links have been taken once, and ends that are no multiple of four.
        for length in [1_000, 5_001, 20_002, 2 * LINKED + 203] {
            let mut body = noise(length);
            let borders = [length, LINKED, 2 * LINKED, 4_096, 8_192];
            let near = |border: usize| border.saturating_sub(12)..border + 6;
            let mut places: Vec<usize> = borders.into_iter().flat_map(near).collect();
            places.extend([OFFSET, length / 2, length - MIN_LEFT - 1]);
            places.retain(|place| (OFFSET..length - MIN_LEFT).contains(place));
            places.sort_unstable();
            places.dedup();
            for place in &places {
                body.copy_within(place - OFFSET..place - OFFSET + 4, *place);
            }
            let mut matches = Matches::new();
            for _ in 0..2 {
                matches.begin(length);
                let mut found = Vec::new();
                // So that what is linked at a time does not end where places wrap around.
                matches.link(&body, 3);
                for place in 0..length - MIN_LEFT {
                    matches.link(&body, place);
                    if places.contains(&place) {
                        found.push((place, matches.longer(place, 0, most(length - place), effort).offset));
                    }
                }
                let expected: Vec<_> = places.iter().map(|place| (*place, OFFSET)).collect();
                assert_eq!(found, expected, "{length} bytes");
            }
        }
    }
}
