//! Prefix codes (RFC 1951 §3.2.2).

use super::bits::{Code, code};
use super::table::Table;

/// The longest code of literals, lengths and offsets.
pub const MAX_BITS: usize = 15;
/// More symbols than there are in any alphabet.
pub const MAX_SYMBOLS: usize = 512;

/// Makes the lengths of codes; keeps its memory.
pub struct Builder {
    /// The symbols that occur, the rarest first: how often, and below that which.
    sorted: Vec<u32>,
    /// What each of them weighs; later the parent of each inner node, and then its depth.
    nodes: Table<u32, MAX_SYMBOLS>,
}

const SYMBOL_BITS: u32 = 9;
const SYMBOL_MASK: u32 = (1 << SYMBOL_BITS) - 1;
/// More often than that nothing can occur as far as this is concerned, so that sums fit too.
const MAX_FREQUENCY: u32 = (1 << (32 - SYMBOL_BITS)) - 1;

impl Builder {
    pub fn new() -> Builder {
        Builder { sorted: Vec::with_capacity(MAX_SYMBOLS), nodes: Table::new() }
    }

    /// The lengths of the shortest code for symbols that occur so often, none longer than `limit`. At least two symbols have
    /// a code, because some decoders refuse a code that is not complete.
    pub fn lengths(&mut self, frequencies: &[u32], limit: usize, lengths: &mut [u8]) {
        lengths.fill(0);
        self.sorted.clear();
        let occurring = frequencies.iter().zip(0_u32..).filter(|(frequency, _)| **frequency > 0);
        self.sorted.extend(
            occurring.map(|(frequency, symbol)| (*frequency).min(MAX_FREQUENCY) << SYMBOL_BITS | symbol),
        );
        if self.sorted.len() < 2 {
            let only = self.sorted.first().map_or(0, |key| (key & SYMBOL_MASK) as usize);
            for symbol in [only, usize::from(only == 0)] {
                set(lengths, symbol, 1);
            }
            return;
        }
        self.sorted.sort_unstable();
        let mut counts = self.counts();
        limit_lengths(&mut counts, limit);
        let mut rarest = self.sorted.iter();
        for length in (1..=limit).rev() {
            for key in rarest.by_ref().take(counts.get(length) as usize) {
                set(lengths, (key & SYMBOL_MASK) as usize, length as u8);
            }
        }
    }

    /// How many codes have which length. Huffman's code is made in place, as Moffat and Katajainen have shown: inner nodes
    /// take the places of leaves that have a parent.
    fn counts(&mut self) -> Table<u32, 64> {
        let (nodes, count) = (&mut self.nodes, self.sorted.len());
        for (index, key) in self.sorted.iter().enumerate() {
            *nodes.at(index) = key >> SYMBOL_BITS;
        }
        let (mut leaf, mut root) = (0, 0);
        for next in 0..count - 1 {
            let mut weight = 0;
            for _ in 0..2 {
                let is_inner = leaf >= count || (root < next && nodes.get(root) < nodes.get(leaf));
                if is_inner {
                    weight += nodes.get(root);
                    *nodes.at(root) = next as u32;
                    root += 1;
                } else {
                    weight += nodes.get(leaf);
                    leaf += 1;
                }
            }
            *nodes.at(next) = weight;
        }
        // From the root down: how deep each inner node is, and how many leaves are left for each depth.
        let mut counts = Table::new();
        let (mut available, mut depth, mut inner) = (1, 0, count - 1);
        *nodes.at(count - 2) = 0;
        for next in (0..count - 2).rev() {
            *nodes.at(next) = nodes.get(nodes.get(next) as usize) + 1;
        }
        while available > 0 {
            let mut used = 0;
            while inner > 0 && nodes.get(inner - 1) as usize == depth {
                used += 1;
                inner -= 1;
            }
            // Deeper than 63 needs more symbols than the sums of their frequencies can hold.
            *counts.at(depth) += available - used;
            available = 2 * used;
            depth += 1;
        }
        counts
    }
}

