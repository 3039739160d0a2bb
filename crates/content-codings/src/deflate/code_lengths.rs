//! The head of a block, which tells its codes (RFC 1951 §3.2.7).

use super::bits::{BitWriter, Code};
use super::huffman::{Builder, codes};
use super::symbols::{FIRST_LENGTH, OFFSETS, SYMBOLS};
use super::table::Table;

/// How the lengths of codes are told: themselves by codes.
pub struct Head {
    symbols: usize,
    offsets: usize,
    /// A length, or one of the three symbols of repetition, and its extra bits.
    items: Vec<(u8, u8)>,
    frequencies: Table<u32, 32>,
    lengths: Table<u8, 32>,
    codes: Table<Code, 32>,
    /// How many of the lengths are told.
    told: usize,
}

const ITEMS: usize = 19;
const MAX_ITEM_BITS: usize = 7;
/// The lengths of the items' codes are told in this order, up to the last that is not 0.
const ORDER: [u8; ITEMS] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const MIN_TOLD: usize = 4;

const REPEAT: u8 = 16;
const FEW_ZEROS: u8 = 17;
const MANY_ZEROS: u8 = 18;

const fn extra_bits(item: u8) -> u32 {
    match item {
        REPEAT => 2,
        FEW_ZEROS => 3,
        MANY_ZEROS => 7,
        _ => 0,
    }
}

impl Head {
    pub fn new() -> Head {
        Head {
            symbols: 0,
            offsets: 0,
            items: Vec::with_capacity(SYMBOLS + OFFSETS),
            frequencies: Table::new(),
            lengths: Table::new(),
            codes: Table::new(),
            told: 0,
        }
    }

    /// Makes the head for codes of these lengths; returns how many bits it takes.
    pub fn make(&mut self, symbols: &[u8], offsets: &[u8], builder: &mut Builder) -> u64 {
        self.symbols = used(symbols).max(FIRST_LENGTH);
        self.offsets = used(offsets).max(1);
        self.items.clear();
        let told = symbols.iter().take(self.symbols).chain(offsets.iter().take(self.offsets));
        shorten(told.copied(), &mut self.items);
        self.frequencies.first_mut(ITEMS).fill(0);
        for (item, _) in &self.items {
            *self.frequencies.at(usize::from(*item)) += 1;
        }
        let frequencies = self.frequencies.first(ITEMS);
        builder.lengths(frequencies, MAX_ITEM_BITS, self.lengths.first_mut(ITEMS));
        codes(self.lengths.first(ITEMS), &mut self.codes);
        let last = ORDER.iter().rposition(|item| self.lengths.get(usize::from(*item)) > 0);
        self.told = last.map_or(MIN_TOLD, |last| (last + 1).max(MIN_TOLD));
        let items: u64 = (0_u8..)
            .zip(frequencies.iter().zip(self.lengths.first(ITEMS)))
            .map(|(item, (count, length))| {
                u64::from(*count) * u64::from(u32::from(*length) + extra_bits(item))
            })
            .sum();
        5 + 5 + 4 + 3 * self.told as u64 + items
    }

    pub fn write(&self, writer: &mut BitWriter) {
        writer.put((self.symbols - FIRST_LENGTH) as u32, 5);
        writer.put((self.offsets - 1) as u32, 5);
        writer.put((self.told - MIN_TOLD) as u32, 4);
        writer.flush();
        for item in ORDER.iter().take(self.told) {
            writer.put(u32::from(self.lengths.get(usize::from(*item))), 3);
            writer.flush();
        }
        for (item, extra) in &self.items {
            writer.put_code(self.codes.get(usize::from(*item)));
            writer.put(u32::from(*extra), extra_bits(*item));
            writer.flush();
        }
    }
}

/// How many lengths there are up to the last that is not 0.
fn used(lengths: &[u8]) -> usize {
    lengths.iter().rposition(|length| *length > 0).map_or(0, |last| last + 1)
}

/// Runs of equal lengths become repetitions.
fn shorten(lengths: impl Iterator<Item = u8>, items: &mut Vec<(u8, u8)>) {
    let mut lengths = lengths.peekable();
    while let Some(length) = lengths.next() {
        let mut run = 1_u8;
        // The longest that one item can tell.
        while run < 138 && lengths.next_if_eq(&length).is_some() {
            run += 1;
        }
        match (length, run) {
            (0, 11..) => items.push((MANY_ZEROS, run - 11)),
            (0, 3..) => items.push((FEW_ZEROS, run - 3)),
            _ => {
                items.push((length, 0));
                run -= 1;
                while length > 0 && run >= 3 {
                    let repeated = run.min(6);
                    items.push((REPEAT, repeated - 3));
                    run -= repeated;
                }
                items.extend(std::iter::repeat_n((length, 0), usize::from(run)));
            }
        }
    }
}
