//! Functions of many numbers, in forms that compilers turn into vector code.

use crate::layout::LANES;

/// Adding this rounds a small number to a whole one, which then lies in the lowest bits (1.5 × 2^23).
pub(crate) const ROUNDING: f32 = 12_582_912.0;

/// e to the power of `x`; exact to 2 units in the last place where the result is a normal number.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Cephes' expf: x = n ln 2 + r, and a polynomial in r.
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUNDING;
    let n = shifted - ROUNDING;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_2e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5.000_000_3e-1] {
        p = p * r + coefficient;
    }
    let value = p * r * r + r + 1.0;
    // The lowest bits of `shifted` are n; it becomes the exponent.
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    value * power
}

/// Replaces each number by its Gaussian error linear unit.
#[inline(always)]
pub(crate) fn gelu(numbers: &mut [f32]) {
    for x in numbers {
        *x *= 0.5 * (1.0 + erf(*x * std::f32::consts::FRAC_1_SQRT_2));
    }
}

/// The error function, to 2e-7 (Abramowitz and Stegun, 7.1.26).
#[inline(always)]
fn erf(x: f32) -> f32 {
    let size = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let mut p = 1.061_405_4;
    for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        p = p * t + coefficient;
    }
    (1.0 - p * t * exp(-size * size)).copysign(x)
}

/// Adds `more` to `row`, then brings it to mean 0 and variance 1, scales and shifts.
#[inline(always)]
pub(crate) fn add_and_normalise(row: &mut [f32], more: &[f32], scale: &[f32], shift: &[f32], epsilon: f32) {
    for (x, more) in row.iter_mut().zip(more) {
        *x += more;
    }
    let count = row.len() as f32;
    let mean = sum(row.iter().copied()) / count;
    let variance = sum(row.iter().map(|x| (x - mean) * (x - mean))) / count;
    let inverse = 1.0 / (variance + epsilon).sqrt();
    for ((x, scale), shift) in row.iter_mut().zip(scale).zip(shift) {
        *x = (*x - mean) * inverse * scale + shift;
    }
}

/// The sum, in 16 parts that are added at the end.
#[inline(always)]
pub(crate) fn sum(numbers: impl ExactSizeIterator<Item = f32>) -> f32 {
    let mut parts = [0.0_f32; LANES];
    let mut numbers = numbers;
    for _ in 0..numbers.len() / LANES {
        for part in &mut parts {
            *part += numbers.next().unwrap_or(0.0);
        }
    }
    parts.iter().sum::<f32>() + numbers.sum::<f32>()
}

/// The largest magnitude.
#[inline(always)]
pub(crate) fn peak(numbers: &[f32]) -> f32 {
    let mut parts = [0.0_f32; LANES];
    let (chunks, rest) = numbers.as_chunks::<LANES>();
    for chunk in chunks {
        for (part, x) in parts.iter_mut().zip(chunk) {
            let size = x.abs();
            *part = if size > *part { size } else { *part };
        }
    }
    parts.iter().copied().chain(rest.iter().map(|x| x.abs())).fold(0.0, f32::max)
}

/// Brings a vector to length 1; one of zeros stays.
pub(crate) fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_right_to_some_bits() {
        for step in -870..=880 {
            let x = step as f32 / 10.0;
            let (found, right) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((found / right - 1.0).abs() < 3e-7, "{x}: {found} for {right}");
        }
        assert!(exp(-1000.0) < 1e-37);
    }

    #[test]
    fn gelu_is_right_at_known_points() {
        for (x, right) in
            [(0.0, 0.0), (1.0, 0.841_344_8), (-1.0, -0.158_655_2), (3.0, 2.995_950_3), (-9.0, 0.0)]
        {
            let mut found = [x];
            gelu(&mut found);
            assert!((found[0] - right).abs() < 1e-6, "{x}: {} for {right}", found[0]);
        }
    }

    #[test]
    fn sums_and_peaks_leave_nothing_out() {
        let numbers: Vec<f32> = (0..37).map(|n| if n == 35 { -50.0 } else { n as f32 }).collect();
        assert_eq!(sum(numbers.iter().copied()), 666.0 - 35.0 - 50.0);
        assert_eq!(peak(&numbers), 50.0);
    }
}
