//! Where one block ends and the next begins.

use super::sequences::Histogram;
use super::symbols::{OFFSETS, SYMBOLS};

/// Roughly the bits of a block's head.
const HEAD_BITS: u64 = 560;
/// Parts of a bit.
const SCALE: u64 = 1 << 8;

/// Whether what was counted last is so different from what was counted before that two codes are shorter than one, by more
/// than the head of another block.
pub fn is_different(before: &Histogram, last: &Histogram) -> bool {
    let symbols = saved(before.symbols.first(SYMBOLS), last.symbols.first(SYMBOLS));
    let offsets = saved(before.offsets.first(OFFSETS), last.offsets.first(OFFSETS));
    symbols + offsets > HEAD_BITS * SCALE
}

fn saved(before: &[u32], last: &[u32]) -> u64 {
    let together = entropy(before.iter().zip(last).map(|(before, last)| before + last));
    together.saturating_sub(entropy(before.iter().copied()) + entropy(last.iter().copied()))
}

/// Bits that the best code takes for symbols that occur so often: for each, the logarithm of all by itself.
fn entropy(frequencies: impl Iterator<Item = u32>) -> u64 {
    let (mut total, mut sum) = (0, 0);
    for frequency in frequencies {
        total += frequency;
        sum += u64::from(frequency) * log2(frequency);
    }
    u64::from(total) * log2(total) - sum
}

/// The logarithm, in parts of a bit; between powers of two by a parabola that is off by less than a hundredth.
fn log2(number: u32) -> u64 {
    let Some(whole) = number.checked_ilog2() else { return 0 };
    let fraction = ((u64::from(number) << 16) >> whole) & 0xffff;
    // x + 0.344 x (1 - x)
    let bow = (fraction * (0x1_0000 - fraction)) >> 16;
    let fraction = (fraction + bow * 22_544 / 0x1_0000) >> 8;
    u64::from(whole) * SCALE + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(bytes: impl Iterator<Item = u8>) -> Histogram {
        let mut histogram = Histogram::new();
        histogram.count_literals(&bytes.collect::<Vec<_>>());
        histogram
    }

    #[test]
    fn parts_are_different_if_two_codes_pay_for_another_head() {
        let digits = |count: usize| counted((0..count).map(|number| b'0' + (number % 10) as u8));
        let letters = |count: usize| counted((0..count).map(|number| b'a' + (number % 16) as u8));
        for (before, last, expected) in [
            (digits(5_000), digits(2_000), false),
            (digits(5_000), letters(2_000), true),
            (letters(300), digits(5_000), true),
            // Too few to pay for it.
            (digits(5_000), letters(60), false),
            (digits(5_000), Histogram::new(), false),
        ] {
            assert_eq!(is_different(&before, &last), expected);
        }
        // Offsets count too.
        let (mut near, mut far) = (digits(100), digits(100));
        for _ in 0..1_000 {
            near.count_match(5, 4);
            far.count_match(5, 30_000);
        }
        assert!(is_different(&near, &far));
    }

    #[test]
    fn logarithms_are_off_by_less_than_a_hundredth() {
        for number in 1..100_000_u32 {
            let exact = f64::from(number).log2();
            let found = log2(number) as f64 / SCALE as f64;
            assert!((found - exact).abs() < 0.015, "log2 of {number}: {found}, not {exact}");
        }
    }
}
