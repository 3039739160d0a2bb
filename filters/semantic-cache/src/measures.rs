//! What the filter counts.

use metric_model::{GroupId, GroupSpec, HistogramSpec, Metrics};
use slipstream_host::SharedLabelSets;
use slipstream_host::metrics::{Exporter, Gauge};

const HITS: usize = 0;
const MISSES: usize = 1;
const SIMILARITY: usize = 0;
const LATENCY: usize = 1;

/// Thousandths.
const SIMILARITY_BOUNDS: [u64; 10] = [500, 600, 700, 800, 850, 900, 925, 950, 975, 1_000];
/// Microseconds: a lookup takes one embedding, some milliseconds on a busy machine.
const LATENCY_BOUNDS_US: [u64; 11] =
    [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000, 125_000, 250_000, 1_000_000];

/// Whose request it was.
#[derive(Clone, Copy)]
pub struct Labels<'a> {
    /// The service.
    pub service: &'a str,
    /// The route's name.
    pub route: &'a str,
}

/// All metrics of the filter.
pub struct Measures {
    metrics: Metrics,
    exporter: Exporter,
    requests: GroupId,
    lookups: GroupId,
    bypasses: GroupId,
    refusals: GroupId,
    stores: GroupId,
    mistakes: GroupId,
    recording: Gauge,
}

/// How a lookup ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Something serves.
    Hit,
    /// Nothing does.
    Miss,
    /// Something would, and the service is asked all the same.
    Verify,
    /// Something would, and the client wants the service's own answer.
    Forced,
    /// What serves cannot be read.
    Damaged,
    /// The companion did not answer, or could not.
    Failed,
    /// The companion has failed too often and is being left alone.
    Skipped,
}

impl Lookup {
    const ALL: [Lookup; 7] = [
        Lookup::Hit,
        Lookup::Miss,
        Lookup::Verify,
        Lookup::Forced,
        Lookup::Damaged,
        Lookup::Failed,
        Lookup::Skipped,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Lookup::Hit => "hit",
            Lookup::Miss => "miss",
            Lookup::Verify => "verify",
            Lookup::Forced => "forced",
            Lookup::Damaged => "damaged",
            Lookup::Failed => "failed",
            Lookup::Skipped => "skipped",
        }
    }
}

/// What became of an answer that was handed to the companion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// It is stored.
    Stored,
    /// One of its sources was invalidated meanwhile.
    Invalidated,
    /// The companion refused it.
    Refused,
    /// It could not be handed over.
    Failed,
}

impl Store {
    const ALL: [Store; 4] = [Store::Stored, Store::Invalidated, Store::Refused, Store::Failed];

    const fn as_str(self) -> &'static str {
        match self {
            Store::Stored => "stored",
            Store::Invalidated => "invalidated",
            Store::Refused => "refused",
            Store::Failed => "failed",
        }
    }
}

impl Measures {
    /// No counts yet.
    pub fn new(max_label_sets: usize) -> Measures {
        let mut metrics = Metrics::shared(max_label_sets, SharedLabelSets::default());
        let mut counter =
            |labels, counters| metrics.group(GroupSpec { labels, counters, histograms: Vec::new() });
        let lookups = counter(&["outcome"], &["slipstream_semantic_filter_lookups_total"]);
        let bypasses = counter(&["service", "route", "reason"], &["slipstream_semantic_bypasses_total"]);
        let refusals = counter(&["service", "route", "reason"], &["slipstream_semantic_not_stored_total"]);
        let stores = counter(&["outcome"], &["slipstream_semantic_stores_total"]);
        let mistakes = counter(&[], &["slipstream_config_errors_total"]);
        let requests = metrics.group(GroupSpec {
            labels: &["service", "route"],
            counters: &["opt007_semantic_cache_hits_total", "opt007_semantic_cache_misses_total"],
            histograms: vec![
                HistogramSpec::share("opt007_semantic_cache_similarity", &SIMILARITY_BOUNDS),
                HistogramSpec::seconds("opt007_semantic_cache_latency_seconds", &LATENCY_BOUNDS_US),
            ],
        });
        // Known from the start, so that rates see the first of each.
        for outcome in Lookup::ALL {
            metrics.set(lookups, &[outcome.as_str().as_bytes()]);
        }
        for outcome in Store::ALL {
            metrics.set(stores, &[outcome.as_str().as_bytes()]);
        }
        metrics.set(mistakes, &[]);
        Measures {
            metrics,
            exporter: Exporter::default(),
            requests,
            lookups,
            bypasses,
            refusals,
            stores,
            mistakes,
            recording: Gauge::new("slipstream_semantic_recording_bytes"),
        }
    }

    /// A question was answered by a like one's answer.
    pub fn hit(&mut self, labels: Labels<'_>, similarity: f64, latency_ns: u64) {
        let set = self.metrics.set(self.requests, &[labels.service.as_bytes(), labels.route.as_bytes()]);
        self.metrics.add(set, HITS, 1);
        // A number of no sense becomes 0.
        self.metrics.observe(set, SIMILARITY, (similarity.clamp(0.0, 1.0) * 1_000.0).round() as u64);
        self.metrics.observe(set, LATENCY, latency_ns / 1_000);
    }

    /// A question went to the service.
    pub fn missed(&mut self, labels: Labels<'_>, latency_ns: u64) {
        let set = self.metrics.set(self.requests, &[labels.service.as_bytes(), labels.route.as_bytes()]);
        self.metrics.add(set, MISSES, 1);
        self.metrics.observe(set, LATENCY, latency_ns / 1_000);
    }

    /// A lookup ended.
    pub fn looked_up(&mut self, outcome: Lookup) {
        self.count(self.lookups, &[outcome.as_str().as_bytes()], 1);
    }

    /// A request went past the cache.
    pub fn bypassed(&mut self, labels: Labels<'_>, reason: &str) {
        let labels = [labels.service.as_bytes(), labels.route.as_bytes(), reason.as_bytes()];
        self.count(self.bypasses, &labels, 1);
    }

    /// An answer was not stored.
    pub fn not_stored(&mut self, labels: Labels<'_>, reason: &str) {
        let labels = [labels.service.as_bytes(), labels.route.as_bytes(), reason.as_bytes()];
        self.count(self.refusals, &labels, 1);
    }

    /// An answer was handed to the companion, or could not be.
    pub fn stored(&mut self, outcome: Store) {
        self.count(self.stores, &[outcome.as_str().as_bytes()], 1);
    }

    /// Hands over to Envoy what has been counted, the mistakes in routes' metadata, and what is held of answers now.
    pub fn export(&mut self, mistakes: u64, recording_bytes: usize) {
        self.count(self.mistakes, &[], mistakes);
        // A gauge that Envoy refuses is set again the next time.
        let _ = self.recording.set(recording_bytes as u64);
        self.exporter.export(&mut self.metrics);
    }

    fn count(&mut self, group: GroupId, labels: &[&[u8]], n: u64) {
        if n > 0 {
            let set = self.metrics.set(group, labels);
            self.metrics.add(set, 0, n);
        }
    }
}
