//! Medians and spreads.

/// The middle of several values, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The greatest.
    pub most: f64,
}

impl Spread {
    /// None of no values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Some(Spread { median, least, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        let spread = |median, least, most| Some(Spread { median, least, most });
        let cases = [
            (vec![], None),
            (vec![3.0], spread(3.0, 3.0, 3.0)),
            (vec![9.0, 1.0, 2.0], spread(2.0, 1.0, 9.0)),
            (vec![10.0, 1.0, 2.0, 4.0], spread(3.0, 1.0, 10.0)),
        ];
        for (values, expected) in cases {
            assert_eq!(Spread::of(values.clone()), expected, "{values:?}");
        }
    }
}
