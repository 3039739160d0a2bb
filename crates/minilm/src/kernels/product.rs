//! Products of matrices by an [`Arithmetic`]: packing what goes in, and placing what comes out.

use super::{Arithmetic, ByteTile, MOST_TOKENS};
use crate::layout::{ByteBlock, FullBlock, GROUP, LANES};
use crate::linear::{Linear, Weights};
use crate::math::{ROUNDING, peak};

/// Rows of numbers, each a part of a longer one.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) numbers: &'a [f32],
    /// From one row to the next.
    pub(crate) stride: usize,
    /// Where in it a row starts.
    pub(crate) offset: usize,
    /// How long the row is.
    pub(crate) width: usize,
}

impl<'a> Rows<'a> {
    #[inline(always)]
    fn count(self) -> usize {
        self.numbers.len() / self.stride.max(1)
    }

    #[inline(always)]
    fn iter(self) -> impl Iterator<Item = &'a [f32]> {
        let part = move |row: &'a [f32]| row.get(self.offset..self.offset + self.width).unwrap_or_default();
        self.numbers.chunks_exact(self.stride.max(1)).map(part)
    }
}

/// Inputs as the kernels want them: for each input (or four of them), the tokens of a tile side by side.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    full: Vec<f32>,
    bytes: Vec<i32>,
    scales: Vec<f32>,
    excesses: Vec<i32>,
}

/// How many rows go into each tile, so that all tiles are about equally full.
#[inline(always)]
fn tile_size<A: Arithmetic>(rows: usize) -> usize {
    let tiles = rows.div_ceil(A::TOKENS).max(1);
    rows.div_ceil(tiles).max(1)
}

/// Each row by each group of 16 outputs, handed over with the row's number and the group's. The blocks of a group are
/// as many as a row is wide.
#[inline(always)]
pub(crate) fn product<A: Arithmetic>(
    rows: Rows<'_>,
    blocks: &[FullBlock],
    packed: &mut Packed,
    mut store: impl FnMut(usize, usize, [f32; LANES]),
) {
    let tokens = tile_size::<A>(rows.count());
    let numbers = &mut packed.full;
    numbers.clear();
    numbers.resize(rows.count().div_ceil(tokens) * tokens * rows.width, 0.0);
    for (number, row) in rows.iter().enumerate() {
        let (tile, token) = (number / tokens, number % tokens);
        let places = numbers.iter_mut().skip(tile * tokens * rows.width + token).step_by(tokens);
        places.zip(row).for_each(|(place, x)| *place = *x);
    }
    let width = rows.width.max(1);
    let mut sums = [[0.0; LANES]; MOST_TOKENS];
    let sums = sums.get_mut(..tokens).unwrap_or_default();
    for (group, blocks) in blocks.chunks_exact(width).enumerate() {
        for (tile, inputs) in numbers.chunks_exact(tokens * width).enumerate() {
            A::full(inputs, blocks, sums);
            for (row, lanes) in (tile * tokens..rows.count()).zip(&*sums) {
                store(row, group, *lanes);
            }
        }
    }
}

/// A linear layer on whole rows.
#[inline(always)]
pub(crate) fn linear<A: Arithmetic>(layer: &Linear, rows: &[f32], out: &mut Vec<f32>, packed: &mut Packed) {
    let Linear { inputs, outputs, bias, weights } = layer;
    let rows = Rows { numbers: rows, stride: *inputs, offset: 0, width: *inputs };
    // Every place is written below.
    out.resize(rows.count() * outputs, 0.0);
    let (bias, _) = bias.as_chunks::<LANES>();
    let place = |out: &mut Vec<f32>, row: usize, group: usize, lanes: [f32; LANES]| {
        let bias = bias.get(group).copied().unwrap_or([0.0; LANES]);
        let place = out.get_mut(row * outputs + group * LANES..).and_then(<[f32]>::first_chunk_mut::<LANES>);
        if let Some(place) = place {
            for ((place, x), bias) in place.iter_mut().zip(lanes).zip(bias) {
                *place = x + bias;
            }
        }
    };
    match weights {
        Weights::Full(blocks) => {
            product::<A>(rows, blocks, packed, |row, group, lanes| place(out, row, group, lanes));
        }
        Weights::Bytes { blocks, scales } => {
            product_in_bytes::<A>(rows, blocks, scales, packed, |row, group, lanes| {
                place(out, row, group, lanes)
            });
        }
    }
}

