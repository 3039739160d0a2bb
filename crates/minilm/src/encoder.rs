//! The encoder: from the tokens of some texts to their embeddings.
//!
//! Texts that come together lie one after the other in one matrix, without padding: the linear layers see all tokens at
//! once, and only attention goes text by text.

use crate::kernels::Arithmetic;
use crate::kernels::product::{Packed, Rows, linear, product};
use crate::layout::{FullBlock, LANES};
use crate::math::{add_and_normalise, exp, gelu, normalise};
use crate::settings::Shape;
use crate::tokens::Tokens;
use crate::weights::{Layer, Weights};

/// Memory that is used again for each batch.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    hidden: Vec<f32>,
    wide: Vec<f32>,
    mixed: Vec<f32>,
    narrow: Vec<f32>,
    scores: Vec<f32>,
    keys: Vec<FullBlock>,
    values: Vec<FullBlock>,
    packed: Packed,
}

/// The embeddings of these texts, in their order.
#[inline(always)]
pub(crate) fn encode<A: Arithmetic>(
    weights: &Weights,
    shape: &Shape,
    texts: &[&Tokens],
    buffers: &mut Buffers,
) -> Vec<Vec<f32>> {
    let hidden = shape.hidden_size;
    look_up(weights, shape, texts, &mut buffers.hidden);
    for layer in &weights.layers {
        attend::<A>(layer, shape, texts, buffers);
        let Buffers { hidden: rows, wide, narrow, packed, .. } = buffers;
        linear::<A>(&layer.widen, rows, wide, packed);
        gelu(wide);
        linear::<A>(&layer.narrow, wide, narrow, packed);
        for (row, more) in rows.chunks_exact_mut(hidden).zip(narrow.chunks_exact(hidden)) {
            add_and_normalise(row, more, &layer.norm.scale, &layer.norm.shift, shape.layer_norm_eps);
        }
    }
    let mut rows = buffers.hidden.chunks_exact(hidden);
    let mean = |text: &&Tokens| {
        let mut mean = vec![0.0_f32; hidden];
        for row in rows.by_ref().take(text.count()) {
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x);
        }
        // The length is brought to 1, so the sum will do for the mean.
        normalise(&mut mean);
        mean
    };
    texts.iter().map(mean).collect()
}

/// What the tokens stand for before any has seen another.
#[inline(always)]
fn look_up(weights: &Weights, shape: &Shape, texts: &[&Tokens], rows: &mut Vec<f32>) {
    let hidden = shape.hidden_size;
    rows.clear();
    for text in texts {
        for (token, place) in text.numbers().iter().zip(weights.places.chunks_exact(hidden)) {
            let start = (*token as usize).saturating_mul(hidden);
            // Tokens are checked when they are made: none is outside the vocabulary.
            let word = weights.words.get(start..start + hidden).unwrap_or_default();
            let from = rows.len();
            rows.resize(from + hidden, 0.0);
            let row = rows.get_mut(from..).unwrap_or_default();
            row.copy_from_slice(place);
            add_and_normalise(row, word, &weights.norm.scale, &weights.norm.shift, shape.layer_norm_eps);
        }
    }
}

/// The first half of a layer: each token of a text looks at all of its text.
#[inline(always)]
fn attend<A: Arithmetic>(layer: &Layer, shape: &Shape, texts: &[&Tokens], buffers: &mut Buffers) {
    let hidden = shape.hidden_size;
    let Buffers { hidden: rows, wide, mixed, narrow, scores, keys, values, packed } = buffers;
    linear::<A>(&layer.attention_in, rows, wide, packed);
    mixed.clear();
    mixed.resize(rows.len(), 0.0);
    let mut start = 0;
    for text in texts {
        let (count, end) = (text.count(), start + text.count());
        let projected = wide.get(start * 3 * hidden..end * 3 * hidden).unwrap_or_default();
        let mixed = mixed.get_mut(start * hidden..end * hidden).unwrap_or_default();
        for head in 0..shape.num_attention_heads {
            let head = Head { size: shape.head_size(), hidden, offset: head * shape.head_size(), count };
            head.mix::<A>(projected, mixed, scores, keys, values, packed);
        }
        start = end;
    }
    linear::<A>(&layer.attention_out, mixed, narrow, packed);
    let norm = &layer.attention_norm;
    for (row, more) in rows.chunks_exact_mut(hidden).zip(narrow.chunks_exact(hidden)) {
        add_and_normalise(row, more, &norm.scale, &norm.shift, shape.layer_norm_eps);
    }
}

