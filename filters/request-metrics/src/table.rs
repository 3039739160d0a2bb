//! What is counted of a request, and where.

use crate::config::Config;
use crate::labels::{Status, method};
use metric_model::{GroupId, GroupSpec, HistogramSpec, Metrics, SetId};
use slipstream_host::metrics::Exporter;

/// Name of the counter of requests that could not be counted because Envoy told nothing of them.
const UNREAD: &str = "slipstream_requests_unread_total";

const REQUESTS: usize = 0;

const DURATION: usize = 0;
const REQUEST_SIZE: usize = 1;
const RESPONSE_SIZE: usize = 2;

/// A request that is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request<'a> {
    method: &'a [u8],
    route: &'a [u8],
    status: Option<i64>,
    duration_ns: u64,
    request_bytes: u64,
    response_bytes: u64,
    /// Empty if it was not asked for, or the route leads to none.
    cluster: &'a [u8],
}

impl<'a> Request<'a> {
    /// Takes the properties that the filter reads, in their order. What is absent is 0 or empty.
    pub fn read(mut values: impl Iterator<Item = &'a [u8]>) -> Request<'a> {
        let mut next = || values.next().unwrap_or_default();
        Request {
            method: next(),
            route: next(),
            status: integer(next()),
            duration_ns: amount(next()),
            request_bytes: amount(next()),
            response_bytes: amount(next()),
            cluster: next(),
        }
    }
}

fn integer(value: &[u8]) -> Option<i64> {
    value.try_into().ok().map(i64::from_le_bytes)
}

/// A size or duration; none, and one below 0, counts as 0.
fn amount(value: &[u8]) -> u64 {
    integer(value).and_then(|amount| u64::try_from(amount).ok()).unwrap_or(0)
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
        let status = Status::new(request.status);
        let labels = [service, request.route, method(request.method), status.as_bytes()];
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
