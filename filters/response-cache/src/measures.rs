//! What the filter counts.

use crate::l1::L1;
use metric_model::{GroupId, GroupSpec, HistogramSpec, Metrics, SetId};
use slipstream_host::SharedLabelSets;
use slipstream_host::metrics::{Exporter, Gauge};

const HITS: usize = 0;
const MISSES: usize = 1;
const LATENCY: usize = 0;

/// Microseconds: an L1 hit takes tens, a lookup in the companion hundreds.
const LATENCY_BUCKETS_US: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000];

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
    /// By [`Lookup`], in its order.
    lookups: [SetId; Lookup::ALL.len()],
    bypasses: GroupId,
    refusals: GroupId,
    stores: GroupId,
    invalidations: GroupId,
    validations: GroupId,
    stale_served: GroupId,
    refreshes: GroupId,
    mistakes: GroupId,
    l1_bytes: Gauge,
    l1_entries: Gauge,
}

impl Measures {
    /// No counts yet.
    pub fn new(max_label_sets: usize) -> Measures {
        let mut metrics = Metrics::shared(max_label_sets, SharedLabelSets::default());
        let mut counter =
            |labels, counters| metrics.group(GroupSpec { labels, counters, histograms: Vec::new() });
        let lookups = counter(&["outcome"], &["slipstream_cache_lookups_total"]);
        let bypasses = counter(&["service", "route", "reason"], &["slipstream_cache_bypasses_total"]);
        let refusals = counter(&["service", "route", "reason"], &["slipstream_cache_not_stored_total"]);
        let stores = counter(&["outcome"], &["slipstream_cache_stores_total"]);
        let invalidations = counter(&["outcome"], &["slipstream_cache_invalidations_total"]);
        let validations = counter(&["outcome"], &["slipstream_cache_validations_total"]);
        let stale_served = counter(&["reason"], &["slipstream_cache_stale_served_total"]);
        let refreshes = counter(&["outcome"], &["slipstream_cache_refreshes_total"]);
        let mistakes = counter(&[], &["slipstream_config_errors_total"]);
        let requests = metrics.group(GroupSpec {
            labels: &["service", "route", "method"],
            counters: &["opt004_cache_hits_total", "opt004_cache_misses_total"],
            histograms: vec![HistogramSpec::seconds("opt004_cache_latency_seconds", &LATENCY_BUCKETS_US)],
        });
        // Known from the start, so that rates see the first of each.
        let lookups = Lookup::ALL.map(|outcome| metrics.set(lookups, &[outcome.as_str().as_bytes()]));
        for outcome in [DELIVERED, UNDELIVERED] {
            metrics.set(invalidations, &[outcome]);
        }
        for outcome in [SENT, NOT_SENT] {
            metrics.set(stores, &[outcome]);
        }
        for outcome in [NOT_MODIFIED, MODIFIED] {
            metrics.set(validations, &[outcome]);
        }
        for reason in StaleReason::ALL {
            metrics.set(stale_served, &[reason.as_str().as_bytes()]);
        }
        for outcome in [ANSWERED, UNANSWERED] {
            metrics.set(refreshes, &[outcome]);
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
            invalidations,
            validations,
            stale_served,
            refreshes,
            mistakes,
            l1_bytes: Gauge::new("slipstream_cache_l1_bytes"),
            l1_entries: Gauge::new("slipstream_cache_l1_entries"),
        }
    }

    /// Where requests with these labels are counted.
    pub fn of_requests(&mut self, labels: Labels<'_>, head: bool) -> SetId {
        let method: &[u8] = if head { b"HEAD" } else { b"GET" };
        self.metrics.set(self.requests, &[labels.service.as_bytes(), labels.route.as_bytes(), method])
    }

    /// A request was answered from the cache, or not, this long after it came.
    pub fn answered(&mut self, of: SetId, hit: bool, latency_ns: u64) {
        self.metrics.add(of, if hit { HITS } else { MISSES }, 1);
        self.metrics.observe(of, LATENCY, latency_ns / 1_000);
    }

    /// A lookup ended.
    pub fn looked_up(&mut self, outcome: Lookup) {
        if let Some(set) = self.lookups.get(outcome as usize) {
            self.metrics.add(*set, 0, 1);
        }
    }

    /// A request went past the cache.
    pub fn bypassed(&mut self, labels: Labels<'_>, reason: &str) {
        self.count(
            self.bypasses,
            &[labels.service.as_bytes(), labels.route.as_bytes(), reason.as_bytes()],
            1,
        );
    }

