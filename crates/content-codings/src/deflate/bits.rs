//! Bits into bytes, the lowest first (RFC 1951 §3.1.1).

/// Bits that do not make a byte yet.
#[derive(Clone, Copy, Default)]
pub struct Rest {
    bits: u64,
    count: u32,
}

impl Rest {
    /// How many bits they are, at most 7.
    pub fn count(self) -> u32 {
        self.count
    }
}

/// A code of up to 24 bits, its first bit the lowest, and above them how many they are.
pub type Code = u32;

pub const fn code(bits: u32, count: u32) -> Code {
    bits | count << 24
}

pub const fn code_bits(code: Code) -> u32 {
    code & 0xff_ffff
}

pub const fn code_count(code: Code) -> u32 {
    code >> 24
}

/// Writes into room that was made before. Up to 57 bits may be put between two flushes.
pub struct BitWriter<'room> {
    room: &'room mut [u8],
    written: usize,
    rest: Rest,
}

/// Bytes of the room beyond what is written to it: all flushes write so many.
pub const SLACK_BYTES: usize = 8;

impl<'room> BitWriter<'room> {
    /// Goes on after these bits.
    pub fn new(room: &'room mut [u8], rest: Rest) -> BitWriter<'room> {
        BitWriter { room, written: 0, rest }
    }

    #[inline(always)]
    pub fn put(&mut self, bits: u32, count: u32) {
        self.rest.bits |= u64::from(bits) << (self.rest.count & 63);
        self.rest.count += count;
    }

    #[inline(always)]
    pub fn put_code(&mut self, code: Code) {
        self.put(code_bits(code), code_count(code));
    }

    #[inline(always)]
    pub fn flush(&mut self) {
        if let Some(room) = self.room.get_mut(self.written..).and_then(|room| room.first_chunk_mut()) {
            *room = self.rest.bits.to_le_bytes();
        }
        let bytes = self.rest.count >> 3;
        self.written += bytes as usize;
        self.rest.bits >>= (bytes * 8) & 63;
        self.rest.count &= 7;
    }

    /// Fills the last byte with zeros.
    pub fn align(&mut self) {
        self.rest.count = self.rest.count.next_multiple_of(8);
        self.flush();
    }

    /// Puts whole bytes; what was put before must be aligned.
    pub fn put_bytes(&mut self, bytes: &[u8]) {
        let room = self.room.get_mut(self.written..).and_then(|room| room.get_mut(..bytes.len()));
        if let Some(room) = room {
            room.copy_from_slice(bytes);
        }
        self.written += bytes.len();
    }

    /// How many bytes were written, and what is left.
    pub fn finish(mut self) -> (usize, Rest) {
        self.flush();
        (self.written, self.rest)
    }
}
