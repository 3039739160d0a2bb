//! What two readings of all sources, some time apart, come to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::histogram::Buckets;
use super::reading::{Levels, Reading, RouteCounts, RouteName};
use super::source::Kind;

/// How one source is.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SourceState {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    /// Whether its last scrape succeeded.
    pub(crate) up: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// Rates of a route, or of all, over the window. Shares are of 1; what is not known is not there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Rows {
    pub(crate) requests_per_second: f64,
    pub(crate) failed_share: Option<f64>,
    pub(crate) p50_seconds: Option<f64>,
    pub(crate) p95_seconds: Option<f64>,
    pub(crate) p99_seconds: Option<f64>,
    pub(crate) hit_ratio: Option<f64>,
    pub(crate) saved_bytes_per_second: f64,
}

/// One route's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RouteRow {
    pub(crate) service: String,
    pub(crate) route: String,
    #[serde(flatten)]
    pub(crate) rates: Rows,
}

/// What is going on.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Overview {
    /// Over how long rates were taken; 0 while there is one reading only.
    pub(crate) window_seconds: f64,
    pub(crate) sources: Vec<SourceState>,
    pub(crate) total: Rows,
    /// The busiest first.
    pub(crate) routes: Vec<RouteRow>,
    /// Lookups of Envoys per second, by what they came to.
    pub(crate) lookups_per_second: BTreeMap<String, f64>,
    pub(crate) l1_bytes: Option<f64>,
    pub(crate) l1_entries: Option<f64>,
    pub(crate) store_operations_per_second: f64,
    pub(crate) store_ready: Option<bool>,
    pub(crate) followers: Option<f64>,
    pub(crate) invalidations_per_second: f64,
    /// None where there is no semantic cache.
    pub(crate) semantic_hits_per_second: Option<f64>,
    /// Clients of the connection pool; none where there is no pool.
    pub(crate) pool_active: Option<f64>,
    pub(crate) pool_waiting: Option<f64>,
}

/// What has grown between two readings, summed over sources.
#[derive(Debug, Default)]
pub(super) struct Growth {
    routes: BTreeMap<RouteName, RouteCounts>,
    lookups: BTreeMap<String, f64>,
    store_operations: f64,
    invalidations: f64,
    semantic_hits: Option<f64>,
    levels: Levels,
}

/// How much a counter has grown; one that has begun anew, from 0.
fn grown(now: f64, before: f64) -> f64 {
    if now < before { now } else { now - before }
}

impl Growth {
    /// Adds the levels of a source, and what it has counted since `before`.
    pub(super) fn add(&mut self, now: &Reading, before: Option<&Reading>) {
        add_levels(&mut self.levels, &now.levels);
        if now.semantic_hits.is_some() {
            self.semantic_hits.get_or_insert_default();
        }
        // Who has just come has not counted all of it within the window.
        let Some(before) = before else { return };
        let nothing = RouteCounts::default();
        for (name, now) in &now.routes {
            let before = before.routes.get(name).unwrap_or(&nothing);
            let sum = self.routes.entry(name.clone()).or_default();
            sum.requests += grown(now.requests, before.requests);
            sum.failed += grown(now.failed, before.failed);
            sum.hits += grown(now.hits, before.hits);
            sum.misses += grown(now.misses, before.misses);
            sum.saved_bytes += grown(now.saved_bytes, before.saved_bytes);
            sum.durations.add_all(&now.durations.since(&before.durations));
        }
        for (outcome, now) in &now.lookups {
            let before = before.lookups.get(outcome).copied().unwrap_or_default();
            *self.lookups.entry(outcome.clone()).or_default() += grown(*now, before);
        }
        self.store_operations += grown(now.store_operations, before.store_operations);
        self.invalidations += grown(now.invalidations, before.invalidations);
        if let (Some(sum), Some(now)) = (&mut self.semantic_hits, now.semantic_hits) {
            *sum += grown(now, before.semantic_hits.unwrap_or_default());
        }
    }

