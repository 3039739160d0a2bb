//! The index against comparing with every vector, and the shelf against a list.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use semantic_index::{Index, Limits, Neighbour, Shelf, WrongDimensions};

const DIMENSIONS: usize = 70;

/// Seeded numbers from -1 to 1, so that vectors are made without a library of random numbers.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn vector(&mut self, dimensions: usize) -> Vec<f32> {
        let vector: Vec<f32> = (0..dimensions).map(|_| self.next()).collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter().map(|x| x / length).collect()
    }
}

fn brute_force(vectors: &BTreeMap<u64, Vec<f32>>, query: &[f32], most: usize) -> Vec<Neighbour> {
    let similarity = |vector: &[f32]| vector.iter().zip(query).map(|(a, b)| a * b).sum();
    let mut all: Vec<Neighbour> = vectors
        .iter()
        .map(|(number, vector)| Neighbour { number: *number, similarity: similarity(vector) })
        .collect();
    all.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
    all.truncate(most);
    all
}

#[derive(Debug, Clone)]
enum Step {
    Insert(u64),
    Remove(u64),
    Search(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0_u64..40).prop_map(Step::Insert),
        2 => (0_u64..40).prop_map(Step::Remove),
        2 => (0_usize..50).prop_map(Step::Search),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn finds_what_comparing_with_all_finds(steps in steps(), seed in any::<u64>()) {
        let mut numbers = Numbers(seed);
        let (mut index, mut all) = (Index::new(DIMENSIONS), BTreeMap::new());
        for step in steps {
            match step {
                Step::Insert(number) => {
                    let vector = numbers.vector(DIMENSIONS);
                    index.insert(number, &vector).unwrap();
                    all.insert(number, vector);
                }
                Step::Remove(number) => prop_assert_eq!(index.remove(number), all.remove(&number).is_some()),
                Step::Search(most) => {
                    let query = numbers.vector(DIMENSIONS);
                    let (found, right) = (index.nearest(&query, most).unwrap(), brute_force(&all, &query, most));
                    prop_assert_eq!(found.len(), right.len());
                    for (found, right) in found.iter().zip(&right) {
                        prop_assert!((found.similarity - right.similarity).abs() < 1e-5);
                        prop_assert_eq!(index.vector(found.number), all.get(&found.number).map(Vec::as_slice));
                    }
                }
            }
            prop_assert_eq!(index.len(), all.len());
        }
    }

    #[test]
    fn a_shelf_keeps_its_limits_and_drops_the_longest_unused(
        steps in prop::collection::vec((0_u64..20, 1_u64..40, 0_u64..100, 0_u8..4), 0..100),
    ) {
        let limits = Limits { entries: 7, bytes: 100 };
        // The longest unused first.
        let (mut shelf, mut list) = (Shelf::new(limits), Vec::<(u64, u64, u64)>::new());
        for (number, bytes, time, what) in steps {
            match what {
                0 => {
                    shelf.touch(number);
                    if let Some(at) = list.iter().position(|kept| kept.0 == number) {
                        let kept = list.remove(at);
                        list.push(kept);
                    }
                }
                1 => {
                    let mut gone = shelf.expire(time);
                    gone.sort_unstable();
                    let (ended, kept): (Vec<(u64, u64, u64)>, Vec<_>) = list.into_iter().partition(|kept| kept.2 <= time);
                    let mut ended: Vec<u64> = ended.iter().map(|kept: &(u64, u64, u64)| kept.0).collect();
                    ended.sort_unstable();
                    prop_assert_eq!(gone, ended);
                    list = kept;
                }
                _ => {
                    let gone = shelf.put(number, bytes, time);
                    list.retain(|kept| kept.0 != number);
                    list.push((number, bytes, time));
                    let mut expected = Vec::new();
                    while list.len() > limits.entries || list.iter().map(|kept| kept.1).sum::<u64>() > limits.bytes {
                        expected.push(list.remove(0).0);
                    }
                    prop_assert_eq!(gone, expected);
                }
            }
            prop_assert_eq!(shelf.len(), list.len());
            prop_assert_eq!(shelf.bytes(), list.iter().map(|kept| kept.1).sum::<u64>());
            prop_assert!(list.iter().all(|kept| shelf.has(kept.0, kept.2.wrapping_sub(1)) || kept.2 == 0));
        }
    }
}

#[test]
fn the_nearest_of_thousands_is_found() {
    // Questions lie in bunches: each query has near relatives among what is stored.
    let mut numbers = Numbers(7);
    let mut index = Index::new(384);
    let mut all = BTreeMap::new();
    for number in 0..5_000_u64 {
        let mut vector = match number.checked_sub(500).and_then(|near| all.get(&near)) {
            Some(relative) => Vec::clone(relative),
            None => numbers.vector(384),
        };
        vector.iter_mut().for_each(|x| *x += 0.03 * numbers.next());
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|x| *x /= length);
        index.insert(number, &vector).unwrap();
        all.insert(number, vector);
    }
    let queries: Vec<Vec<f32>> = (0..200_u64).map(|n| all[&(n * 25)].clone()).collect();
    // What goes must not take others' codes along.
    for number in (0..5_000).filter(|number| number % 3 == 1) {
        assert!(index.remove(number) && all.remove(&number).is_some());
    }
    let queries = queries.into_iter().map(|mut query| {
        query.iter_mut().for_each(|x| *x += 0.03 * numbers.next());
        query
    });
    let right = queries
        .filter(|query| index.nearest(query, 1).unwrap()[0].number == brute_force(&all, query, 1)[0].number);
    assert!(right.count() >= 199);
}

#[test]
fn vectors_of_another_length_are_refused() {
    let mut index = Index::new(4);
    let wrong = WrongDimensions { found: 3, expected: 4 };
    assert_eq!(index.insert(1, &[0.0; 3]), Err(wrong));
    assert_eq!(index.nearest(&[0.0; 3], 1), Err(wrong));
    assert_eq!(index.nearest(&[0.5; 4], 1), Ok(Vec::new()));
}
