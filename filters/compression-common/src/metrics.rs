//! What is counted.

use metric_model::{GroupId, GroupSpec, HistogramSpec, Metrics, SetId};
use slipstream_host::SharedLabelSets;
use slipstream_host::metrics::Exporter;

/// The metrics and how they get to Envoy.
#[derive(Debug)]
pub struct Counted {
    metrics: Metrics,
    exporter: Exporter,
    outcomes: GroupId,
    savings: GroupId,
    work: GroupId,
    requests: GroupId,
    mistakes: GroupId,
}

/// What encoding a body has come to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Bytes before.
    pub original: u64,
    /// Bytes after.
    pub size: u64,
    /// Nanoseconds that it took.
    pub ns: u64,
}

/// Compressed responses that are counted alike.
#[derive(Clone, Copy, Debug)]
pub struct Alike {
    outcome: SetId,
    work: SetId,
    savings: SetId,
    is_timed: bool,
}

/// How a response was compressed, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Whole.
    Buffer,
    /// Piece by piece.
    Stream,
    /// By somebody else.
    Observe,
}

impl How {
    const fn as_str(self) -> &'static str {
        match self {
            How::Buffer => "buffer",
            How::Stream => "stream",
            How::Observe => "observe",
        }
    }
}

/// Percent.
const RATIO_BOUNDS: [u64; 10] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 95];
/// Bytes.
const SAVINGS_BOUNDS: [u64; 8] = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000];
/// Microseconds.
const SECONDS_BOUNDS: [u64; 10] = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000];

impl Counted {
    /// Nothing counted yet.
    pub fn new(max_label_sets: usize) -> Counted {
        let mut metrics = Metrics::shared(max_label_sets, SharedLabelSets::default());
        let outcomes = metrics.group(GroupSpec {
            labels: &["service", "route", "outcome"],
            counters: &["slipstream_compression_total"],
            histograms: Vec::new(),
        });
        let savings = metrics.group(GroupSpec {
            labels: &["service", "route"],
            counters: &[],
            histograms: vec![
                HistogramSpec::whole("opt001_compression_ratio_percent", &RATIO_BOUNDS),
                HistogramSpec::whole("opt001_compression_savings_bytes", &SAVINGS_BOUNDS),
            ],
        });
        let work = metrics.group(GroupSpec {
            labels: &["service", "route", "coding", "mode"],
            counters: &[
                "slipstream_compression_responses_total",
                "slipstream_compression_in_bytes_total",
                "slipstream_compression_out_bytes_total",
            ],
            histograms: vec![HistogramSpec::seconds("slipstream_compression_seconds", &SECONDS_BOUNDS)],
        });
        let requests = metrics.group(GroupSpec {
            labels: &["service", "route", "outcome"],
            counters: &["slipstream_decompression_total"],
            histograms: Vec::new(),
        });
        let mistakes = metrics.group(GroupSpec {
            labels: &[],
            counters: &["slipstream_config_errors_total"],
            histograms: Vec::new(),
        });
        Counted { metrics, exporter: Exporter::default(), outcomes, savings, work, requests, mistakes }
    }

    /// What became of a response.
    pub fn outcome(&mut self, service: &str, route: &str, outcome: &str) {
        let set =
            self.metrics.set(self.outcomes, &[service.as_bytes(), route.as_bytes(), outcome.as_bytes()]);
        self.metrics.add(set, 0, 1);
    }

    /// What became of a request that was to be decompressed.
    pub fn request(&mut self, service: &str, route: &str, outcome: &str) {
        let labels = [service.as_bytes(), route.as_bytes(), outcome.as_bytes()];
        let set = self.metrics.set(self.requests, &labels);
        self.metrics.add(set, 0, 1);
    }

    /// The responses that were compressed like this. To look that up once is quicker than for each.
    pub fn alike(&mut self, service: &str, route: &str, coding: &str, how: How) -> Alike {
        let (service, route) = (service.as_bytes(), route.as_bytes());
        let work = [service, route, coding.as_bytes(), how.as_str().as_bytes()];
        Alike {
            outcome: self.metrics.set(self.outcomes, &[service, route, b"compressed"]),
            work: self.metrics.set(self.work, &work),
            savings: self.metrics.set(self.savings, &[service, route]),
            is_timed: how != How::Observe,
        }
    }

    /// That a response was compressed, what its bytes came to, and the time that it took, if that is known.
    pub fn compressed(&mut self, alike: &Alike, work: &Work) {
        self.metrics.add(alike.outcome, 0, 1);
        self.metrics.add(alike.work, 0, 1);
        self.metrics.add(alike.work, 1, work.original);
        self.metrics.add(alike.work, 2, work.size);
        if alike.is_timed {
            self.metrics.observe(alike.work, 0, work.ns.div_ceil(1_000));
        }
        let saved = work.original.saturating_sub(work.size);
        let percent = saved.saturating_mul(100).saturating_add(work.original / 2);
        self.metrics.observe(alike.savings, 0, percent.checked_div(work.original).unwrap_or(0));
        self.metrics.observe(alike.savings, 1, saved);
    }

    /// Hands over to Envoy what was counted, and `mistakes` that were found in routes' metadata.
    pub fn export(&mut self, mistakes: u64) {
        if mistakes > 0 {
            let set = self.metrics.set(self.mistakes, &[]);
            self.metrics.add(set, 0, mistakes);
        }
        self.exporter.export(&mut self.metrics);
    }
}
