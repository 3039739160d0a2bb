//! The kernels by vector instructions of x86-64: the only place that needs `unsafe`.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512, _mm256_fmadd_ps, _mm256_load_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_load_ps, _mm512_load_si512,
    _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_storeu_ps,
};

use super::portable::Portable;
use super::{Arithmetic, ByteTile, Kernel, MOST_TOKENS, with_constant};
use crate::encoder::{Buffers, encode as encode_by};
use crate::layout::{FullBlock, GROUP, LANES};
use crate::settings::Shape;
use crate::tokens::Tokens;
use crate::weights::Weights;

/// Whether this processor has a kernel's instructions.
pub(super) fn has(kernel: Kernel) -> bool {
    let avx2 = || is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = || {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
    };
    match kernel {
        Kernel::Portable => true,
        Kernel::Avx2 => avx2(),
        Kernel::Avx512 => avx2() && avx512(),
        Kernel::Vnni => avx2() && avx512() && is_x86_feature_detected!("avx512vnni"),
    }
}

/// The embeddings of these texts, if the kernel is one of these and its instructions are there.
pub(super) fn encode(
    kernel: Kernel,
    weights: &Weights,
    shape: &Shape,
    texts: &[&Tokens],
    buffers: &mut Buffers,
) -> Option<Vec<Vec<f32>>> {
    if !has(kernel) {
        return None;
    }
    // SAFETY (all three): the processor has the features that the function is compiled with, as `has` has just seen.
    match kernel {
        Kernel::Portable => None,
        Kernel::Avx2 => Some(unsafe { encode_avx2(weights, shape, texts, buffers) }),
        Kernel::Avx512 => Some(unsafe { encode_avx512(weights, shape, texts, buffers) }),
        Kernel::Vnni => Some(unsafe { encode_vnni(weights, shape, texts, buffers) }),
    }
}

