//! What is counted about the embedder and the semantic cache.

use prometheus::{Gauge, IntCounterVec, IntGauge, Opts, Registry};

use crate::semantic::{Stats, UNAVAILABLE, Verdict};

/// What is counted about the embedder and the semantic cache.
#[derive(Debug)]
pub(crate) struct SemanticMetrics {
    lookups: IntCounterVec,
    entries: IntGauge,
    bytes: IntGauge,
    verified: IntGauge,
    false_hits: Gauge,
    false_hits_at_most: Gauge,
    waiting: IntGauge,
}

impl SemanticMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let lookups = IntCounterVec::new(
            Opts::new("slipstream_semantic_lookups_total", "Lookups of questions, by what they came to."),
            &["verdict"],
        )?;
        registry.register(Box::new(lookups.clone()))?;
        for verdict in Verdict::ALL.map(Verdict::name).into_iter().chain([UNAVAILABLE]) {
            lookups.get_metric_with_label_values(&[verdict])?;
        }
        let whole = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let share = |name: &str, help: &str| {
            let gauge = Gauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        Ok(Self {
            lookups,
            entries: whole("slipstream_semantic_entries", "Answers in the semantic cache.")?,
            bytes: whole("slipstream_semantic_bytes", "What they take in memory.")?,
            verified: whole(
                "slipstream_semantic_verified_hits",
                "Would-be hits that the service was asked about and that the estimate looks back on.",
            )?,
            false_hits: share(
                "slipstream_semantic_false_hit_ratio",
                "The share of them that it did not agree with.",
            )?,
            false_hits_at_most: share(
                "slipstream_semantic_false_hit_ratio_upper_bound",
                "What the share of wrong hits is below with 95 % confidence.",
            )?,
            waiting: whole("slipstream_embedder_waiting_texts", "Texts that wait to be embedded.")?,
        })
    }

    /// One more lookup came to this.
    pub(crate) fn looked_up(&self, verdict: Verdict) {
        self.lookups.with_label_values(&[verdict.name()]).inc();
    }

    /// One more lookup had no embedding, or nowhere to look.
    pub(crate) fn could_not_look_up(&self) {
        self.lookups.with_label_values(&[UNAVAILABLE]).inc();
    }

    /// What there is just now.
    pub(crate) fn observe(&self, stats: Option<&Stats>, waiting: usize) {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.waiting.set(whole(waiting as u64));
        let Some(stats) = stats else { return };
        self.entries.set(whole(stats.entries as u64));
        self.bytes.set(whole(stats.bytes));
        self.verified.set(whole(stats.verified));
        self.false_hits.set(stats.false_hits);
        self.false_hits_at_most.set(stats.false_hits_at_most);
    }
}
