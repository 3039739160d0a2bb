//! Plain code, which the other kernels must agree with.

use super::{Arithmetic, with_constant};
use crate::layout::{ByteBlock, FullBlock, LANES};

/// Plain code.
pub(crate) struct Portable;

impl Arithmetic for Portable {
    const TOKENS: usize = 4;

    fn full(inputs: &[f32], weights: &[FullBlock], sums: &mut [[f32; LANES]]) {
        with_constant!(sums, full(inputs, weights), [1 2 3 4]);
    }

    fn bytes(inputs: &[i32], weights: &[ByteBlock], sums: &mut [[i32; LANES]]) {
        with_constant!(sums, bytes(inputs, weights), [1 2 3 4]);
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

fn bytes<const T: usize>(inputs: &[[i32; T]], weights: &[ByteBlock]) -> [[i32; LANES]; T] {
    let mut sums = [[0_i32; LANES]; T];
    for (inputs, weights) in inputs.iter().zip(weights) {
        for (sums, input) in sums.iter_mut().zip(inputs) {
            let input = input.to_le_bytes().map(|byte| i32::from(byte.cast_signed()));
            for (sum, weights) in sums.iter_mut().zip(weights.0.chunks_exact(4)) {
                *sum += input.iter().zip(weights).map(|(x, weight)| x * i32::from(*weight)).sum::<i32>();
            }
        }
    }
    sums
}