/// The same by weights and inputs of 8 bits.
#[inline(always)]
fn product_in_bytes<A: Arithmetic>(
    rows: Rows<'_>,
    blocks: &[ByteBlock],
    steps: &[[f32; LANES]],
    packed: &mut Packed,
    mut store: impl FnMut(usize, usize, [f32; LANES]),
) {
    let tokens = tile_size::<A>(rows.count());
    packed.quantise(rows, tokens);
    let (quads, groups) = (rows.width / 4, rows.width.div_ceil(GROUP));
    let mut sums = [[0.0; LANES]; MOST_TOKENS];
    let sums = sums.get_mut(..tokens).unwrap_or_default();
    for (number, (blocks, steps)) in blocks.chunks_exact(quads).zip(steps.chunks_exact(groups)).enumerate() {
        let tiles = packed.bytes.chunks_exact(tokens * quads);
        let tiles = tiles
            .zip(packed.scales.chunks_exact(tokens * groups))
            .zip(packed.excesses.chunks_exact(tokens * groups));
        for (tile, ((inputs, scales), excesses)) in tiles.enumerate() {
            A::bytes(&ByteTile { inputs, blocks, scales, excesses, steps }, sums);
            for (row, lanes) in (tile * tokens..rows.count()).zip(&*sums) {
                store(row, number, *lanes);
            }
        }
    }
}

impl Packed {
    /// Each row in signed bytes, with a scale for each [`GROUP`] of its inputs. Scales and excesses lie as the inputs do.
    #[inline(always)]
    fn quantise(&mut self, rows: Rows<'_>, tokens: usize) {
        let (quads, groups) = (rows.width / 4, rows.width.div_ceil(GROUP));
        let padded = rows.count().div_ceil(tokens) * tokens;
        self.bytes.clear();
        self.bytes.resize(padded * quads, 0);
        self.scales.clear();
        self.scales.resize(padded * groups, 0.0);
        self.excesses.clear();
        self.excesses.resize(padded * groups, 0);
        for (number, row) in rows.iter().enumerate() {
            let (tile, token) = (number / tokens, number % tokens);
            let mut places = self.bytes.iter_mut().skip(tile * tokens * quads + token).step_by(tokens);
            let first_group = tile * tokens * groups + token;
            let scales = self.scales.iter_mut().skip(first_group).step_by(tokens);
            let excesses = self.excesses.iter_mut().skip(first_group).step_by(tokens);
            for ((group, scale), excess) in row.chunks(GROUP).zip(scales).zip(excesses) {
                let peak = peak(group);
                *scale = if peak > 0.0 { peak / 127.0 } else { 1.0 };
                let inverse = 1.0 / *scale;
                // Side by side first, which takes a register at a time; then to where the kernel wants them.
                let mut bytes = [0_i8; GROUP];
                for (byte, x) in bytes.iter_mut().zip(group) {
                    *byte = (x * inverse + ROUNDING).to_bits() as i8;
                }
                *excess = 128 * bytes.iter().map(|byte| i32::from(*byte)).sum::<i32>();
                let quads = bytes.as_chunks::<4>().0.iter().take(group.len() / 4);
                for (quad, place) in quads.zip(&mut places) {
                    *place = i32::from_le_bytes(quad.map(i8::cast_unsigned));
                }
            }
        }
    }
}
