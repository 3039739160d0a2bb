//! The kernels: the same encoder, by different instructions.

mod portable;
pub(crate) mod product;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::encoder::Buffers;
use crate::layout::{ByteBlock, FullBlock, LANES};
use crate::settings::Shape;
use crate::tokens::Tokens;
use crate::weights::Weights;

/// Which instructions an encoder uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Whatever the compiler makes of plain code, in f32.
    Portable,
    /// AVX2 and FMA, in f32.
    Avx2,
    /// AVX-512, in f32.
    Avx512,
    /// AVX-512 VNNI: weights and activations of 8 bits, scaled for every 64 inputs of each output and token.
    Vnni,
}

impl Kernel {
    /// All there are, the most exact first.
    pub const ALL: [Self; 4] = [Self::Portable, Self::Avx2, Self::Avx512, Self::Vnni];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Vnni => "avx512-vnni-int8",
        }
    }

    /// Whether this processor has its instructions.
    pub fn is_there(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return x86::has(self);
        #[cfg(not(target_arch = "x86_64"))]
        return self == Self::Portable;
    }

    /// Whether it works on weights of 8 bits.
    pub fn in_bytes(self) -> bool {
        self == Self::Vnni
    }

    /// The embeddings of these texts. A kernel whose instructions are not there is replaced by the portable one.
    pub(crate) fn encode(
        self,
        weights: &Weights,
        shape: &Shape,
        texts: &[&Tokens],
        buffers: &mut Buffers,
    ) -> Vec<Vec<f32>> {
        #[cfg(target_arch = "x86_64")]
        if let Some(embeddings) = x86::encode(self, weights, shape, texts, buffers) {
            return embeddings;
        }
        crate::encoder::encode::<portable::Portable>(weights, shape, texts, buffers)
    }
}

/// The products that everything else is made of: some tokens by 16 outputs.
pub(crate) trait Arithmetic {
    /// The most tokens that are worked on at a time; [`MOST_TOKENS`] at most.
    const TOKENS: usize;

    /// For each of `sums.len()` tokens the sums over all inputs of input × weight. The tokens lie side by side in `inputs`,
    /// for one weight after the other.
    fn full(inputs: &[f32], weights: &[FullBlock], sums: &mut [[f32; LANES]]);

    /// The same for four inputs at a time, as signed bytes in an `i32`, and weights without a sign: whole numbers within a
    /// [`GROUP`](crate::layout::GROUP) of inputs, f32 across them.
    fn bytes(tile: &ByteTile<'_>, sums: &mut [[f32; LANES]]);
}

/// Some tokens and 16 outputs, in bytes.
pub(crate) struct ByteTile<'a> {
    /// Four inputs of each token, side by side, for one block of weights after the other.
    pub(crate) inputs: &'a [i32],
    pub(crate) blocks: &'a [ByteBlock],
    /// What one step of each token's inputs is worth, for one group of inputs after the other.
    pub(crate) scales: &'a [f32],
    /// What each token's sum over a group is too large by, for the weights are 128 too large.
    pub(crate) excesses: &'a [i32],
    /// What one step of each output's weights is worth, for one group of inputs after the other.
    pub(crate) steps: &'a [[f32; LANES]],
}

/// The most tokens that a kernel has registers for.
pub(crate) const MOST_TOKENS: usize = 14;

/// Calls a function with the number of tokens as a constant, so that their sums stay in registers, and copies these out.
macro_rules! with_constant {
    ($sums:ident, $function:ident $arguments:tt, [$($tokens:literal)*]) => {
        match $sums.len() {
            $($tokens => $sums.copy_from_slice(&$function::<$tokens> $arguments),)*
            _ => {}
        }
    };
}
pub(crate) use with_constant;