/// One head of attention over one text.
#[derive(Clone, Copy)]
struct Head {
    size: usize,
    hidden: usize,
    offset: usize,
    /// Tokens of the text.
    count: usize,
}

impl Head {
    /// Mixes the values by how well queries and keys fit. `projected` holds query, key and value of each token.
    #[inline(always)]
    fn mix<A: Arithmetic>(
        self,
        projected: &[f32],
        mixed: &mut [f32],
        scores: &mut Vec<f32>,
        keys: &mut Vec<FullBlock>,
        values: &mut Vec<FullBlock>,
        packed: &mut Packed,
    ) {
        let Self { size, hidden, offset, count } = self;
        let width = count.next_multiple_of(LANES);
        self.lay_out_keys(projected, keys);
        self.lay_out_values(projected, values);
        scores.clear();
        scores.resize(count * width, 0.0);
        let queries = Rows { numbers: projected, stride: 3 * hidden, offset, width: size };
        product::<A>(queries, keys, packed, |row, group, lanes| {
            let place = scores.get_mut(row * width + group * LANES..).and_then(<[f32]>::first_chunk_mut);
            if let Some(place) = place {
                *place = lanes;
            }
        });
        let scale = 1.0 / (size as f32).sqrt();
        for row in scores.chunks_exact_mut(width) {
            soften(row.get_mut(..count).unwrap_or_default(), scale);
        }
        let shares = Rows { numbers: scores, stride: width, offset: 0, width: count };
        product::<A>(shares, values, packed, |row, group, lanes| {
            let start = row * hidden + offset + group * LANES;
            if let Some(place) = mixed.get_mut(start..).and_then(<[f32]>::first_chunk_mut) {
                *place = lanes;
            }
        });
    }

    /// Keys as weights: each token of the text is an output. The last block is filled with zeros.
    #[inline(always)]
    fn lay_out_keys(self, projected: &[f32], keys: &mut Vec<FullBlock>) {
        keys.clear();
        keys.resize(self.count.div_ceil(LANES) * self.size, FullBlock([0.0; LANES]));
        let tokens = projected.chunks(3 * self.hidden * LANES);
        for (blocks, tokens) in keys.chunks_exact_mut(self.size).zip(tokens) {
            for (lane, token) in tokens.chunks_exact(3 * self.hidden).enumerate() {
                for (block, x) in blocks.iter_mut().zip(token.iter().skip(self.hidden + self.offset)) {
                    if let Some(place) = block.0.get_mut(lane) {
                        *place = *x;
                    }
                }
            }
        }
    }

    /// Values as weights: each token of the text is an input.
    #[inline(always)]
    fn lay_out_values(self, projected: &[f32], values: &mut Vec<FullBlock>) {
        values.clear();
        for group in 0..self.size / LANES {
            let start = 2 * self.hidden + self.offset + group * LANES;
            let block = |token: &[f32]| {
                FullBlock(
                    token.get(start..).and_then(|rest| rest.first_chunk().copied()).unwrap_or([0.0; LANES]),
                )
            };
            values.extend(projected.chunks_exact(3 * self.hidden).map(block));
        }
    }
}

/// Turns scores into shares that add up to 1.
#[inline(always)]
fn soften(scores: &mut [f32], scale: f32) {
    let peak =
        scores.iter().copied().fold(f32::NEG_INFINITY, |peak, score| if score > peak { score } else { peak });
    for score in scores.iter_mut() {
        *score = exp((*score - peak) * scale);
    }
    let whole = 1.0 / crate::math::sum(scores.iter().copied());
    scores.iter_mut().for_each(|score| *score *= whole);
}
