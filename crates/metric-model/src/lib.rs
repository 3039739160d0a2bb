//! Counters and histograms with labels, counted in memory and handed over as whole numbers.
//!
//! Envoy's ABI for filters has neither labels nor histograms with true units, and each call of it is dear. So a
//! filter counts here, and hands over what has been added since the last time:
//!
//! ```
//! use metric_model::{GroupSpec, HistogramSpec, Metrics};
//!
//! let mut metrics = Metrics::new(1_000);
//! let requests = metrics.group(GroupSpec {
//!     labels: &["route"],
//!     counters: &["http_requests_total"],
//!     histograms: vec![HistogramSpec::seconds("http_request_duration_seconds", &[5_000, 10_000])],
//! });
//! let items = metrics.set(requests, &[b"items"]);
//! metrics.add(items, 0, 1);
//! metrics.observe(items, 0, 7_300);
//!
//! let mut handed_over = Vec::new();
//! metrics.drain(|series, delta| {
//!     handed_over.push((series.to_string(), delta));
//!     true
//! });
//! assert!(handed_over.contains(&("route=.=items;.;http_requests_total".to_owned(), 1)));
//! let bucket = "route=.=items;.;le=.=0.01;.;http_request_duration_seconds_bucket";
//! assert!(handed_over.contains(&(bucket.to_owned(), 1)));
//! ```

mod label;
mod metrics;
mod registry;
mod series;
mod set;
mod spec;

pub use label::encode as encode_label;
pub use metrics::{GroupId, Metrics, OVERFLOWED, SetId};
pub use registry::Registry;
pub use series::Series;
pub use spec::{GroupSpec, HistogramSpec, Unit};
