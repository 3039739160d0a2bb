//! What the companion counts about itself, for Prometheus and for `/v1/stats`.

mod semantic;

use std::time::Duration;

use invalidation::Target;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

use crate::store::Claim;
pub(crate) use semantic::SemanticMetrics;

/// Upper bounds of the histograms' buckets, in seconds: a lookup takes some microseconds in memory, and hundreds over
/// a network; an acknowledgement takes up to a lease.
const SECONDS: [f64; 16] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0,
];

/// The kinds of records.
const KINDS: [&str; 5] = ["key", "tag", "prefix", "glob", "all"];

/// How an operation on the store went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A lookup found a valid entry.
    Hit,
    /// A lookup found an entry that a soft invalidation has hit.
    Stale,
    /// A lookup found nothing.
    Miss,
    /// A lookup found an entry that was invalidated.
    Invalidated,
    /// A lookup found an entry that cannot be read.
    Damaged,
    /// An entry was stored.
    Stored,
    /// A store came too late: an invalidation was faster, or another epoch began.
    Refused,
    /// An invalidation was recorded.
    Recorded,
    /// The store did not answer.
    Error,
}

/// What became of a wish to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaseOutcome {
    /// It got the lease.
    Lead,
    /// Another had it.
    Wait,
    /// There was none to get, or waiting for it took too long.
    Pass,
    /// A lease that others waited for ended without a store: it ran out, or was released at another companion.
    Expired,
    /// The store did not answer.
    Error,
}

impl LeaseOutcome {
    const ALL: [Self; 5] = [Self::Lead, Self::Wait, Self::Pass, Self::Expired, Self::Error];

    fn label(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Wait => "wait",
            Self::Pass => "pass",
            Self::Expired => "expired",
            Self::Error => "error",
        }
    }
}

impl From<Claim> for LeaseOutcome {
    fn from(claim: Claim) -> Self {
        match claim {
            Claim::Lead(_) => Self::Lead,
            Claim::Wait => Self::Wait,
            Claim::Pass => Self::Pass,
        }
    }
}

/// One operation on the store: how often it had each outcome, and how long it took.
#[derive(Debug)]
pub(crate) struct Operation {
    outcomes: [(Outcome, IntCounter); 9],
    duration: Histogram,
}

impl Operation {
    /// One more operation, which took this long.
    pub(crate) fn record(&self, outcome: Outcome, took: Duration) {
        self.duration.observe(took.as_secs_f64());
        for (_, counter) in self.outcomes.iter().filter(|(counted, _)| *counted == outcome) {
            counter.inc();
        }
    }

    /// How many operations had this outcome.
    pub(crate) fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes
            .iter()
            .filter(|(counted, _)| *counted == outcome)
            .map(|(_, counter)| counter.get())
            .sum()
    }
}

/// What the companion counts about itself.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// Lookups of responses.
    pub(crate) lookup: Operation,
    /// Stores of responses.
    pub(crate) store: Operation,
    /// Records appended to the log.
    pub(crate) invalidate: Operation,
    /// The embedder and the semantic cache.
    pub(crate) semantic: SemanticMetrics,
    invalidations: IntCounterVec,
    leases: IntCounterVec,
    lease_waiters: IntGauge,
    followers: IntGauge,
    log_position: IntGauge,
    ack_duration: Histogram,
}

