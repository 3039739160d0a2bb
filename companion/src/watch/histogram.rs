//! Quantiles out of cumulative buckets, as Prometheus estimates them.

/// Buckets by their upper bounds in ascending order, each with the count of all values up to its bound.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Buckets(Vec<(f64, f64)>);

impl Buckets {
    /// Adds to the bucket with this bound.
    pub(super) fn add(&mut self, bound: f64, count: f64) {
        match self.0.binary_search_by(|(own, _)| own.total_cmp(&bound)) {
            Ok(place) => {
                if let Some((_, own)) = self.0.get_mut(place) {
                    *own += count;
                }
            }
            Err(place) => self.0.insert(place, (bound, count)),
        }
    }

    /// Adds all counts of another with the same bounds.
    pub(super) fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|(bound, count)| self.add(*bound, *count));
    }

    /// What has been counted since `earlier`.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let began_anew = self.count() < earlier.count();
        let of = |bound: f64| {
            let found = earlier.0.iter().find(|(own, _)| *own == bound);
            found.map_or(0.0, |(_, count)| *count)
        };
        let grown = |(bound, count): &(f64, f64)| {
            (*bound, if began_anew { *count } else { (count - of(*bound)).max(0.0) })
        };
        Self(self.0.iter().map(grown).collect())
    }

    /// How many values there were.
    pub(super) fn count(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, count)| *count)
    }

    /// The value below which this share of all lies; none if there are no values.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let rank = share * self.count();
        if rank <= 0.0 {
            return None;
        }
        let (mut below, mut counted) = (0.0, 0.0);
        for (bound, count) in &self.0 {
            if *count >= rank {
                // Past the last bound nothing is known but that it is past it.
                if bound.is_infinite() {
                    return Some(below);
                }
                return Some(below + (bound - below) * (rank - counted) / (count - counted));
            }
            (below, counted) = (*bound, *count);
        }
        Some(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(counts: &[(f64, f64)]) -> Buckets {
        let mut buckets = Buckets::default();
        counts.iter().for_each(|(bound, count)| buckets.add(*bound, *count));
        buckets
    }

    #[test]
    fn quantiles_are_estimated_within_their_bucket() {
        let all = buckets(&[(f64::INFINITY, 100.0), (0.1, 50.0), (0.2, 90.0)]);
        for (share, expected) in [(0.25, 0.05), (0.5, 0.1), (0.9, 0.2), (0.7, 0.15), (0.99, 0.2)] {
            let found = all.quantile(share).unwrap();
            assert!((found - expected).abs() < 1e-9, "{share}: {found}, expected {expected}");
        }
        assert_eq!(Buckets::default().quantile(0.5), None);
        assert_eq!(buckets(&[(0.1, 0.0), (f64::INFINITY, 0.0)]).quantile(0.5), None);
    }

    #[test]
    fn what_grew_is_what_was_counted_since() {
        let earlier = buckets(&[(0.1, 5.0), (f64::INFINITY, 8.0)]);
        let later = buckets(&[(0.1, 6.0), (f64::INFINITY, 10.0)]);
        assert_eq!(later.since(&earlier), buckets(&[(0.1, 1.0), (f64::INFINITY, 2.0)]));
        // An Envoy that was restarted counts from 0.
        assert_eq!(earlier.since(&later), earlier);
        assert_eq!(later.since(&Buckets::default()), later);
    }
}
