//! The part of a body that matches are looked for in.

/// Twice as much as a match may reach back, so that what comes after a place is there too.
const SIZE: usize = 1 << 16;
/// So many of the first bytes stand behind the last ones again, for reading across the end.
const READ: usize = 8;

/// The last 64 KiB of a body as far as it was taken in. Places wrap around, so that reading costs no check: it is what the encoder
/// does most.
pub struct Window {
    bytes: Box<[u8; SIZE + READ]>,
    /// How much of the body was taken in.
    taken: usize,
}

impl Window {
    pub fn new() -> Window {
        // Not `Box::new([…])`, which puts it on the stack first.
        let zeros = vec![0; SIZE + READ].into_boxed_slice();
        Window { bytes: zeros.try_into().unwrap_or_else(|_| Box::new([0; SIZE + READ])), taken: 0 }
    }

    /// Begins a body.
    pub fn begin(&mut self) {
        self.taken = 0;
    }

    /// Takes the body in up to this place.
    pub fn take(&mut self, body: &[u8], end: usize) {
        let mut rest = body.get(self.taken..end.min(body.len())).unwrap_or_default();
        while !rest.is_empty() {
            let start = self.taken % SIZE;
            let (piece, others) = rest.split_at(rest.len().min(SIZE - start));
            if let Some(room) = self.bytes.get_mut(start..start + piece.len()) {
                room.copy_from_slice(piece);
            }
            self.taken += piece.len();
            rest = others;
        }
        let (bytes, again) = self.bytes.split_at_mut(SIZE);
        for (to, from) in again.iter_mut().zip(bytes) {
            *to = *from;
        }
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "the remainder keeps it in range")]
    pub fn four(&self, place: usize) -> u32 {
        self.bytes[place % SIZE..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "the remainder keeps it in range")]
    pub fn eight(&self, place: usize) -> u64 {
        self.bytes[place % SIZE..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// How many bytes are the same from two places on, `most` at most.
    #[inline(always)]
    pub fn common(&self, one: usize, other: usize, most: usize) -> usize {
        let mut length = 0;
        while length < most {
            let difference = self.eight(one.wrapping_add(length)) ^ self.eight(other + length);
            if difference != 0 {
                return (length + (difference.trailing_zeros() / 8) as usize).min(most);
            }
            length += 8;
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_counted_up_to_the_most() {
        // The same 40 bytes at the start, in the middle and across the end, before other ones.
        let (same, places) = ([7; 40], [0, 1_000, SIZE - 20]);
        let mut body: Vec<u8> = (0..SIZE + 100).map(|place| (place % 251) as u8).collect();
        for place in places {
            body[place..place + 40].copy_from_slice(&same);
        }
        body[1_040] = 1;
        body[SIZE + 20] = 2;
        // The end takes the place of the start.
        for (one, other, most, expected) in [
            (1_000, SIZE - 20, 258, 40),
            (1_000, SIZE - 20, 40, 40),
            (1_000, SIZE - 20, 39, 39),
            (1_000, SIZE - 20, 33, 33),
            (1_000, SIZE - 20, 3, 3),
            (1_000, SIZE - 20, 0, 0),
            (1_004, SIZE - 20, 258, 36),
            (1_036, SIZE - 20, 258, 4),
            (999, SIZE - 20, 258, 0),
        ] {
            let mut window = Window::new();
            window.take(&body, 3_000);
            window.take(&body, body.len());
            assert_eq!(window.common(one, other, most), expected, "{one} {other}, at most {most}");
        }
    }
}
