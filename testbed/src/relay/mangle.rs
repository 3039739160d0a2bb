//! Ways to spoil what a server says.

/// What the preface of HTTP/2's server begins with: a frame of settings.
const FRAME_HEAD: usize = 9;
const SETTINGS: u8 = 4;
const DATA: u8 = 0;

/// Spoils what is said on one connection. What it does follows from the connection's number.
#[derive(Debug)]
pub(super) struct Mangler {
    random: u64,
    frames: Option<Frames>,
    /// Where the heads of frames of data begin in the piece at hand.
    data: Vec<usize>,
}

impl Mangler {
    pub(super) fn new(number: u64) -> Mangler {
        Mangler { random: number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, frames: None, data: Vec::new() }
    }

    /// Follows the frames, if it is HTTP/2: the first piece tells.
    pub(super) fn see(&mut self, piece: &[u8]) {
        let is_http_2 = || piece.get(3) == Some(&SETTINGS) && piece.first() == Some(&0);
        let frames = self.frames.get_or_insert_with(|| Frames { on: is_http_2(), ..Frames::default() });
        self.data = if frames.on { frames.data_heads(piece) } else { Vec::new() };
    }

    /// Noise from some place on.
    pub(super) fn garble(&mut self, piece: &mut [u8]) {
        let from = self.next() as usize % piece.len().max(1);
        for byte in &mut piece[from..] {
            *byte = self.next() as u8;
        }
    }

    /// Other sizes than are right.
    pub(super) fn missize(&mut self, piece: &mut [u8]) {
        for head in std::mem::take(&mut self.data) {
            // The lowest byte of the frame's length.
            if let Some(byte) = piece.get_mut(head + 2) {
                *byte = byte.wrapping_add(1);
            }
        }
        let name = b"content-length: ";
        let found = piece.windows(name.len()).position(|window| window.eq_ignore_ascii_case(name));
        if let Some(digit) = found.and_then(|at| piece.get_mut(at + name.len())) {
            *digit = if *digit == b'9' { b'1' } else { *digit + 1 };
        }
    }

    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 11
    }
}

/// Where one is between frames.
#[derive(Debug, Default)]
struct Frames {
    on: bool,
    head: Vec<u8>,
    left: usize,
}

impl Frames {
    /// Where in this piece the heads of frames of data begin that are whole in it.
    fn data_heads(&mut self, piece: &[u8]) -> Vec<usize> {
        let (mut at, mut found) = (0, Vec::new());
        while at < piece.len() {
            if self.left > 0 {
                let step = self.left.min(piece.len() - at);
                (self.left, at) = (self.left - step, at + step);
                continue;
            }
            let step = (FRAME_HEAD - self.head.len()).min(piece.len() - at);
            self.head.extend_from_slice(&piece[at..at + step]);
            at += step;
            if let [a, b, c, kind, ..] = self.head[..]
                && self.head.len() == FRAME_HEAD
            {
                if kind == DATA && step == FRAME_HEAD {
                    found.push(at - FRAME_HEAD);
                }
                self.left = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                self.head.clear();
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_frames_of_data_say_another_size() {
        let settings = [0, 0, 0, SETTINGS, 0, 0, 0, 0, 0];
        let data = [0, 0, 2, DATA, 0, 0, 0, 0, 1, b'h', b'i'];
        let all = [&settings[..], &data, &settings, &data].concat();
        // However it comes in pieces.
        for cut in [all.len(), 9, 12, 25] {
            let mut mangler = Mangler::new(1);
            let mut spoiled = all.clone();
            let (first, second) = spoiled.split_at_mut(cut);
            for piece in [first, second] {
                mangler.see(piece);
                mangler.missize(piece);
            }
            let changed: Vec<usize> = (0..all.len()).filter(|at| all[*at] != spoiled[*at]).collect();
            let whole = [11, 31].into_iter().filter(|at| !(cut > at - 2 && cut < at + 7));
            assert_eq!(changed, whole.collect::<Vec<_>>(), "{cut}");
        }
    }

    #[test]
    fn lengths_of_messages_change_and_noise_differs_by_connection() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"error\": \"a word\"}";
        let mut sized = text.to_vec();
        let mut mangler = Mangler::new(1);
        mangler.see(&sized);
        mangler.missize(&mut sized);
        assert!(String::from_utf8(sized).unwrap().contains("Content-Length: 29\r\n"));
        let noise = |number| {
            let mut noise = text.to_vec();
            Mangler::new(number).garble(&mut noise);
            noise
        };
        assert_eq!(noise(3), noise(3));
        assert!(noise(3) != noise(4) && noise(3) != text);
    }
}
