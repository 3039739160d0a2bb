//! The signs of vectors, one bit each.

use multiversion::multiversion;

/// Codes that lie side by side, word by word, so that one instruction sees a word of all of them.
const LANES: usize = 8;

/// The signs of many vectors.
#[derive(Debug)]
pub(crate) struct Codes {
    words: usize,
    blocks: Vec<u64>,
    count: usize,
}

impl Codes {
    /// For vectors of so many numbers.
    pub(crate) fn new(dimensions: usize) -> Self {
        Self { words: dimensions.div_ceil(64).max(1), blocks: Vec::new(), count: 0 }
    }

    /// The words of one vector's code.
    pub(crate) fn encode(vector: &[f32]) -> Vec<u64> {
        let word = |numbers: &[f32]| {
            numbers.iter().rev().fold(0, |word, number| (word << 1) | u64::from(*number > 0.0))
        };
        vector.chunks(64).map(word).collect()
    }

    /// Adds a code at the end.
    pub(crate) fn push(&mut self, code: &[u64]) {
        if self.count.is_multiple_of(LANES) {
            self.blocks.resize(self.blocks.len() + self.words * LANES, 0);
        }
        self.count += 1;
        self.put(self.count - 1, code);
    }

    /// Puts the last code in the place of this one.
    pub(crate) fn swap_remove(&mut self, slot: usize) {
        let Some(last) = self.count.checked_sub(1) else { return };
        let code: Vec<u64> = (0..self.words).map(|word| self.word(last, word)).collect();
        self.put(slot, &code);
        self.count = last;
        self.blocks.truncate(last.div_ceil(LANES) * self.words * LANES);
    }

    /// In how many signs each differs from the query's code, into `distances`.
    pub(crate) fn distances(&self, query: &[u64], distances: &mut Vec<u16>) {
        distances.clear();
        distances.reserve(self.count.next_multiple_of(LANES));
        measure(query, &self.blocks, distances);
        distances.truncate(self.count);
    }

    /// How much memory it takes for each code, in bytes.
    pub(crate) fn bytes_each(&self) -> usize {
        self.words * 8
    }

    fn place(&self, slot: usize, word: usize) -> usize {
        (slot / LANES * self.words + word) * LANES + slot % LANES
    }

    fn word(&self, slot: usize, word: usize) -> u64 {
        self.blocks.get(self.place(slot, word)).copied().unwrap_or_default()
    }

    fn put(&mut self, slot: usize, code: &[u64]) {
        for (number, word) in code.iter().enumerate().take(self.words) {
            let place = self.place(slot, number);
            if let Some(place) = self.blocks.get_mut(place) {
                *place = *word;
            }
        }
    }
}

// Chosen at run time; the last is for any processor.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512vpopcntdq", "x86_64+avx2+popcnt", "x86_64+popcnt"))]
fn measure(query: &[u64], blocks: &[u64], distances: &mut Vec<u16>) {
    for block in blocks.chunks_exact(query.len().max(1) * LANES) {
        let mut differing = [0_u64; LANES];
        for (word, lanes) in query.iter().zip(block.as_chunks::<LANES>().0) {
            for (differing, lane) in differing.iter_mut().zip(lanes) {
                *differing += u64::from((word ^ lane).count_ones());
            }
        }
        distances.extend(differing.map(|differing| differing as u16));
    }
}