/// Shortens codes that are too long, and lengthens as few others as pay for it.
fn limit_lengths(counts: &mut Table<u32, 64>, limit: usize) {
    let mut too_long = 0;
    for length in limit + 1..64 {
        too_long += std::mem::take(counts.at(length));
    }
    if too_long == 0 {
        return;
    }
    *counts.at(limit) += too_long;
    let mut taken: u32 = (1..=limit).map(|length| counts.get(length) << (limit - length)).sum();
    while taken > 1 << limit {
        // One of the longest becomes the sibling of a shorter one, which is one bit longer then.
        let Some(shorter) = (1..limit).rev().find(|length| counts.get(*length) > 0) else { return };
        *counts.at(limit) -= 1;
        *counts.at(shorter) -= 1;
        *counts.at(shorter + 1) += 2;
        taken -= 1;
    }
}

fn set(lengths: &mut [u8], symbol: usize, length: u8) {
    if let Some(place) = lengths.get_mut(symbol) {
        *place = length;
    }
}

/// The codes of these lengths.
pub fn codes<const SIZE: usize>(lengths: &[u8], codes: &mut Table<Code, SIZE>) {
    let mut counts = [0_u16; MAX_BITS + 1];
    for length in lengths {
        if let Some(count) = counts.get_mut(usize::from(*length)) {
            *count += 1;
        }
    }
    let mut next = Table::<u16, { MAX_BITS + 1 }>::new();
    let mut first = 0_u16;
    for (length, count) in counts.iter().enumerate().skip(1) {
        *next.at(length) = first;
        first = (first + count) << 1;
    }
    for (symbol, length) in lengths.iter().enumerate() {
        let bits = u32::from(*length);
        let next = next.at(usize::from(*length));
        *codes.at(symbol) =
            if bits == 0 { 0 } else { code(u32::from(next.reverse_bits()) >> (16 - bits), bits) };
        *next = next.wrapping_add(u16::from(bits > 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths_of(frequencies: &[u32], limit: usize) -> Vec<u8> {
        let mut lengths = vec![9; frequencies.len()];
        Builder::new().lengths(frequencies, limit, &mut lengths);
        lengths
    }

    fn fibonacci(count: usize) -> Vec<u32> {
        let mut numbers = vec![1, 1];
        while numbers.len() < count {
            numbers.push(numbers[numbers.len() - 1] + numbers[numbers.len() - 2]);
        }
        numbers
    }

    #[test]
    fn codes_are_complete_and_within_their_limit() {
        let flat = vec![3; 286];
        let many_rare: Vec<u32> = (0..286).map(|symbol| if symbol < 200 { 1 } else { 5_000 }).collect();
        for (what, frequencies, limit) in [
            ("as long as codes get", fibonacci(30), 15),
            ("one longer than the limit", fibonacci(17), 15),
            ("just within the limit", fibonacci(16), 15),
            ("a short limit", fibonacci(19), 7),
            ("all alike", flat, 15),
            ("many rare ones", many_rare, 15),
        ] {
            let lengths = lengths_of(&frequencies, limit);
            assert!(lengths.iter().all(|length| (1..=limit as u8).contains(length)), "{what}: {lengths:?}");
            let taken: usize = lengths.iter().map(|length| 1 << (limit - usize::from(*length))).sum();
            assert_eq!(taken, 1 << limit, "{what}: complete");
            for (one, other) in frequencies.iter().zip(&lengths).zip(frequencies.iter().zip(&lengths).skip(1))
            {
                assert!(one.0 >= other.0 || one.1 >= other.1, "{what}: rarer is not shorter");
            }
        }
    }

    #[test]
    fn codes_are_as_short_as_huffmans() {
        for (frequencies, expected) in [
            (vec![5, 9, 12, 13, 16, 45], vec![4, 4, 3, 3, 3, 1]),
            (vec![1, 1, 1, 1], vec![2, 2, 2, 2]),
            (vec![0, 7, 0, 3], vec![0, 1, 0, 1]),
            // Some decoders refuse a code of one symbol.
            (vec![0, 7, 0], vec![1, 1, 0]),
            (vec![7, 0, 0], vec![1, 1, 0]),
            (vec![0, 0, 0], vec![1, 1, 0]),
        ] {
            assert_eq!(lengths_of(&frequencies, 15), expected, "{frequencies:?}");
        }
    }
}
