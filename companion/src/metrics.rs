//! What the companion counts about itself, for Prometheus and for `/v1/stats`.

mod connections;
mod exemplars;
mod openmetrics;
mod operation;
mod schema;
mod semantic;

use std::sync::Arc;
use std::time::Duration;

use cache_protocol::InvalidationAck;
use invalidation::Target;
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::trace::Exports;
pub(crate) use connections::ConnectionMetrics;
use exemplars::{AllExemplars, Timer};
pub(crate) use openmetrics::Format;
pub(crate) use operation::{LeaseOutcome, Operation, Outcome};
pub(crate) use schema::SchemaState;
pub(crate) use semantic::SemanticMetrics;

/// Upper bounds of the histograms' buckets, in seconds: a lookup takes some microseconds in memory, and hundreds over
/// a network; an acknowledgement takes up to a lease.
const SECONDS: [f64; 16] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0,
];

/// The histogram of how long acknowledgements take.
const ACK_DURATION: &str = "slipstream_invalidation_ack_duration_seconds";
/// How waiting for a follower ends.
const CONFIRMED: &str = "confirmed";
const EXPIRED: &str = "expired";
/// The store that knows its size without counting.
const EMBEDDED: &str = "embedded";
/// The kinds of records.
const KINDS: [&str; 5] = ["key", "tag", "prefix", "glob", "all"];

/// What the companion counts about itself.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    exemplars: AllExemplars,
    /// Lookups of responses.
    pub(crate) lookup: Operation,
    /// Stores of responses.
    pub(crate) store: Operation,
    /// Clients' connections.
    pub(crate) connections: ConnectionMetrics,
    /// The embedder and the semantic cache.
    pub(crate) semantic: SemanticMetrics,
    /// Records appended to the log.
    pub(crate) invalidate: Operation,
    invalidations: IntCounterVec,
    leases: IntCounterVec,
    lease_waiters: IntGauge,
    tasks: IntGauge,
    followers: IntGauge,
    log_position: IntGauge,
    store_ready: IntGauge,
    entries: IntGauge,
    bytes: IntGauge,
    ack_duration: Timer,
    purged: IntCounter,
    confirmations: IntCounterVec,
    exports: Arc<Exports>,
    schemas: IntGaugeVec,
}

/// What is not counted, but looked up for each scrape.
#[derive(Debug)]
pub(crate) struct Levels {
    /// Followers that hold a lease.
    pub(crate) followers: usize,
    /// Requests that wait for what another fetches.
    pub(crate) waiters: usize,
    /// Tasks of the runtime that have not ended.
    pub(crate) tasks: usize,
    /// Where the log of invalidations stands.
    pub(crate) log_position: u64,
    /// Whether the store answers.
    pub(crate) is_ready: bool,
    /// Entries and bytes in the store, where they are known without counting.
    pub(crate) usage: Option<(u64, u64)>,
}