    /// A response was not stored.
    pub fn not_stored(&mut self, labels: Labels<'_>, reason: &str) {
        self.count(
            self.refusals,
            &[labels.service.as_bytes(), labels.route.as_bytes(), reason.as_bytes()],
            1,
        );
    }

    /// A response was handed to the companion, or could not be.
    pub fn stored(&mut self, sent: bool) {
        self.count(self.stores, &[if sent { SENT } else { NOT_SENT }], 1);
    }

    /// An invalidation was acknowledged, or could not be delivered.
    pub fn invalidated(&mut self, delivered: bool) {
        self.count(self.invalidations, &[if delivered { DELIVERED } else { UNDELIVERED }], 1);
    }

    /// The origin was asked whether a stored response is still good, and said that it is, or sent another.
    pub fn validated(&mut self, not_modified: bool) {
        self.count(self.validations, &[if not_modified { NOT_MODIFIED } else { MODIFIED }], 1);
    }

    /// A stale response was served.
    pub fn stale_served(&mut self, reason: StaleReason) {
        self.count(self.stale_served, &[reason.as_str().as_bytes()], 1);
    }

    /// A refresh in the background has been answered, or has not.
    pub fn refreshed(&mut self, answered: bool) {
        self.count(self.refreshes, &[if answered { ANSWERED } else { UNANSWERED }], 1);
    }

    /// Mistakes in routes' metadata.
    pub fn mistaken(&mut self, mistakes: u64) {
        self.count(self.mistakes, &[], mistakes);
    }

    /// Hands over to Envoy what has been counted, and what L1 holds now.
    pub fn export(&mut self, l1: &L1) {
        // A gauge that Envoy refuses is set again the next time.
        let _ = self.l1_bytes.set(l1.bytes());
        let _ = self.l1_entries.set(l1.len() as u64);
        self.exporter.export(&mut self.metrics);
    }

    fn count(&mut self, group: GroupId, labels: &[&[u8]], n: u64) {
        if n > 0 {
            let set = self.metrics.set(group, labels);
            self.metrics.add(set, 0, n);
        }
    }
}

const NOT_MODIFIED: &[u8] = b"not_modified";
const MODIFIED: &[u8] = b"modified";
const ANSWERED: &[u8] = b"answered";
const UNANSWERED: &[u8] = b"unanswered";
const SENT: &[u8] = b"sent";
const NOT_SENT: &[u8] = b"not-sent";
const DELIVERED: &[u8] = b"delivered";
const UNDELIVERED: &[u8] = b"undelivered";

/// Why a stale response was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleReason {
    /// Its origin failed.
    Error,
    /// It is being refreshed.
    Revalidating,
    /// The client takes stale responses.
    MaxStale,
}

impl StaleReason {
    const ALL: [StaleReason; 3] = [StaleReason::Error, StaleReason::Revalidating, StaleReason::MaxStale];

    fn as_str(self) -> &'static str {
        match self {
            StaleReason::Error => "error",
            StaleReason::Revalidating => "revalidating",
            StaleReason::MaxStale => "max-stale",
        }
    }
}

/// How a lookup ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Found in the VM.
    L1,
    /// Found at the companion.
    L2,
    /// Found when another request for it had been answered.
    Collapsed,
    /// Found nowhere.
    Miss,
    /// Found, but no longer fresh, or not fresh enough for the client.
    Stale,
    /// The client wanted the origin's answer.
    Forced,
    /// The companion's answer was damaged.
    Damaged,
    /// The companion did not answer, or could not.
    Failed,
    /// The companion has failed too often and is being left alone.
    Skipped,
}

impl Lookup {
    const ALL: [Lookup; 9] = [
        Lookup::L1,
        Lookup::L2,
        Lookup::Collapsed,
        Lookup::Miss,
        Lookup::Stale,
        Lookup::Forced,
        Lookup::Damaged,
        Lookup::Failed,
        Lookup::Skipped,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Lookup::L1 => "l1",
            Lookup::L2 => "l2",
            Lookup::Collapsed => "collapsed",
            Lookup::Miss => "miss",
            Lookup::Stale => "stale",
            Lookup::Forced => "forced",
            Lookup::Damaged => "damaged",
            Lookup::Failed => "failed",
            Lookup::Skipped => "skipped",
        }
    }
}
