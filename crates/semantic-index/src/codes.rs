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

    /// The places of the `wanted` codes that differ in the fewest signs from the query's, and of all that differ in as few as
    /// the last of them; ascending.
    pub(crate) fn nearest(&self, query: &[u64], wanted: usize) -> Vec<usize> {
        let mut nearest = Nearest::new(self.words * 64, self.count, wanted);
        scan(query, &self.blocks, &mut nearest);
        nearest.found.retain(|(_, distance)| *distance <= nearest.limit);
        nearest.found.into_iter().map(|(slot, _)| slot).collect()
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

/// Those that were found so far.
struct Nearest {
    /// How many codes there are; what lies behind them in the last block is none.
    count: usize,
    wanted: usize,
    /// Nothing further away can be among the nearest. It falls while more are found, so that few have to be kept.
    limit: u64,
    /// By distance, those that were found.
    counts: Vec<usize>,
    /// Those that were found within the limit.
    within: usize,
    found: Vec<(usize, u64)>,
}

impl Nearest {
    fn new(largest: usize, count: usize, wanted: usize) -> Self {
        let counts = vec![0; largest + 1];
        Self { count, wanted, limit: largest as u64, counts, within: 0, found: Vec::new() }
    }

    #[inline(never)]
    fn add(&mut self, block: usize, distances: [u64; LANES]) {
        for (slot, distance) in (block * LANES..self.count).zip(distances) {
            if distance > self.limit {
                continue;
            }
            self.found.push((slot, distance));
            self.within += 1;
            if let Some(count) = self.counts.get_mut(distance as usize) {
                *count += 1;
            }
            self.lower_the_limit();
        }
    }

    fn lower_the_limit(&mut self) {
        while let Some(furthest) = self.counts.get(self.limit as usize)
            && self.limit > 0
            && self.within - furthest >= self.wanted
        {
            self.within -= furthest;
            self.limit -= 1;
        }
    }
}

// Chosen at run time; the last is for any processor.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512vpopcntdq", "x86_64+avx2+popcnt", "x86_64+popcnt"))]
fn scan(query: &[u64], blocks: &[u64], nearest: &mut Nearest) {
    for (number, block) in blocks.chunks_exact(query.len().max(1) * LANES).enumerate() {
        let mut differing = [0_u64; LANES];
        for (word, lanes) in query.iter().zip(block.as_chunks::<LANES>().0) {
            for (differing, lane) in differing.iter_mut().zip(lanes) {
                *differing += u64::from((word ^ lane).count_ones());
            }
        }
        // All lanes are compared, without a branch for each, and without a closure: what is compiled for these processors only
        // cannot be built into what is compiled for any.
        let mut any_is_near = false;
        for differing in &differing {
            any_is_near |= *differing <= nearest.limit;
        }
        if any_is_near {
            nearest.add(number, differing);
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_those_that_sorting_all_finds() {
        // xorshift: the same everywhere.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for (count, wanted) in [(0, 5), (1, 5), (7, 3), (8, 8), (9, 8), (500, 1), (1_000, 60), (1_000, 1_000)]
        {
            let mut codes = Codes::new(128);
            let all: Vec<[u64; 2]> = (0..count).map(|_| [next(), next()]).collect();
            all.iter().for_each(|code| codes.push(code));
            let query = [next(), next()];
            let distance = |code: &[u64; 2]| -> u32 {
                code.iter().zip(query).map(|(code, query)| (code ^ query).count_ones()).sum()
            };
            let mut sorted: Vec<u32> = all.iter().map(distance).collect();
            sorted.sort_unstable();
            let limit = sorted.get(wanted - 1).or(sorted.last()).copied().unwrap_or_default();
            let right: Vec<usize> = (0..count).filter(|slot| distance(&all[*slot]) <= limit).collect();
            assert_eq!(codes.nearest(&query, wanted), right, "{wanted} of {count}");
        }
    }
}
