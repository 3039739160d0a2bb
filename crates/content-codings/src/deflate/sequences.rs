//! What a block is made of.

use super::symbols::{END, OFFSETS, SYMBOLS, length_symbol, offset_symbol};
use super::table::Table;

/// Literals, and the match that follows them.
#[derive(Clone, Copy)]
pub struct Sequence {
    pub literals: u16,
    /// 0 if no match follows.
    pub length: u16,
    pub offset: u16,
}

/// How often each symbol occurs.
pub struct Histogram {
    pub symbols: Table<u32, 512>,
    pub offsets: Table<u32, 32>,
}

impl Histogram {
    pub fn new() -> Histogram {
        Histogram { symbols: Table::new(), offsets: Table::new() }
    }

    pub fn clear(&mut self) {
        self.symbols.first_mut(SYMBOLS).fill(0);
        self.offsets.first_mut(OFFSETS).fill(0);
    }

    #[inline(always)]
    pub fn count_literals(&mut self, literals: &[u8]) {
        for literal in literals {
            *self.symbols.at(usize::from(*literal)) += 1;
        }
    }

    #[inline(always)]
    pub fn count_match(&mut self, length: u16, offset: u16) {
        *self.symbols.at(length_symbol(length)) += 1;
        *self.offsets.at(offset_symbol(offset).0) += 1;
    }

    pub fn count_end(&mut self) {
        *self.symbols.at(END) = 1;
    }

    /// Counts what another has counted, too.
    pub fn add(&mut self, other: &Histogram) {
        add(self.symbols.first_mut(SYMBOLS), other.symbols.first(SYMBOLS));
        add(self.offsets.first_mut(OFFSETS), other.offsets.first(OFFSETS));
    }
}

fn add(to: &mut [u32], from: &[u32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}
