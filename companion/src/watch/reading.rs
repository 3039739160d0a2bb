//! One scrape, as far as it is looked at.

use std::collections::BTreeMap;

use prometheus_parse::{Sample, Scrape, Value};

use super::histogram::Buckets;

/// The counters of a route.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct RouteCounts {
    pub(super) requests: f64,
    pub(super) failed: f64,
    pub(super) hits: f64,
    pub(super) misses: f64,
    pub(super) saved_bytes: f64,
    pub(super) durations: Buckets,
}

/// Service and route.
pub(super) type RouteName = (String, String);

/// Levels that only some have.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Levels {
    pub(super) l1_bytes: Option<f64>,
    pub(super) l1_entries: Option<f64>,
    pub(super) followers: Option<f64>,
    pub(super) store_ready: Option<f64>,
    pub(super) pool_active: Option<f64>,
    pub(super) pool_waiting: Option<f64>,
}

/// What one Envoy or companion has counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reading {
    pub(super) routes: BTreeMap<RouteName, RouteCounts>,
    /// Lookups of Envoys by what they came to.
    pub(super) lookups: BTreeMap<String, f64>,
    /// Operations on the companion's store.
    pub(super) store_operations: f64,
    pub(super) invalidations: f64,
    pub(super) semantic_hits: Option<f64>,
    pub(super) levels: Levels,
}

impl Reading {
    /// Reads Prometheus' text format.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // Envoy writes `{}` where there are no labels, which is right but too much for the parser.
        let lines = text.lines().map(|line| Ok(line.replacen("{} ", " ", 1)));
        let scrape = Scrape::parse(lines).map_err(|error| format!("not in Prometheus' format: {error}"))?;
        let mut reading = Self::default();
        scrape.samples.iter().for_each(|sample| reading.take(sample));
        Ok(reading)
    }

    fn take(&mut self, sample: &Sample) {
        let number = match &sample.value {
            Value::Counter(number) | Value::Gauge(number) | Value::Untyped(number) if number.is_finite() => {
                *number
            }
            // The filters' histograms are counters, and the companion's are not shown.
            _ => return,
        };
        let label = |name: &str| sample.labels.get(name).unwrap_or_default();
        let levels = &mut self.levels;
        match sample.metric.as_str() {
            "http_requests_total" => {
                let route = self.route(sample);
                route.requests += number;
                if label("status").starts_with('5') {
                    route.failed += number;
                }
            }
            "http_request_duration_seconds_bucket" => {
                let bound = label("le");
                let bound = if bound == "+Inf" { Ok(f64::INFINITY) } else { bound.parse() };
                if let Ok(bound) = bound {
                    self.route(sample).durations.add(bound, number);
                }
            }
            "opt004_cache_hits_total" => self.route(sample).hits += number,
            "opt004_cache_misses_total" => self.route(sample).misses += number,
            "opt001_compression_savings_bytes_sum" => self.route(sample).saved_bytes += number,
            "slipstream_cache_lookups_total" => {
                *self.lookups.entry(label("outcome").to_owned()).or_default() += number;
            }
            "slipstream_store_operations_total" => self.store_operations += number,
            "slipstream_invalidations_total" => self.invalidations += number,
            "opt007_semantic_cache_hits_total" => *self.semantic_hits.get_or_insert_default() += number,
            "slipstream_cache_l1_bytes" => *levels.l1_bytes.get_or_insert_default() += number,
            "slipstream_cache_l1_entries" => *levels.l1_entries.get_or_insert_default() += number,
            "slipstream_followers" => levels.followers = Some(number),
            "slipstream_store_ready" => levels.store_ready = Some(number),
            "slipstream_pgbouncer_pool_clients" => match label("state") {
                "active" => *levels.pool_active.get_or_insert_default() += number,
                "waiting" => *levels.pool_waiting.get_or_insert_default() += number,
                _ => {}
            },
            _ => {}
        }
    }

    fn route(&mut self, sample: &Sample) -> &mut RouteCounts {
        let label = |name: &str| sample.labels.get(name).unwrap_or_default().to_owned();
        self.routes.entry((label("service"), label("route"))).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_envoy_and_the_companion_write() {
        let text = "# TYPE http_requests_total counter\n\
            http_requests_total{service=\"shop\",route=\"items\",method=\"GET\",status=\"200\"} 7\n\
            http_requests_total{service=\"shop\",route=\"items\",method=\"GET\",status=\"503\"} 2\n\
            # TYPE http_request_duration_seconds_bucket counter\n\
            http_request_duration_seconds_bucket{service=\"shop\",route=\"items\",le=\"0.5\"} 8\n\
            http_request_duration_seconds_bucket{service=\"shop\",route=\"items\",le=\"+Inf\"} 9\n\
            # TYPE slipstream_cache_l1_bytes gauge\n\
            slipstream_cache_l1_bytes{} 100\n\
            envoy_server_live{} 1\n\
            # TYPE slipstream_pgbouncer_pool_clients gauge\n\
            slipstream_pgbouncer_pool_clients{database=\"a\",state=\"active\"} 3\n\
            slipstream_pgbouncer_pool_clients{database=\"b\",state=\"active\"} 4\n";
        let reading = Reading::parse(text).unwrap();
        let items = &reading.routes[&("shop".to_owned(), "items".to_owned())];
        assert_eq!((items.requests, items.failed, items.durations.count()), (9.0, 2.0, 9.0));
        assert_eq!(reading.levels.l1_bytes, Some(100.0));
        assert_eq!((reading.levels.pool_active, reading.levels.pool_waiting), (Some(7.0), None));
        assert_eq!(reading.semantic_hits, None);
    }
}
