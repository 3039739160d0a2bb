//! Writing a block in the shortest of its three forms (RFC 1951 §3.2.3).

use super::bits::{BitWriter, Code, Rest, SLACK_BYTES, code, code_bits, code_count};
use super::code_lengths::Head;
use super::huffman::{Builder, MAX_BITS, codes};
use super::sequences::{Histogram, Sequence};
use super::symbols::{
    END, FIRST_LENGTH, LENGTHS, MAX_LENGTH, MIN_LENGTH, OFFSETS, SYMBOLS, offset_extra_bits, offset_symbol,
    symbol_extra_bits,
};
use super::table::Table;

const STORED: u32 = 0;
const FIXED: u32 = 1;
const DYNAMIC: u32 = 2;

/// The most bytes that a stored block holds.
const MAX_STORED: usize = 0xffff;

/// Writes blocks; keeps its memory.
pub struct BlockWriter {
    builder: Builder,
    head: Head,
    symbol_lengths: Table<u8, 512>,
    offset_lengths: Table<u8, 32>,
    symbol_codes: Table<Code, 512>,
    offset_codes: Table<Code, 32>,
    /// Of each length less [`MIN_LENGTH`]: its symbol's code and its extra bits.
    length_codes: Table<Code, 256>,
    /// Bits of the last block that make no byte.
    rest: Rest,
}

/// A block that is to be written.
pub struct Block<'a> {
    pub bytes: &'a [u8],
    /// What comes after them are literals.
    pub sequences: &'a [Sequence],
    /// What occurs in them, [`END`] included.
    pub histogram: &'a Histogram,
    pub is_last: bool,
}

impl BlockWriter {
    pub fn new() -> BlockWriter {
        BlockWriter {
            builder: Builder::new(),
            head: Head::new(),
            symbol_lengths: Table::new(),
            offset_lengths: Table::new(),
            symbol_codes: Table::new(),
            offset_codes: Table::new(),
            length_codes: Table::new(),
            rest: Rest::default(),
        }
    }

    /// Forgets what was left of another body.
    pub fn begin(&mut self) {
        self.rest = Rest::default();
    }

    pub fn write(&mut self, block: &Block, output: &mut Vec<u8>) {
        let frequencies = &block.histogram;
        let (symbols, offsets) = (frequencies.symbols.first(SYMBOLS), frequencies.offsets.first(OFFSETS));
        self.builder.lengths(symbols, MAX_BITS, self.symbol_lengths.first_mut(SYMBOLS));
        self.builder.lengths(offsets, MAX_BITS, self.offset_lengths.first_mut(OFFSETS));
        let (symbol_lengths, offset_lengths) =
            (self.symbol_lengths.first(SYMBOLS), self.offset_lengths.first(OFFSETS));
        let dynamic = self.head.make(symbol_lengths, offset_lengths, &mut self.builder)
            + cost(symbols, symbol_lengths.iter().copied(), symbol_extra_bits)
            + cost(offsets, offset_lengths.iter().copied(), offset_extra_bits);
        let fixed = cost(symbols, fixed_lengths(), symbol_extra_bits)
            + cost(offsets, std::iter::repeat(FIXED_OFFSET_BITS), offset_extra_bits);
        let stored = stored_bits(block.bytes.len(), self.rest);
        let kind = if stored <= dynamic.min(fixed) {
            STORED
        } else if fixed <= dynamic {
            FIXED
        } else {
            DYNAMIC
        };
        let bits = u64::from(self.rest.count()) + 3 + dynamic.min(fixed).min(stored);
        let start = output.len();
        output.resize(start + bits.div_ceil(8) as usize + SLACK_BYTES, 0);
        let mut writer = BitWriter::new(output.get_mut(start..).unwrap_or_default(), self.rest);
        if kind == STORED {
            store(block, &mut writer);
        } else {
            if kind == FIXED {
                for (length, fixed) in
                    self.symbol_lengths.first_mut(FIXED_SYMBOLS).iter_mut().zip(fixed_lengths())
                {
                    *length = fixed;
                }
                self.offset_lengths.first_mut(32).fill(FIXED_OFFSET_BITS);
            }
            writer.put(u32::from(block.is_last) | kind << 1, 3);
            if kind == DYNAMIC {
                self.head.write(&mut writer);
            }
            self.write_sequences(block, &mut writer);
        }
        if block.is_last {
            writer.align();
        }
        let (written, rest) = writer.finish();
        self.rest = rest;
        output.truncate(start + written);
    }

