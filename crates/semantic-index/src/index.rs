//! Vectors by number, and the nearest of them.

use std::collections::HashMap;
use std::fmt;

use crate::codes::Codes;

/// How many vectors are looked at a second time: enough that the nearest is among them, in 384 dimensions and a million
/// vectors.
const CANDIDATES: usize = 160;

/// Vectors of length 1 by their number.
#[derive(Debug)]
pub struct Index {
    dimensions: usize,
    codes: Codes,
    vectors: Vec<f32>,
    numbers: Vec<u64>,
    slots: HashMap<u64, usize>,
}

/// A vector that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Its number.
    pub number: u64,
    /// The cosine of the angle between it and what was looked for, from -1 to 1.
    pub similarity: f32,
}

/// A vector has not as many numbers as the index wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongDimensions {
    /// How many it has.
    pub found: usize,
    /// How many it should have.
    pub expected: usize,
}

impl fmt::Display for WrongDimensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a vector of {} numbers, expected {}", self.found, self.expected)
    }
}

impl std::error::Error for WrongDimensions {}

impl Index {
    /// An empty index for vectors of so many numbers, at most 65,535.
    pub fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            codes: Codes::new(dimensions),
            vectors: Vec::new(),
            numbers: Vec::new(),
            slots: HashMap::new(),
        }
    }

    /// How many vectors there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// How much memory a vector takes, in bytes.
    pub fn bytes_each(&self) -> usize {
        // The vector, its code, its number, and its place in the table.
        self.dimensions * 4 + self.codes.bytes_each() + 8 + 24
    }

    /// The vector with this number.
    pub fn vector(&self, number: u64) -> Option<&[f32]> {
        self.slots.get(&number).and_then(|slot| self.vector_at(*slot))
    }

    /// Adds a vector of length 1, in the place of an earlier one with this number.
    pub fn insert(&mut self, number: u64, vector: &[f32]) -> Result<(), WrongDimensions> {
        if vector.len() != self.dimensions {
            return Err(WrongDimensions { found: vector.len(), expected: self.dimensions });
        }
        self.remove(number);
        self.slots.insert(number, self.numbers.len());
        self.numbers.push(number);
        self.vectors.extend_from_slice(vector);
        self.codes.push(&Codes::encode(vector));
        Ok(())
    }

    /// Removes the vector with this number; whether there was one.
    pub fn remove(&mut self, number: u64) -> bool {
        let Some(slot) = self.slots.remove(&number) else { return false };
        self.codes.swap_remove(slot);
        self.numbers.swap_remove(slot);
        let last = self.numbers.len() * self.dimensions;
        if slot < self.numbers.len() {
            self.vectors.copy_within(last.., slot * self.dimensions);
        }
        self.vectors.truncate(last);
        if let Some(moved) = self.numbers.get(slot) {
            self.slots.insert(*moved, slot);
        }
        true
    }

    /// The `most` nearest vectors, the nearest first; of equally near ones the lower number. None is nearer than those
    /// whose signs differ least allow: the search is exact up to 160 vectors, and nearly so beyond.
    pub fn nearest(&self, vector: &[f32], most: usize) -> Result<Vec<Neighbour>, WrongDimensions> {
        if vector.len() != self.dimensions {
            return Err(WrongDimensions { found: vector.len(), expected: self.dimensions });
        }
        let close = self.codes.nearest(&Codes::encode(vector), CANDIDATES.max(most));
        let mut neighbours: Vec<Neighbour> = close
            .into_iter()
            .filter_map(|slot| {
                let similarity = cosine(vector, self.vector_at(slot)?);
                Some(Neighbour { number: *self.numbers.get(slot)?, similarity })
            })
            .collect();
        neighbours.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.number.cmp(&b.number)));
        neighbours.truncate(most);
        Ok(neighbours)
    }

    fn vector_at(&self, slot: usize) -> Option<&[f32]> {
        self.vectors.get(slot * self.dimensions..(slot + 1) * self.dimensions)
    }
}

/// The cosine of the angle between two vectors of length 1, as the index computes it.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    // Parts that are added at the end can be computed side by side.
    let mut parts = [0.0_f32; 16];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        for ((part, a), b) in parts.iter_mut().zip(a).zip(b) {
            *part += a * b;
        }
    }
    parts.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}
