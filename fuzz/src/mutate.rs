//! Seeded mutations of an input, for those who have no libFuzzer.

/// Pieces that parsers look for.
const WORDS: [&[u8]; 28] = [
    b"\"",
    b"\\",
    b",",
    b";",
    b"=",
    b" ",
    b"\t",
    b"\n",
    b"*",
    b"W/\"",
    b"q=0",
    b"max-age=",
    b"18446744073709551615",
    b"-1",
    b"\0",
    b"\xff",
    b"%2f",
    b"%",
    b"..",
    b"/",
    b"#",
    b"?",
    b";.;",
    b"=.=",
    b"{",
    b"[",
    b"(",
    b"'",
];

/// Numbers from a seed (xorshift).
pub struct Random(u64);

impl Random {
    /// From this seed.
    pub fn new(seed: u64) -> Random {
        Random(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

/// The input with some changes; `other` is an input to take pieces of.
pub fn mutated(input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, WORDS[random.below(WORDS.len())].iter().copied())),
            2 => {
                let from = random.below(other.len() + 1);
                let until = from + random.below(other.len() + 1 - from);
                drop(bytes.splice(at..at, other[from..until].iter().copied()));
            }
            3 => {
                let until = at + random.below(bytes.len() + 1 - at).min(16);
                drop(bytes.drain(at..until));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.below(256) as u8;
                }
            }
        }
    }
    bytes
}
