//! What is counted of a request, and where.

use crate::config::Config;
use crate::labels::Status;
use metric_model::{GroupId, GroupSpec, HistogramSpec, Metrics, SetId};
use slipstream_host::metrics::Exporter;

/// Name of the counter of requests that could not be counted because Envoy told nothing of them.
const UNREAD: &str = "slipstream_requests_unread_total";

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
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the response's body.
    pub response_bytes: u64,
    /// The cluster; empty if it was not asked for, or the route leads to none.
    pub cluster: &'a [u8],
}

/// All that this VM counts.
pub struct Table {
    service: Option<Vec<u8>>,
    metrics: Metrics,
    requests: GroupId,
    unread: SetId,
    exporter: Exporter,
}

impl Table {
    /// An empty table.
    pub fn new(config: Config) -> Table {
        let mut metrics = Metrics::new(config.max_label_sets);
        let requests = metrics.group(GroupSpec {
            labels: &["service", "route", "method", "status"],
            counters: &["http_requests_total"],
            histograms: vec![
                HistogramSpec::seconds("http_request_duration_seconds", &config.duration_bounds_us),
                HistogramSpec::whole("http_request_size_bytes", &config.size_bounds),
                HistogramSpec::whole("http_response_size_bytes", &config.size_bounds),
            ],
        });
        let own = metrics.group(GroupSpec { labels: &[], counters: &[UNREAD], histograms: Vec::new() });
        let unread = metrics.set(own, &[]);
        let service = config.service.map(String::into_bytes);
        Table { service, metrics, requests, unread, exporter: Exporter::default() }
    }

    /// Counts a request.
    pub fn count(&mut self, request: &Request<'_>) {
        let service = self.service.as_deref().unwrap_or(request.cluster);
        let labels = [service, request.route, request.method, request.status.as_bytes()];
        let set = self.metrics.set(self.requests, &labels);
        self.metrics.add(set, REQUESTS, 1);
        self.metrics.observe(set, DURATION, request.duration_ns.saturating_add(500) / 1_000);
        self.metrics.observe(set, REQUEST_SIZE, request.request_bytes);
        self.metrics.observe(set, RESPONSE_SIZE, request.response_bytes);
    }

    /// Counts a request of which nothing could be read.
    pub fn count_unread(&mut self) {
        self.metrics.add(self.unread, 0, 1);
    }

    /// Hands over to Envoy what was counted since the last time.
    pub fn hand_over(&mut self) {
        self.exporter.export(&mut self.metrics);
    }
}
