//! What a cache counts about itself, for Prometheus.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

/// Upper bounds of the buckets in seconds: a hit takes a microsecond or two, a slow query seconds.
const SECONDS: [f64; 18] = [
    0.000_001,
    0.000_002_5,
    0.000_005,
    0.000_01,
    0.000_05,
    0.000_1,
    0.000_5,
    0.001,
    0.002_5,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    1.0,
    2.5,
    10.0,
];

/// What stands for a label past the cap.
const OTHER: &str = "other";

/// What a cache counts about itself.
#[derive(Debug)]
pub(crate) struct Metrics {
    durations: HistogramVec,
    hits: IntCounterVec,
    misses: IntCounterVec,
    bypasses: IntCounterVec,
    pub(crate) errors: IntCounterVec,
    pub(crate) classifications: IntCounter,
    pub(crate) stored_bytes: IntGauge,
    known: Mutex<HashSet<(String, String)>>,
    max_label_sets: usize,
}

/// The counters of one query.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    pub(crate) local_hits: IntCounter,
    pub(crate) shared_hits: IntCounter,
    pub(crate) flight_hits: IntCounter,
    pub(crate) misses: IntCounter,
    pub(crate) hit_duration: Histogram,
    pub(crate) miss_duration: Histogram,
    pub(crate) bypass_duration: Histogram,
}

impl Metrics {
    /// All at zero. Metrics that are there already, from another cache, are counted beside what this one counts.
    pub(crate) fn new(registry: &Registry, max_label_sets: usize) -> Result<Self, prometheus::Error> {
        let options = HistogramOpts::new(
            "opt005_db_query_duration_seconds",
            "How long queries took, by whether they were answered from the cache.",
        );
        let durations = HistogramVec::new(options.buckets(SECONDS.to_vec()), &["query", "table", "result"])?;
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        registry.register(Box::new(durations.clone()))?;
        let stored_bytes = IntGauge::new(
            "slipstream_query_cache_stored_bytes",
            "What the results in this process take, in bytes.",
        )?;
        registry.register(Box::new(stored_bytes.clone()))?;
        let classifications = IntCounter::new(
            "slipstream_query_cache_classifications_total",
            "How often the catalogue was asked what a statement reads.",
        )?;
        registry.register(Box::new(classifications.clone()))?;
        Ok(Self {
            durations,
            hits: counters(
                "opt005_db_query_cache_hits_total",
                "Queries answered from the cache: of this process (local), of all (shared), or with what another request read (flight).",
                &["query", "table", "level"],
            )?,
            misses: counters(
                "opt005_db_query_cache_misses_total",
                "Queries that could be cached and went to the database.",
                &["query", "table"],
            )?,
            bypasses: counters(
                "slipstream_query_cache_bypasses_total",
                "Queries that went past the cache, by why.",
                &["reason"],
            )?,
            errors: counters(
                "slipstream_query_cache_errors_total",
                "Faults of the cache that were survived, by where.",
                &["where"],
            )?,
            classifications,
            stored_bytes,
            known: Mutex::new(HashSet::new()),
            max_label_sets,
        })
    }

    /// A query went past the cache.
    pub(crate) fn bypass(&self, reason: &str) {
        self.bypasses.with_label_values(&[reason]).inc();
    }

    /// The counters of a query that reads these tables.
    pub(crate) fn meters(&self, query: &str, tables: &str) -> Meters {
        let pair = (query.to_owned(), tables.to_owned());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = known.contains(&pair) || known.len() < self.max_label_sets;
        let (query, tables) = if fits { (query, tables) } else { (OTHER, OTHER) };
        if fits {
            known.insert(pair);
        }
        let hits = |level| self.hits.with_label_values(&[query, tables, level]);
        let duration = |result| self.durations.with_label_values(&[query, tables, result]);
        Meters {
            local_hits: hits("local"),
            shared_hits: hits("shared"),
            flight_hits: hits("flight"),
            misses: self.misses.with_label_values(&[query, tables]),
            hit_duration: duration("hit"),
            miss_duration: duration("miss"),
            bypass_duration: duration("bypass"),
        }
    }
}
