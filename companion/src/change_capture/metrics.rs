//! What following the changes counts about itself.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use super::ended::Ended;

/// What following the changes counts about itself.
#[derive(Debug, Clone)]
pub(crate) struct CaptureMetrics {
    pub(super) up: IntGauge,
    pub(super) lag_bytes: IntGauge,
    pub(super) lag_milliseconds: IntGauge,
    pub(super) tables: IntGauge,
    pub(super) refused: IntGauge,
    pub(super) wal_bound_bytes: IntGauge,
    pub(super) commits: IntCounter,
    pub(super) records: IntCounter,
    pub(super) resets: IntCounter,
    sessions: IntCounterVec,
    purges: IntCounterVec,
}

impl CaptureMetrics {
    /// All at zero.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(format!("slipstream_change_capture_{name}"), help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(format!("slipstream_change_capture_{name}"), help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let vector = |name: &str, help: &str, values: &[&str]| {
            let options = Opts::new(format!("slipstream_change_capture_{name}"), help);
            let vector = IntCounterVec::new(options, &["outcome"])?;
            registry.register(Box::new(vector.clone()))?;
            // Every label set exists from the start, at 0: a counter born at its first count has no rate.
            for value in values {
                vector.get_metric_with_label_values(&[value])?;
            }
            Ok::<_, prometheus::Error>(vector)
        };
        Ok(Self {
            up: gauge("up", "1 while this companion follows the changes of the database.")?,
            lag_bytes: gauge("lag_bytes", "Write-ahead log that was written and not followed yet.")?,
            lag_milliseconds: gauge("lag_milliseconds", "How old what is known of the changes is.")?,
            tables: gauge("tables", "Tables whose changes are followed.")?,
            refused: gauge("refused_tables", "Tables whose changes cannot be followed.")?,
            wal_bound_bytes: gauge(
                "wal_bound_bytes",
                "The server's max_slot_wal_keep_size; -1 if a slot may fill the disk.",
            )?,
            commits: counter(
                "commits_total",
                "Commits of others that changed a followed table or a definition.",
            )?,
            records: counter("records_total", "Records published to query caches.")?,
            resets: counter("resets_total", "Changed definitions that voided all cached results.")?,
            sessions: vector("sessions_total", "Sessions that ended, by why.", &Ended::OUTCOMES)?,
            purges: vector("purges_total", "Purges of tags.", &["done", "failed"])?,
        })
    }

    pub(super) fn ended(&self, ended: &Ended) {
        self.up.set(0);
        self.sessions.with_label_values(&[ended.outcome()]).inc();
    }

    pub(super) fn purged(&self, tags: usize) {
        self.purges.with_label_values(&["done"]).inc_by(u64::try_from(tags).unwrap_or(u64::MAX));
    }

    pub(super) fn purge_failed(&self) {
        self.purges.with_label_values(&["failed"]).inc();
    }
}
