//! Which matches are taken.

use super::block::{Block, BlockWriter};
use super::level::{Efforts, Level};
use super::matches::{Effort, MIN_LEFT, Match, Matches, most};
use super::sequences::{Histogram, Sequence};
use super::split::is_different;

/// A run of literals so long makes a sequence of its own.
const MAX_LITERALS: usize = 1 << 15;
/// Sequences that are looked at together when it is decided where blocks end.
const PART_SEQUENCES: usize = 1 << 11;
/// The same for bytes, where matches are rare or very long.
const PART_BYTES: usize = 1 << 16;
/// The longest block.
const MAX_SEQUENCES: usize = 1 << 14;
/// How many of the last matches are counted in, when it is seen whether literals are rare.
const RECENT: u32 = 32;
/// Parts of a literal.
const PARTS: u32 = 8;
/// Fewer literals than one for two matches are rare.
const RARE: u32 = RECENT * PARTS / 2;
/// After so many literals in a row another is taken without looking, after twice as many another two.
const PATIENCE_BITS: u32 = 7;

/// Cuts a body into literals and matches, and those into blocks; keeps its memory.
pub struct Parser {
    level: Level,
    matches: Matches,
    writer: BlockWriter,
    sequences: Vec<Sequence>,
    /// What occurs in the block but for its last part.
    block: Histogram,
    /// What occurs in the last part.
    part: Histogram,
    /// About how many literals there were among the last [`RECENT`] matches, in [`PARTS`].
    recent_literals: u32,
    /// Where the block begins, and its last part.
    block_start: usize,
    part_start: Position,
}

#[derive(Clone, Copy, Default)]
struct Position {
    sequences: usize,
    bytes: usize,
}

impl Parser {
    pub fn new(level: Level) -> Parser {
        Parser {
            level,
            matches: Matches::new(),
            writer: BlockWriter::new(),
            sequences: Vec::new(),
            block: Histogram::new(),
            part: Histogram::new(),
            recent_literals: 0,
            block_start: 0,
            part_start: Position::default(),
        }
    }

    /// Encodes a whole body, and appends it to `output`.
    pub fn encode(&mut self, body: &[u8], output: &mut Vec<u8>) {
        self.matches.begin(body.len());
        self.writer.begin();
        self.sequences.clear();
        self.block.clear();
        self.part.clear();
        (self.block_start, self.part_start) = (0, Position::default());
        // Many, until it is known.
        self.recent_literals = 4 * RECENT * PARTS;
        let Efforts { first, dense, later } = self.level.efforts(body.len());
        // No match begins beyond, so that bytes may be looked at without asking whether they are there.
        let end = body.len().saturating_sub(MIN_LEFT);
        let (mut place, mut run) = (0, 0);
        while place < end {
            self.matches.link(body, place);
            let effort = if self.recent_literals < RARE { dense } else { first };
            let found = self.matches.longer(place, 0, most(body.len() - place), effort);
            if found.offset == 0 {
                place += 1 + ((place - run) >> PATIENCE_BITS);
                if place - run >= MAX_LITERALS {
                    place = place.min(body.len());
                    self.push(body, run, place, Match::default(), output);
                    run = place;
                }
                continue;
            }
            let (start, found) = self.improve(body, place, end, found, later);
            self.push(body, run, start, found, output);
            self.matches.taken(start, found);
            place = start + found.length;
            run = place;
        }
        self.finish(body, run, output);
    }

    /// Whether a later match is worth another literal.
    #[inline(always)]
    fn improve(
        &mut self,
        body: &[u8],
        mut place: usize,
        end: usize,
        mut found: Match,
        later: Effort,
    ) -> (usize, Match) {
        while found.length < self.level.lazy && place + 1 < end {
            let most = most(body.len() - place - 1);
            if found.length >= most {
                break;
            }
            self.matches.link(body, place + 1);
            let next = self.matches.longer(place + 1, found.length, most, later);
            if next.offset == 0 || value(next) <= value(found) + 2 {
                break;
            }
            place += 1;
            found = next;
        }
        (place, found)
    }

    #[inline(always)]
    fn push(&mut self, body: &[u8], run: usize, place: usize, found: Match, output: &mut Vec<u8>) {
        let literals = body.get(run..place).unwrap_or_default();
        self.part.count_literals(literals);
        let sequence = Sequence {
            literals: literals.len() as u16,
            length: found.length as u16,
            offset: found.offset as u16,
        };
        self.recent_literals -= self.recent_literals / RECENT;
        self.recent_literals += literals.len() as u32 * PARTS;
        if found.length > 0 {
            self.part.count_match(sequence.length, sequence.offset);
        }
        self.sequences.push(sequence);
        let end = place + found.length;
        if self.sequences.len() - self.part_start.sequences >= PART_SEQUENCES
            || end - self.part_start.bytes >= PART_BYTES
        {
            self.end_part(body, end, output);
        }
    }

    /// Adds the last part, which ends here, to the block, or makes it the beginning of the next.
    #[inline(never)]
    fn end_part(&mut self, body: &[u8], end: usize, output: &mut Vec<u8>) {
        if self.part_start.bytes > self.block_start && is_different(&self.block, &self.part) {
            self.end_block(body, false, output);
        }
        self.block.add(&self.part);
        self.part.clear();
        self.part_start = Position { sequences: self.sequences.len(), bytes: end };
        if self.sequences.len() >= MAX_SEQUENCES {
            self.end_block(body, false, output);
        }
    }

    /// Writes what is there before the last part.
    fn end_block(&mut self, body: &[u8], is_last: bool, output: &mut Vec<u8>) {
        self.block.count_end();
        let sequences = self.sequences.get(..self.part_start.sequences).unwrap_or_default();
        let bytes = body.get(self.block_start..self.part_start.bytes).unwrap_or_default();
        self.writer.write(&Block { bytes, sequences, histogram: &self.block, is_last }, output);
        self.block.clear();
        self.sequences.drain(..self.part_start.sequences);
        self.part_start.sequences = 0;
        self.block_start = self.part_start.bytes;
    }

    fn finish(&mut self, body: &[u8], run: usize, output: &mut Vec<u8>) {
        self.part.count_literals(body.get(run..).unwrap_or_default());
        self.end_part(body, body.len(), output);
        self.end_block(body, true, output);
    }
}

/// Bits that a match saves, by a rough guess, in quarters of a byte.
#[inline(always)]
fn value(found: Match) -> u32 {
    4 * found.length as u32 + (found.offset as u32).leading_zeros()
}
