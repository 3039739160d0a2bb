//! Plain code, which the other kernels must agree with.

use super::{Arithmetic, ByteTile, with_constant};
use crate::layout::{FullBlock, GROUP, LANES};

/// Plain code.
pub(crate) struct Portable;

impl Arithmetic for Portable {
    const TOKENS: usize = 4;

    fn full(inputs: &[f32], weights: &[FullBlock], sums: &mut [[f32; LANES]]) {
        with_constant!(sums, full(inputs.as_chunks().0, weights), [1 2 3 4]);
    }

    fn bytes(tile: &ByteTile<'_>, sums: &mut [[f32; LANES]]) {
        with_constant!(sums, bytes(tile), [1 2 3 4 5 6 7 8 9 10 11 12 13 14]);
    }
}

fn full<const T: usize>(inputs: &[[f32; T]], weights: &[FullBlock]) -> [[f32; LANES]; T] {
    let mut sums = [[0.0_f32; LANES]; T];
    for (inputs, weights) in inputs.iter().zip(weights) {
        for (sums, input) in sums.iter_mut().zip(inputs) {
            for (sum, weight) in sums.iter_mut().zip(&weights.0) {
                *sum += input * weight;
            }
        }
    }
    sums
}

fn bytes<const T: usize>(tile: &ByteTile<'_>) -> [[f32; LANES]; T] {
    let mut totals = [[0.0_f32; LANES]; T];
    let groups = tile.inputs.as_chunks::<T>().0.chunks(GROUP / 4).zip(tile.blocks.chunks(GROUP / 4));
    let scales = tile.scales.as_chunks::<T>().0.iter().zip(tile.excesses.as_chunks::<T>().0);
    for (((inputs, blocks), (scales, excesses)), steps) in groups.zip(scales).zip(tile.steps) {
        let mut sums = excesses.map(|excess| [-excess; LANES]);
        for (inputs, weights) in inputs.iter().zip(blocks) {
            for (sums, input) in sums.iter_mut().zip(inputs) {
                let input = input.to_le_bytes().map(|byte| i32::from(byte.cast_signed()));
                for (sum, weights) in sums.iter_mut().zip(weights.0.chunks_exact(4)) {
                    *sum += input.iter().zip(weights).map(|(x, weight)| x * i32::from(*weight)).sum::<i32>();
                }
            }
        }
        for ((totals, sums), scale) in totals.iter_mut().zip(sums).zip(scales) {
            for ((total, sum), step) in totals.iter_mut().zip(sums).zip(steps) {
                *total += sum as f32 * (scale * step);
            }
        }
    }
    totals
}