impl Metrics {
    /// All counts at zero, for a store of this name.
    pub(crate) fn new(store: &str) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let operations = IntCounterVec::new(
            Opts::new("slipstream_store_operations_total", "Operations on the store, by outcome."),
            &["store", "operation", "outcome"],
        )?;
        let durations = HistogramVec::new(
            histogram(
                "slipstream_store_operation_duration_seconds",
                "How long operations on the store took.",
            ),
            &["store", "operation"],
        )?;
        let invalidations = IntCounterVec::new(
            Opts::new(
                "slipstream_invalidations_total",
                "Records appended to the log by this companion, by kind.",
            ),
            &["kind"],
        )?;
        let leases = IntCounterVec::new(
            Opts::new("slipstream_leases_total", "Wishes to fetch what others may wait for, by outcome."),
            &["outcome"],
        )?;
        let lease_waiters =
            IntGauge::new("slipstream_lease_waiters", "Requests that wait for what another fetches.")?;
        let followers = IntGauge::new("slipstream_followers", "Followers of the log that hold a lease.")?;
        let log_position = IntGauge::new(
            "slipstream_log_position",
            "The sequence number the log has reached in its epoch.",
        )?;
        let ack_duration = Histogram::with_opts(histogram(
            "slipstream_invalidation_ack_duration_seconds",
            "How long it took until every follower had confirmed an invalidation or lost its lease.",
        ))?;
        let build = IntGauge::with_opts(
            Opts::new("slipstream_build_info", "Always 1; the label names the version that runs.")
                .const_label("version", env!("CARGO_PKG_VERSION")),
        )?;
        build.set(1);
        registry.register(Box::new(operations.clone()))?;
        registry.register(Box::new(durations.clone()))?;
        registry.register(Box::new(invalidations.clone()))?;
        registry.register(Box::new(leases.clone()))?;
        registry.register(Box::new(lease_waiters.clone()))?;
        registry.register(Box::new(followers.clone()))?;
        registry.register(Box::new(log_position.clone()))?;
        registry.register(Box::new(ack_duration.clone()))?;
        registry.register(Box::new(build))?;
        for kind in KINDS {
            invalidations.get_metric_with_label_values(&[kind])?;
        }
        for outcome in LeaseOutcome::ALL {
            leases.get_metric_with_label_values(&[outcome.label()])?;
        }
        let operation = |name: &str| operation(&operations, &durations, store, name);
        Ok(Self {
            lookup: operation("lookup")?,
            store: operation("store")?,
            invalidate: operation("invalidate")?,
            semantic: SemanticMetrics::new(&registry)?,
            registry,
            invalidations,
            leases,
            lease_waiters,
            followers,
            log_position,
            ack_duration,
        })
    }

    /// A record was appended for this target.
    pub(crate) fn invalidated(&self, target: &Target) {
        self.invalidations.with_label_values(&[target.kind()]).inc();
    }

    /// How many records were appended by this companion.
    pub(crate) fn invalidations(&self) -> u64 {
        KINDS.iter().map(|kind| self.invalidations.with_label_values(&[kind]).get()).sum()
    }

    /// One more wish to fetch came to this.
    pub(crate) fn lease(&self, outcome: LeaseOutcome) {
        self.leases.with_label_values(&[outcome.label()]).inc();
    }

    /// An invalidation was acknowledged after this time.
    pub(crate) fn acknowledged(&self, took: Duration) {
        self.ack_duration.observe(took.as_secs_f64());
    }

    /// Everything in Prometheus' text format; the gauges as they are given.
    pub(crate) fn render(
        &self,
        followers: usize,
        waiters: usize,
        log_position: u64,
    ) -> Result<Vec<u8>, prometheus::Error> {
        self.followers.set(i64::try_from(followers).unwrap_or(i64::MAX));
        self.lease_waiters.set(i64::try_from(waiters).unwrap_or(i64::MAX));
        self.log_position.set(i64::try_from(log_position).unwrap_or(i64::MAX));
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

fn operation(
    operations: &IntCounterVec,
    durations: &HistogramVec,
    store: &str,
    name: &str,
) -> Result<Operation, prometheus::Error> {
    // Every label set exists from the start, at 0: a counter born at its first count has no rate.
    let counter = |outcome: Outcome, label: &str| {
        operations.get_metric_with_label_values(&[store, name, label]).map(|counter| (outcome, counter))
    };
    Ok(Operation {
        outcomes: [
            counter(Outcome::Hit, "hit")?,
            counter(Outcome::Stale, "stale")?,
            counter(Outcome::Miss, "miss")?,
            counter(Outcome::Invalidated, "invalidated")?,
            counter(Outcome::Damaged, "damaged")?,
            counter(Outcome::Stored, "stored")?,
            counter(Outcome::Refused, "refused")?,
            counter(Outcome::Recorded, "recorded")?,
            counter(Outcome::Error, "error")?,
        ],
        duration: durations.get_metric_with_label_values(&[store, name])?,
    })
}

fn histogram(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(SECONDS.to_vec())
}