    /// What that comes to over so many seconds.
    pub(super) fn over(self, seconds: f64, sources: Vec<SourceState>) -> Overview {
        let rate = |count: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
        let mut all = RouteCounts::default();
        let mut durations = Buckets::default();
        for route in self.routes.values() {
            all.requests += route.requests;
            all.failed += route.failed;
            all.hits += route.hits;
            all.misses += route.misses;
            all.saved_bytes += route.saved_bytes;
            durations.add_all(&route.durations);
        }
        all.durations = durations;
        let row = |((service, route), counts): (RouteName, RouteCounts)| RouteRow {
            service,
            route,
            rates: rates(&counts, rate),
        };
        let mut routes: Vec<RouteRow> = self.routes.into_iter().map(row).collect();
        routes.sort_by(|a, b| b.rates.requests_per_second.total_cmp(&a.rates.requests_per_second));
        let Levels { l1_bytes, l1_entries, followers, store_ready, pool_active, pool_waiting } = self.levels;
        Overview {
            window_seconds: seconds,
            sources,
            total: rates(&all, rate),
            routes,
            lookups_per_second: self.lookups.into_iter().map(|(name, count)| (name, rate(count))).collect(),
            l1_bytes,
            l1_entries,
            store_operations_per_second: rate(self.store_operations),
            store_ready: store_ready.map(|ready| ready > 0.0),
            followers,
            invalidations_per_second: rate(self.invalidations),
            semantic_hits_per_second: self.semantic_hits.map(rate),
            pool_active,
            pool_waiting,
        }
    }
}

fn rates(counts: &RouteCounts, rate: impl Fn(f64) -> f64) -> Rows {
    let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    Rows {
        requests_per_second: rate(counts.requests),
        failed_share: share(counts.failed, counts.requests),
        p50_seconds: counts.durations.quantile(0.5),
        p95_seconds: counts.durations.quantile(0.95),
        p99_seconds: counts.durations.quantile(0.99),
        hit_ratio: share(counts.hits, counts.hits + counts.misses),
        saved_bytes_per_second: rate(counts.saved_bytes),
    }
}

fn add_levels(sum: &mut Levels, more: &Levels) {
    let add = |sum: &mut Option<f64>, more: Option<f64>| {
        if let Some(more) = more {
            *sum.get_or_insert_default() += more;
        }
    };
    add(&mut sum.l1_bytes, more.l1_bytes);
    add(&mut sum.l1_entries, more.l1_entries);
    add(&mut sum.followers, more.followers);
    add(&mut sum.pool_active, more.pool_active);
    add(&mut sum.pool_waiting, more.pool_waiting);
    // All of them must be.
    if let Some(ready) = more.store_ready {
        sum.store_ready = Some(sum.store_ready.map_or(ready, |own| own.min(ready)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(requests: u32, failed: u32, hits: u32) -> Reading {
        let text = format!(
            "# TYPE http_requests_total counter\n\
             http_requests_total{{service=\"s\",route=\"r\",status=\"200\"}} {requests}\n\
             http_requests_total{{service=\"s\",route=\"r\",status=\"500\"}} {failed}\n\
             # TYPE opt004_cache_hits_total counter\n\
             opt004_cache_hits_total{{service=\"s\",route=\"r\"}} {hits}\n\
             # TYPE opt004_cache_misses_total counter\n\
             opt004_cache_misses_total{{service=\"s\",route=\"r\"}} 5\n"
        );
        Reading::parse(&text).unwrap()
    }

    #[test]
    fn rates_are_what_grew_in_the_window_over_all_sources() {
        for (name, before, now, requests, failed, hits) in [
            ("grown", Some(reading(10, 0, 0)), reading(25, 5, 30), 10.0, Some(0.25), Some(1.0)),
            ("restarted", Some(reading(100, 9, 9)), reading(3, 1, 5), 2.0, Some(0.25), Some(1.0)),
            ("idle", Some(reading(10, 0, 0)), reading(10, 0, 0), 0.0, None, None),
            ("just come", None, reading(100, 9, 9), 0.0, None, None),
        ] {
            let mut growth = Growth::default();
            growth.add(&now, before.as_ref());
            let overview = growth.over(2.0, Vec::new());
            let total = &overview.total;
            assert_eq!(
                (total.requests_per_second, total.failed_share, total.hit_ratio),
                (requests, failed, hits),
                "{name}"
            );
            if let Some(row) = overview.routes.first() {
                assert_eq!(&row.rates, total, "{name}");
            }
        }
        let mut growth = Growth::default();
        growth.add(&reading(20, 0, 0), Some(&reading(10, 0, 0)));
        growth.add(&reading(40, 0, 0), Some(&reading(10, 0, 0)));
        assert_eq!(growth.over(4.0, Vec::new()).total.requests_per_second, 10.0);
    }
}
