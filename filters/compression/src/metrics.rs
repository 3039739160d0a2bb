//! What the filter counts.

use metric_model::{GroupId, GroupSpec, HistogramSpec, Metrics};
use slipstream_host::metrics::Exporter;

/// The filter's metrics and how they get to Envoy.
#[derive(Debug)]
pub struct Counted {
    metrics: Metrics,
    exporter: Exporter,
    outcomes: GroupId,
    savings: GroupId,
    mistakes: GroupId,
}

/// Percent.
const RATIO_BOUNDS: [u64; 10] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 95];
/// Bytes.
const SAVINGS_BOUNDS: [u64; 8] = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000];

impl Counted {
    /// Nothing counted yet.
    pub fn new(max_label_sets: usize) -> Counted {
        let mut metrics = Metrics::new(max_label_sets);
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
        let mistakes = metrics.group(GroupSpec {
            labels: &[],
            counters: &["slipstream_config_errors_total"],
            histograms: Vec::new(),
        });
        Counted { metrics, exporter: Exporter::default(), outcomes, savings, mistakes }
    }

    /// What became of a response.
    pub fn outcome(&mut self, service: &str, route: &str, outcome: &str) {
        let set =
            self.metrics.set(self.outcomes, &[service.as_bytes(), route.as_bytes(), outcome.as_bytes()]);
        self.metrics.add(set, 0, 1);
    }

    /// By how much a response was made smaller. Sizes are in bytes.
    pub fn savings(&mut self, service: &str, route: &str, original: usize, size: usize) {
        let set = self.metrics.set(self.savings, &[service.as_bytes(), route.as_bytes()]);
        let (original, saved) = (original as u64, original.saturating_sub(size) as u64);
        let percent = (saved * 100 + original / 2).checked_div(original).unwrap_or(0);
        self.metrics.observe(set, 0, percent);
        self.metrics.observe(set, 1, saved);
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