    fn write_sequences(&mut self, block: &Block, writer: &mut BitWriter) {
        codes(self.symbol_lengths.first(FIXED_SYMBOLS), &mut self.symbol_codes);
        // Later blocks begin with no length of the two symbols that only the fixed code has.
        self.symbol_lengths.first_mut(FIXED_SYMBOLS).fill(0);
        codes(self.offset_lengths.first(32), &mut self.offset_codes);
        self.offset_lengths.first_mut(32).fill(0);
        self.make_length_codes();
        let mut rest = block.bytes;
        for sequence in block.sequences {
            let (literals, others) =
                rest.split_at_checked(usize::from(sequence.literals)).unwrap_or((rest, &[]));
            self.write_literals(literals, writer);
            rest = others.get(usize::from(sequence.length)..).unwrap_or_default();
            if sequence.length > 0 {
                self.write_match(sequence.length, sequence.offset, writer);
            }
        }
        self.write_literals(rest, writer);
        writer.put_code(self.symbol_codes.get(END));
        writer.flush();
    }

    #[inline(always)]
    fn write_literals(&self, literals: &[u8], writer: &mut BitWriter) {
        // Three codes of 15 bits fit between two flushes.
        for three in literals.chunks(3) {
            for literal in three {
                writer.put_code(self.symbol_codes.get(usize::from(*literal)));
            }
            writer.flush();
        }
    }

    /// At most 20 + 28 bits.
    #[inline(always)]
    fn write_match(&self, length: u16, offset: u16, writer: &mut BitWriter) {
        writer.put_code(self.length_codes.get(usize::from(length) - MIN_LENGTH));
        let (symbol, extra) = offset_symbol(offset);
        writer.put_code(self.offset_codes.get(symbol));
        writer.put(u32::from(offset.wrapping_sub(1)) & ((1 << extra) - 1), extra);
        writer.flush();
    }

    fn make_length_codes(&mut self) {
        for (symbol, (shortest, extra)) in (FIRST_LENGTH..).zip(LENGTHS) {
            let of_symbol = self.symbol_codes.get(symbol);
            let (bits, count) = (code_bits(of_symbol), code_count(of_symbol));
            for more in 0..1_u32 << extra {
                *self.length_codes.at(usize::from(shortest) + more as usize) =
                    code(bits | more << count, count + u32::from(extra));
            }
        }
        // The longest has a symbol of its own, though the one before could tell it too.
        *self.length_codes.at(MAX_LENGTH - MIN_LENGTH) = self.symbol_codes.get(SYMBOLS - 1);
    }
}

/// The fixed code has two symbols that stand for nothing (RFC 1951 §3.2.6).
const FIXED_SYMBOLS: usize = 288;
const FIXED_OFFSET_BITS: u8 = 5;

fn fixed_lengths() -> impl Iterator<Item = u8> {
    (0..FIXED_SYMBOLS).map(|symbol| match symbol {
        0..144 => 8,
        144..256 => 9,
        256..280 => 7,
        _ => 8,
    })
}

/// Bits of all symbols with codes of these lengths.
fn cost(frequencies: &[u32], lengths: impl Iterator<Item = u8>, extra_bits: fn(usize) -> u32) -> u64 {
    let symbols = frequencies.iter().zip(lengths).enumerate();
    symbols
        .map(|(symbol, (count, length))| {
            u64::from(*count) * u64::from(u32::from(length) + extra_bits(symbol))
        })
        .sum()
}

/// Bits of stored blocks, less the three of the first's head.
fn stored_bits(length: usize, rest: Rest) -> u64 {
    let pieces = length.div_ceil(MAX_STORED).max(1) as u64;
    let until_byte = u64::from((rest.count() + 3).next_multiple_of(8) - rest.count() - 3);
    until_byte + 32 + length as u64 * 8 + (pieces - 1) * (8 + 32)
}

fn store(block: &Block, writer: &mut BitWriter) {
    let mut rest = block.bytes;
    loop {
        let (piece, others) = rest.split_at_checked(MAX_STORED).unwrap_or((rest, &[]));
        rest = others;
        writer.put(u32::from(block.is_last && rest.is_empty()) | STORED << 1, 3);
        writer.align();
        let length = piece.len() as u32;
        writer.put(length | (!length & 0xffff) << 16, 32);
        writer.flush();
        writer.put_bytes(piece);
        if rest.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_the_longest_codes_lose_no_bits() {
        let mut blocks = BlockWriter::new();
        *blocks.symbol_codes.at(usize::from(b'a')) = code(0x7fff, 15);
        for count in 1..20 {
            for before in 0..8 {
                let mut room = vec![0; 64];
                let mut writer = BitWriter::new(&mut room, Rest::default());
                writer.put((1 << before) - 1, before);
                blocks.write_literals(&vec![b'a'; count], &mut writer);
                writer.align();
                let (written, _) = writer.finish();
                let ones: u32 = room.iter().take(written).map(|byte| byte.count_ones()).sum();
                assert_eq!(
                    ones as usize,
                    count * 15 + before as usize,
                    "{count} literals after {before} bits"
                );
            }
        }
    }
}
