//! How sure a share is that was seen in a few samples.

/// The upper end of the one-sided 95 % interval of Clopper and Pearson: with this share, so few would be seen in 5 of 100
/// cases only. 1 where nothing was seen.
pub fn upper_bound(seen: u64, samples: u64) -> f64 {
    if samples == 0 || seen >= samples {
        return 1.0;
    }
    bisect(|share| at_most(seen, samples, share) > 0.05)
}

/// The lower end of that interval: with this share, so many would be seen in 5 of 100 cases only.
pub(crate) fn lower_bound(seen: u64, samples: u64) -> f64 {
    match seen.checked_sub(1) {
        Some(fewer) if samples > 0 => bisect(|share| 1.0 - at_most(fewer, samples, share) < 0.05),
        _ => 0.0,
    }
}

/// Where a condition that holds for small shares ceases to.
fn bisect(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if holds(middle) { low = middle } else { high = middle }
    }
    high
}

/// How likely at most so many of the samples are hit, if each is with this chance.
fn at_most(seen: u64, samples: u64, share: f64) -> f64 {
    if share <= 0.0 {
        return 1.0;
    }
    if share >= 1.0 {
        return 0.0;
    }
    let odds = share.ln() - (-share).ln_1p();
    let mut term = samples as f64 * (-share).ln_1p();
    let mut sum = term.exp();
    for number in 0..seen {
        term += ((samples - number) as f64 / (number + 1) as f64).ln() + odds;
        sum += term.exp();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_tables() {
        for (seen, samples, upper, lower) in [
            (0, 10, 0.258_9, 0.0),
            (0, 300, 0.009_94, 0.0),
            (1, 10, 0.394_2, 0.005_116),
            (5, 100, 0.102_3, 0.019_9),
            (3, 3, 1.0, 0.368_4),
            (0, 0, 1.0, 0.0),
        ] {
            assert!(
                (upper_bound(seen, samples) - upper).abs() < 1e-4,
                "{seen} of {samples}: {}",
                upper_bound(seen, samples)
            );
            assert!(
                (lower_bound(seen, samples) - lower).abs() < 1e-4,
                "{seen} of {samples}: {}",
                lower_bound(seen, samples)
            );
        }
    }
}
