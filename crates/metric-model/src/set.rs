//! What one label set has counted, and what it still owes to the host.

use crate::spec::{GroupSpec, Unit};
use crate::{GroupId, Series};

#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) group: GroupId,
    /// Encoded labels.
    labels: String,
    /// The number of its first series.
    first_series: usize,
    /// Whether the host knows every series.
    announced: bool,
    /// Whether it stands in the list of those that have something to hand over.
    pub(crate) listed: bool,
    /// Added since the last [`Set::settle`]: the counters, then for each histogram its buckets (each value in one
    /// of them only) and the sum in the observed unit.
    counted: Box<[u64]>,
    /// For each histogram what is left of the sum below one of the exposed unit.
    carried: Box<[u64]>,
    /// Not yet handed over, a number a series.
    owed: Box<[u64]>,
}

impl Set {
    pub(crate) fn new(
        group: GroupId,
        spec: &GroupSpec,
        labels: String,
        first_series: usize,
        series: usize,
    ) -> Set {
        let observed: usize = spec.histograms.iter().map(|histogram| histogram.bounds.len() + 2).sum();
        Set {
            group,
            labels,
            first_series,
            announced: false,
            listed: false,
            counted: vec![0; spec.counters.len() + observed].into(),
            carried: vec![0; spec.histograms.len()].into(),
            owed: vec![0; series].into(),
        }
    }

    /// Adds to one of the numbers counted; `at` counts from the first counter.
    pub(crate) fn add(&mut self, at: usize, n: u64) {
        debug_assert!(at < self.counted.len(), "no such counter or histogram");
        if let Some(counted) = self.counted.get_mut(at) {
            *counted = counted.saturating_add(n);
        }
    }

    /// Turns what has been counted into what is owed.
    pub(crate) fn settle(&mut self, spec: &GroupSpec) {
        let mut counted = self.counted.iter_mut().map(std::mem::take);
        let mut series = self.owed.iter_mut();
        let mut owe = |delta: u64| {
            if let Some(owed) = series.next() {
                *owed = owed.saturating_add(delta);
            }
        };
        counted.by_ref().take(spec.counters.len()).for_each(&mut owe);
        for (histogram, carried) in spec.histograms.iter().zip(&mut self.carried) {
            let mut count = 0_u64;
            for bucket in counted.by_ref().take(histogram.bounds.len() + 1) {
                count = count.saturating_add(bucket);
                owe(count);
            }
            owe(count);
            let sum = counted.next().unwrap_or(0);
            let with_rest = sum.saturating_add(*carried);
            owe(with_rest / histogram.unit.per_base());
            *carried = with_rest % histogram.unit.per_base();
            if histogram.unit == Unit::Microseconds {
                owe(sum);
            }
        }
    }

    /// Offers each series that is owed something, or that the host may not know yet. Returns whether all were taken.
    pub(crate) fn hand_over(
        &mut self,
        names: &[String],
        take: &mut impl FnMut(Series<'_>, u64) -> bool,
    ) -> bool {
        let mut all_taken = true;
        for (index, (owed, name)) in (self.first_series..).zip(self.owed.iter_mut().zip(names)) {
            if *owed == 0 && self.announced {
                continue;
            }
            if take(Series { index, labels: &self.labels, name }, *owed) {
                *owed = 0;
            } else {
                all_taken = false;
            }
        }
        self.announced |= all_taken;
        all_taken
    }
}
