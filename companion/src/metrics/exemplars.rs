//! Histograms that remember, for each of their buckets, a request whose trace shows how such a value came about.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus::Histogram;

use crate::trace;

/// A value that was observed, and the trace it was observed in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Exemplar {
    pub(super) trace_id: u128,
    pub(super) value: f64,
    pub(super) at: SystemTime,
}

/// The last exemplar of each bucket of a histogram.
#[derive(Debug, Default)]
pub(super) struct Exemplars(Mutex<Vec<Option<Exemplar>>>);

impl Exemplars {
    /// The exemplar of a bucket, by its place.
    pub(super) fn of(&self, bucket: usize) -> Option<Exemplar> {
        let exemplars = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        exemplars.get(bucket).copied().flatten()
    }

    fn keep(&self, bucket: usize, buckets: usize, exemplar: Exemplar) {
        let mut exemplars = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        exemplars.resize(buckets, None);
        if let Some(place) = exemplars.get_mut(bucket) {
            *place = Some(exemplar);
        }
    }
}

/// The exemplars of all histograms, by metric and the values of its labels.
pub(super) type AllExemplars = BTreeMap<(String, Vec<String>), Arc<Exemplars>>;

/// A histogram of times, with exemplars.
#[derive(Debug)]
pub(crate) struct Timer {
    histogram: Histogram,
    bounds: &'static [f64],
    exemplars: Arc<Exemplars>,
}

impl Timer {
    /// A histogram with these upper bounds, in seconds.
    pub(super) fn new(histogram: Histogram, bounds: &'static [f64]) -> Self {
        Self { histogram, bounds, exemplars: Arc::default() }
    }

    pub(super) fn exemplars(&self) -> Arc<Exemplars> {
        Arc::clone(&self.exemplars)
    }

    /// Something took this long.
    pub(crate) fn observe(&self, took: Duration) {
        let value = took.as_secs_f64();
        self.histogram.observe(value);
        if let Some(trace_id) = trace::recorded() {
            let bucket = self.bounds.partition_point(|bound| *bound < value);
            let exemplar = Exemplar { trace_id, value, at: SystemTime::now() };
            self.exemplars.keep(bucket, self.bounds.len() + 1, exemplar);
        }
    }
}
