//! Which symbols stand for lengths and offsets (RFC 1951 §3.2.5).

/// Literals and lengths that there are.
pub const SYMBOLS: usize = 286;
/// Offsets that there are.
pub const OFFSETS: usize = 30;
/// What ends a block.
pub const END: usize = 256;
/// The symbol of the shortest lengths.
pub const FIRST_LENGTH: usize = 257;

pub const MIN_LENGTH: usize = 3;
pub const MAX_LENGTH: usize = 258;

/// For each symbol of lengths: the shortest less [`MIN_LENGTH`], and how many bits tell which it is.
pub const LENGTHS: [(u8, u8); 29] = lengths();
const LAST_LENGTH: usize = LENGTHS.len() - 1;

#[allow(clippy::indexing_slicing, reason = "one out of range would not compile")]
const fn lengths() -> [(u8, u8); 29] {
    let mut all = [(0, 0); 29];
    let (mut slot, mut start) = (0, 0_u8);
    while slot < 28 {
        let bits = if slot < 8 { 0 } else { (slot / 4 - 1) as u8 };
        all[slot] = (start, bits);
        start = start.wrapping_add(1 << bits);
        slot += 1;
    }
    all[28] = (255, 0);
    all
}

/// The slot of each length less [`MIN_LENGTH`].
#[allow(clippy::indexing_slicing, reason = "one out of range would not compile")]
static LENGTH_SLOTS: [u8; 256] = {
    let mut slots = [0; 256];
    let mut slot = 0;
    while slot < LAST_LENGTH {
        let mut length = LENGTHS[slot].0 as usize;
        while length < LENGTHS[slot + 1].0 as usize {
            slots[length] = slot as u8;
            length += 1;
        }
        slot += 1;
    }
    slots[255] = LAST_LENGTH as u8;
    slots
};

/// The symbol of a length.
#[inline(always)]
#[allow(clippy::indexing_slicing, reason = "a byte is in range of 256")]
pub fn length_symbol(length: u16) -> usize {
    FIRST_LENGTH + usize::from(LENGTH_SLOTS[usize::from(length.wrapping_sub(MIN_LENGTH as u16) as u8)])
}

/// The symbol of an offset, and how many bits tell which it is.
#[inline(always)]
pub fn offset_symbol(offset: u16) -> (usize, u32) {
    let index = u32::from(offset.wrapping_sub(1));
    if index < 4 {
        return (index as usize, 0);
    }
    let log = index.ilog2();
    ((2 * log + (index >> (log - 1) & 1)) as usize, log - 1)
}

/// How many bits follow a symbol of literals and lengths.
pub fn symbol_extra_bits(symbol: usize) -> u32 {
    let slot = symbol.checked_sub(FIRST_LENGTH);
    slot.and_then(|slot| LENGTHS.get(slot)).map_or(0, |(_, bits)| u32::from(*bits))
}

/// How many bits follow a symbol of offsets.
pub fn offset_extra_bits(symbol: usize) -> u32 {
    (symbol as u32 / 2).saturating_sub(1)
}
