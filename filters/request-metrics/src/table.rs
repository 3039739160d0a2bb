//! What is counted of a request, and where.

use crate::config::Config;
use crate::labels::Status;
use metric_model::{GroupId, GroupSpec, HistogramSpec, Metrics, SetId, encode_label};
use slipstream_host::SharedLabelSets;
use slipstream_host::metrics::{Exporter, Gauge};

/// Name of the counter of requests that could not be counted because Envoy told nothing of them.
const UNREAD: &str = "slipstream_requests_unread_total";
/// Name of the counter of mistakes in routes' metadata, which all filters have.
const CONFIG_ERRORS: &str = "slipstream_config_errors_total";
/// Name of the gauge of requests that are not over.
const IN_FLIGHT: &str = "slipstream_http_requests_in_flight";

const REQUESTS: usize = 0;

const DURATION: usize = 0;
const REQUEST_SIZE: usize = 1;
const RESPONSE_SIZE: usize = 2;

/// A request that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The label `method`.
    pub method: &'static [u8],
    /// Envoy's name of the route; empty if it has none.
    pub route: &'a [u8],
    /// The label `status`.
    pub status: Status,
    /// Nanoseconds from the request's headers to the end of the response.
    pub duration_ns: u64,
    /// Nanoseconds that the service took, if that is known.
    pub upstream_ns: Option<u64>,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the response's body.
    pub response_bytes: u64,
    /// The label `error_type`, if it failed.
    pub error: Option<&'static str>,
    /// The label `cache_status`, if a cache dealt with it.
    pub cache_status: Option<&'static [u8]>,
    /// The cluster; empty if it was not asked for, or the route leads to none.
    pub cluster: &'a [u8],
}

/// All that this VM counts.
pub struct Table {
    service: Option<Vec<u8>>,
    metrics: Metrics,
    requests: GroupId,
    upstream: GroupId,
    errors: GroupId,
    cache: GroupId,
    own: SetId,
    in_flight: Gauge,
    exporter: Exporter,
}

impl Table {
    /// An empty table.
    pub fn new(config: Config) -> Table {
        let mut metrics = Metrics::shared(config.max_label_sets, SharedLabelSets::default());
        let requests = metrics.group(GroupSpec {
            labels: &["service", "route", "method", "status"],
            counters: &["http_requests_total"],
            histograms: vec![
                HistogramSpec::seconds("http_request_duration_seconds", &config.duration_bounds_us),
                HistogramSpec::whole("http_request_size_bytes", &config.size_bounds),
                HistogramSpec::whole("http_response_size_bytes", &config.size_bounds),
            ],
        });
        let upstream = metrics.group(GroupSpec {
            labels: &["service", "route"],
            counters: &[],
            histograms: vec![HistogramSpec::seconds(
                "slipstream_http_upstream_duration_seconds",
                &config.duration_bounds_us,
            )],
        });
        let errors = metrics.group(GroupSpec {
            labels: &["service", "route", "error_type"],
            counters: &["slipstream_http_errors_total"],
            histograms: Vec::new(),
        });
        let cache = metrics.group(GroupSpec {
            labels: &["service", "route", "cache_status"],
            counters: &["slipstream_http_cache_status_total"],
            histograms: Vec::new(),
        });
        let own = metrics.group(GroupSpec {
            labels: &[],
            counters: &[UNREAD, CONFIG_ERRORS],
            histograms: Vec::new(),
        });
        let own = metrics.set(own, &[]);
        let mut in_flight = String::new();
        if let Some(service) = &config.service {
            encode_label("service", service.as_bytes(), &mut in_flight);
        }
        in_flight.push_str(IN_FLIGHT);
        let service = config.service.unwrap_or_default();
        for set in &config.label_sets_at_start {
            let status = Status::new(Some(set.status.into()));
            metrics.set(
                requests,
                &[service.as_bytes(), set.route.as_bytes(), set.method.as_bytes(), status.as_bytes()],
            );
        }
        let service = (!service.is_empty()).then(|| service.into_bytes());
        let (in_flight, exporter) = (Gauge::new(in_flight), Exporter::default());
        Table { service, metrics, requests, upstream, errors, cache, own, in_flight, exporter }
    }

    /// Counts a request.
    pub fn count(&mut self, request: &Request<'_>) {
        let service = self.service.as_deref().unwrap_or(request.cluster);
        let labels = [service, request.route, request.method, request.status.as_bytes()];
        let set = self.metrics.set(self.requests, &labels);
        self.metrics.add(set, REQUESTS, 1);
        self.metrics.observe(set, DURATION, microseconds(request.duration_ns));
        self.metrics.observe(set, REQUEST_SIZE, request.request_bytes);
        self.metrics.observe(set, RESPONSE_SIZE, request.response_bytes);
        if let Some(upstream_ns) = request.upstream_ns {
            let set = self.metrics.set(self.upstream, &[service, request.route]);
            self.metrics.observe(set, DURATION, microseconds(upstream_ns));
        }
        if let Some(error) = request.error {
            let set = self.metrics.set(self.errors, &[service, request.route, error.as_bytes()]);
            self.metrics.add(set, 0, 1);
        }
        if let Some(status) = request.cache_status {
            let set = self.metrics.set(self.cache, &[service, request.route, status]);
            self.metrics.add(set, 0, 1);
        }
    }

    /// Counts a request of which nothing could be read.
    pub fn count_unread(&mut self) {
        self.metrics.add(self.own, 0, 1);
    }

    /// Counts mistakes in routes' metadata.
    pub fn count_mistakes(&mut self, mistakes: u64) {
        self.metrics.add(self.own, 1, mistakes);
    }

    /// Hands over to Envoy what was counted since the last time, and how many requests are not over.
    pub fn hand_over(&mut self, in_flight: u64) {
        // What Envoy refuses is made up for the next time.
        let _ = self.in_flight.set(in_flight);
        self.exporter.export(&mut self.metrics);
    }
}

fn microseconds(nanoseconds: u64) -> u64 {
    nanoseconds.saturating_add(500) / 1_000
}