#[target_feature(enable = "avx2,fma")]
fn encode_avx2(weights: &Weights, shape: &Shape, texts: &[&Tokens], buffers: &mut Buffers) -> Vec<Vec<f32>> {
    encode_by::<Avx2>(weights, shape, texts, buffers)
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
fn encode_avx512(
    weights: &Weights,
    shape: &Shape,
    texts: &[&Tokens],
    buffers: &mut Buffers,
) -> Vec<Vec<f32>> {
    encode_by::<Avx512>(weights, shape, texts, buffers)
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn encode_vnni(weights: &Weights, shape: &Shape, texts: &[&Tokens], buffers: &mut Buffers) -> Vec<Vec<f32>> {
    encode_by::<Vnni>(weights, shape, texts, buffers)
}

/// f32 by AVX2 and FMA.
struct Avx2;
/// f32 by AVX-512.
struct Avx512;
/// The same, and bytes by VNNI.
struct Vnni;

impl Arithmetic for Avx2 {
    // Of 16 registers, each token takes two.
    const TOKENS: usize = 6;

    fn full(inputs: &[f32], weights: &[FullBlock], sums: &mut [[f32; LANES]]) {
        // SAFETY: `Avx2` is used by `encode_avx2` only, which runs where the features are.
        unsafe { full_avx2(inputs, weights, sums) };
    }

    fn bytes(tile: &ByteTile<'_>, sums: &mut [[f32; LANES]]) {
        Portable::bytes(tile, sums);
    }
}

impl Arithmetic for Avx512 {
    const TOKENS: usize = 10;

    fn full(inputs: &[f32], weights: &[FullBlock], sums: &mut [[f32; LANES]]) {
        // SAFETY: `Avx512` is used by `encode_avx512` only, which runs where the features are.
        unsafe { full_avx512(inputs, weights, sums) };
    }

    fn bytes(tile: &ByteTile<'_>, sums: &mut [[f32; LANES]]) {
        Portable::bytes(tile, sums);
    }
}

impl Arithmetic for Vnni {
    const TOKENS: usize = MOST_TOKENS;

    fn full(inputs: &[f32], weights: &[FullBlock], sums: &mut [[f32; LANES]]) {
        // SAFETY: `Vnni` is used by `encode_vnni` only, which runs where the features are.
        unsafe { full_avx512(inputs, weights, sums) };
    }

    fn bytes(tile: &ByteTile<'_>, sums: &mut [[f32; LANES]]) {
        // SAFETY: as above.
        unsafe { bytes_vnni(tile, sums) };
    }
}

#[inline(never)]
#[target_feature(enable = "avx2,fma")]
fn full_avx2(inputs: &[f32], weights: &[FullBlock], sums: &mut [[f32; LANES]]) {
    with_constant!(sums, tile_avx2(inputs.as_chunks().0, weights), [1 2 3 4 5 6]);
}

#[inline(never)]
#[target_feature(enable = "avx512f")]
fn full_avx512(inputs: &[f32], weights: &[FullBlock], sums: &mut [[f32; LANES]]) {
    with_constant!(sums, tile_avx512(inputs.as_chunks().0, weights), [1 2 3 4 5 6 7 8 9 10 11 12 13 14]);
}

#[inline(never)]
#[target_feature(enable = "avx512f,avx512vnni")]
fn bytes_vnni(tile: &ByteTile<'_>, sums: &mut [[f32; LANES]]) {
    with_constant!(sums, tile_vnni(tile), [1 2 3 4 5 6 7 8 9 10 11 12 13 14]);
}

#[target_feature(enable = "avx2,fma")]
fn tile_avx2<const T: usize>(inputs: &[[f32; T]], weights: &[FullBlock]) -> [[f32; LANES]; T] {
    let mut sums = [[_mm256_setzero_ps(); 2]; T];
    for (inputs, weights) in inputs.iter().zip(weights) {
        let start: *const f32 = std::ptr::from_ref(weights).cast();
        // SAFETY: a block is 16 numbers, aligned to 64 bytes.
        let halves = unsafe { [_mm256_load_ps(start), _mm256_load_ps(start.add(8))] };
        for (sums, input) in sums.iter_mut().zip(inputs) {
            let input = _mm256_set1_ps(*input);
            *sums = [_mm256_fmadd_ps(input, halves[0], sums[0]), _mm256_fmadd_ps(input, halves[1], sums[1])];
        }
    }
    let mut numbers = [[0.0; LANES]; T];
    for (numbers, [low, high]) in numbers.iter_mut().zip(&sums) {
        // SAFETY: these are twice eight numbers.
        unsafe {
            _mm256_storeu_ps(numbers.as_mut_ptr(), *low);
            _mm256_storeu_ps(numbers.as_mut_ptr().add(8), *high);
        }
    }
    numbers
}

#[target_feature(enable = "avx512f")]
fn tile_avx512<const T: usize>(inputs: &[[f32; T]], weights: &[FullBlock]) -> [[f32; LANES]; T] {
    let mut sums = [_mm512_setzero_ps(); T];
    for (inputs, weights) in inputs.iter().zip(weights) {
        // SAFETY: a block is 16 numbers, aligned to 64 bytes.
        let weights = unsafe { _mm512_load_ps(std::ptr::from_ref(weights).cast()) };
        for (sum, input) in sums.iter_mut().zip(inputs) {
            *sum = _mm512_fmadd_ps(_mm512_set1_ps(*input), weights, *sum);
        }
    }
    numbers_of(&sums)
}

/// Sums and totals of 14 tokens and one block of weights are 29 of 32 registers.
#[target_feature(enable = "avx512f,avx512vnni")]
fn tile_vnni<const T: usize>(tile: &ByteTile<'_>) -> [[f32; LANES]; T] {
    let mut totals = [_mm512_setzero_ps(); T];
    let groups = tile.inputs.as_chunks::<T>().0.chunks(GROUP / 4).zip(tile.blocks.chunks(GROUP / 4));
    let scales = tile.scales.as_chunks::<T>().0.iter().zip(tile.excesses.as_chunks::<T>().0);
    for (((inputs, blocks), (scales, excesses)), steps) in groups.zip(scales).zip(tile.steps) {
        let mut sums = [_mm512_setzero_si512(); T];
        for (sum, excess) in sums.iter_mut().zip(excesses) {
            *sum = _mm512_set1_epi32(-excess);
        }
        for (inputs, weights) in inputs.iter().zip(blocks) {
            // SAFETY: a block is 64 bytes, aligned to 64.
            let weights = unsafe { _mm512_load_si512(std::ptr::from_ref(weights).cast()) };
            for (sum, input) in sums.iter_mut().zip(inputs) {
                *sum = _mm512_dpbusd_epi32(*sum, weights, _mm512_set1_epi32(*input));
            }
        }
        // SAFETY: these are 16 numbers.
        let steps = unsafe { _mm512_loadu_ps(steps.as_ptr()) };
        for ((total, sum), scale) in totals.iter_mut().zip(&sums).zip(scales) {
            let worth = _mm512_mul_ps(_mm512_set1_ps(*scale), steps);
            *total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(*sum), worth, *total);
        }
    }
    numbers_of(&totals)
}

/// The numbers in registers. (No kernel hands closures to what is compiled without its instructions: they would be calls.)
#[target_feature(enable = "avx512f")]
fn numbers_of<const T: usize>(registers: &[__m512; T]) -> [[f32; LANES]; T] {
    let mut numbers = [[0.0; LANES]; T];
    for (numbers, register) in numbers.iter_mut().zip(registers) {
        // SAFETY: these are 16 numbers.
        unsafe { _mm512_storeu_ps(numbers.as_mut_ptr(), *register) };
    }
    numbers
}