impl Metrics {
    /// All counts at zero, for a store of this name.
    pub(crate) fn new(store: &'static str) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let operations = IntCounterVec::new(
            Opts::new("slipstream_store_operations_total", "Operations on the store, by outcome."),
            &["store", "operation", "outcome"],
        )?;
        let durations = HistogramVec::new(
            histogram(operation::DURATION, "How long operations on the store took."),
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
        let tasks = IntGauge::new("slipstream_tasks", "What is under way in the process, timers among it.")?;
        let followers = IntGauge::new("slipstream_followers", "Followers of the log that hold a lease.")?;
        let log_position = IntGauge::new(
            "slipstream_log_position",
            "The sequence number the log has reached in its epoch.",
        )?;
        let store_ready = IntGauge::with_opts(
            Opts::new("slipstream_store_ready", "1 if the store answers and may be served from, 0 if not.")
                .const_label("store", store),
        )?;
        let entries = IntGauge::new("slipstream_store_entries", "Responses in the embedded store.")?;
        let bytes =
            IntGauge::new("slipstream_store_bytes", "Bytes that the embedded store's responses take.")?;
        let acks = Histogram::with_opts(histogram(
            ACK_DURATION,
            "How long it took until every follower had confirmed an invalidation or lost its lease.",
        ))?;
        let purged = IntCounter::new(
            "slipstream_purged_entries_total",
            "Stored responses that invalidations have hit.",
        )?;
        let confirmations = IntCounterVec::new(
            Opts::new(
                "slipstream_invalidation_followers_total",
                "Followers that invalidations waited for, by how the waiting ended: confirmed or lease expired.",
            ),
            &["outcome"],
        )?;
        let exports = IntCounterVec::new(
            Opts::new("slipstream_trace_exports_total", "Batches of spans for the collector, by outcome."),
            &["outcome"],
        )?;
        let build = IntGauge::with_opts(
            Opts::new("slipstream_build_info", "Always 1; the label names the version that runs.")
                .const_label("version", env!("CARGO_PKG_VERSION")),
        )?;
        build.set(1);
        let schemas = schema::gauges()?;
        registry.register(Box::new(operations.clone()))?;
        registry.register(Box::new(durations.clone()))?;
        registry.register(Box::new(invalidations.clone()))?;
        registry.register(Box::new(leases.clone()))?;
        registry.register(Box::new(lease_waiters.clone()))?;
        registry.register(Box::new(tasks.clone()))?;
        registry.register(Box::new(followers.clone()))?;
        registry.register(Box::new(log_position.clone()))?;
        for collector in [
            Box::new(store_ready.clone()) as Box<dyn Collector>,
            Box::new(acks.clone()),
            Box::new(purged.clone()),
            Box::new(confirmations.clone()),
            Box::new(exports.clone()),
            Box::new(build),
            Box::new(schemas.clone()),
            Box::new(ProcessCollector::for_self()),
        ] {
            registry.register(collector)?;
        }
        if store == EMBEDDED {
            registry.register(Box::new(entries.clone()))?;
            registry.register(Box::new(bytes.clone()))?;
        }
        for outcome in [CONFIRMED, EXPIRED] {
            confirmations.get_metric_with_label_values(&[outcome])?;
        }
        let exports = Exports {
            sent: exports.get_metric_with_label_values(&["sent"])?,
            failed: exports.get_metric_with_label_values(&["failed"])?,
        };
        for kind in KINDS {
            invalidations.get_metric_with_label_values(&[kind])?;
        }
        for outcome in LeaseOutcome::ALL {
            leases.get_metric_with_label_values(&[outcome.label()])?;
        }
        let mut exemplars = AllExemplars::new();
        let ack_duration = Timer::new(acks, &SECONDS);
        exemplars.insert((ACK_DURATION.to_owned(), Vec::new()), ack_duration.exemplars());
        let mut operation = |name| Operation::new(&operations, &durations, &mut exemplars, store, name);
        Ok(Self {
            lookup: operation("lookup")?,
            store: operation("store")?,
            invalidate: operation("invalidate")?,
            connections: ConnectionMetrics::new(&registry)?,
            semantic: SemanticMetrics::new(&registry)?,
            registry,
            exemplars,
            invalidations,
            leases,
            lease_waiters,
            tasks,
            followers,
            log_position,
            store_ready,
            entries,
            bytes,
            ack_duration,
            purged,
            confirmations,
            exports: Arc::new(exports),
            schemas,
        })
    }

    /// Where others that count beside this register.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
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
    pub(crate) fn acknowledged(&self, ack: &InvalidationAck, took: Duration) {
        self.ack_duration.observe(took);
        self.purged.inc_by(ack.met);
        self.confirmations.with_label_values(&[CONFIRMED]).inc_by(ack.confirmed);
        self.confirmations.with_label_values(&[EXPIRED]).inc_by(ack.expired);
    }

    /// The schema of this database stands so from now on.
    pub(crate) fn schema(&self, database: &str, state: SchemaState) {
        for other in SchemaState::ALL {
            self.schemas.with_label_values(&[database, other.label()]).set(i64::from(other == state));
        }
    }

    /// What became of traces that were to be sent.
    pub(crate) fn exports(&self) -> Arc<Exports> {
        Arc::clone(&self.exports)
    }

    /// Everything in a text format.
    pub(crate) fn render(&self, levels: &Levels, format: Format) -> Result<String, prometheus::Error> {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.followers.set(i64::try_from(levels.followers).unwrap_or(i64::MAX));
        self.lease_waiters.set(i64::try_from(levels.waiters).unwrap_or(i64::MAX));
        self.tasks.set(i64::try_from(levels.tasks).unwrap_or(i64::MAX));
        self.log_position.set(whole(levels.log_position));
        self.store_ready.set(i64::from(levels.is_ready));
        if let Some((entries, bytes)) = levels.usage {
            self.entries.set(whole(entries));
            self.bytes.set(whole(bytes));
        }
        let families = self.registry.gather();
        match format {
            Format::Prometheus => TextEncoder::new().encode_to_string(&families),
            Format::OpenMetrics => Ok(openmetrics::encode(&families, &self.exemplars)),
        }
    }
}

fn histogram(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(SECONDS.to_vec())
}
