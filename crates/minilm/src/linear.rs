//! Linear layers, in the form their kernel wants.

use crate::layout::{ByteBlock, FullBlock, GROUP, LANES};

/// A linear layer: outputs = weights × inputs + bias.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) bias: Vec<f32>,
    pub(crate) weights: Weights,
}

/// For every 16 outputs, the blocks of all inputs.
#[derive(Debug)]
pub(crate) enum Weights {
    Full(Vec<FullBlock>),
    Bytes {
        blocks: Vec<ByteBlock>,
        /// What one step of a weight is worth: for every 16 outputs, for every [`GROUP`] of inputs, by output.
        scales: Vec<[f32; LANES]>,
    },
}

impl Linear {
    /// From rows of weights, one for each output. The numbers of inputs and outputs are multiples of 16.
    pub(crate) fn new(rows: &[f32], bias: Vec<f32>, inputs: usize, in_bytes: bool) -> Self {
        let outputs = bias.len();
        let weights = if in_bytes { bytes(rows, inputs) } else { full(rows, inputs) };
        Self { inputs, outputs, bias, weights }
    }
}

fn full(rows: &[f32], inputs: usize) -> Weights {
    let mut blocks = Vec::with_capacity(rows.len() / LANES);
    for group in rows.chunks_exact(inputs * LANES) {
        for input in 0..inputs {
            let mut block = FullBlock([0.0; LANES]);
            for (weight, row) in block.0.iter_mut().zip(group.chunks_exact(inputs)) {
                *weight = row.get(input).copied().unwrap_or_default();
            }
            blocks.push(block);
        }
    }
    Weights::Full(blocks)
}

fn bytes(rows: &[f32], inputs: usize) -> Weights {
    let scale = |weights: &[f32]| {
        let peak = weights.iter().fold(0.0_f32, |peak, weight| peak.max(weight.abs()));
        if peak > 0.0 { peak / 127.0 } else { 1.0 }
    };
    let mut blocks = Vec::with_capacity(rows.len() / (4 * LANES));
    let mut scales = Vec::with_capacity(rows.len() / GROUP);
    for outputs in rows.chunks_exact(inputs * LANES) {
        for start in (0..inputs).step_by(GROUP) {
            let end = inputs.min(start + GROUP);
            let groups: Vec<&[f32]> =
                outputs.chunks_exact(inputs).map(|row| row.get(start..end).unwrap_or_default()).collect();
            let mut steps = [1.0; LANES];
            steps.iter_mut().zip(&groups).for_each(|(step, group)| *step = scale(group));
            for quad in 0..(end - start) / 4 {
                let mut block = ByteBlock([128; 4 * LANES]);
                for (places, (group, step)) in block.0.chunks_exact_mut(4).zip(groups.iter().zip(steps)) {
                    for (place, weight) in places.iter_mut().zip(group.iter().skip(4 * quad)) {
                        *place = ((weight / step).round_ties_even() + 128.0) as u8;
                    }
                }
                blocks.push(block);
            }
            scales.push(steps);
        }
    }
    Weights::Bytes { blocks, scales }
}
