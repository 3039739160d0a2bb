//! Hands what a filter has counted over to Envoy.
//!
//! Counters and histograms are [`metric_model::Metrics`]; an [`Exporter`] hands them over in
//! [`Plugin::on_tick`](crate::Plugin::on_tick). Envoy adds up what the VMs of all workers hand over under one name.

use crate::HostError;
use crate::abi::{self, MetricKind};
use metric_model::{Metrics, Series};

pub use crate::gauge::Gauge;

/// Name of the counter of calls about metrics that Envoy refused. What they were about is handed over later.
pub const REFUSED: &str = "slipstream_metric_calls_refused_total";

/// How many series an export defines at most: Envoy matches each new name with all its tag rules, and a worker that
/// does so for thousands at once serves nobody meanwhile. The rest waits for the next tick.
const MAX_DEFINED_AT_ONCE: usize = 1_000;

/// Envoy's numbers of one [`Metrics`]' series.
#[derive(Debug, Default)]
pub struct Exporter {
    /// By [`Series::index`].
    ids: Vec<Option<u32>>,
    refused_id: Option<u32>,
    refused: u64,
}

impl Exporter {
    /// Hands over what was added to `metrics` since the last time. What Envoy refuses stays in `metrics` and is counted by
    /// [`REFUSED`]. One exporter serves one `metrics`.
    pub fn export(&mut self, metrics: &mut Metrics) {
        let mut left = MAX_DEFINED_AT_ONCE;
        metrics.drain(|series, delta| match self.hand_over(series, delta, &mut left) {
            Ok(taken) => taken,
            Err(_) => {
                self.refused += 1;
                false
            }
        });
        if self.refused > 0 && self.hand_over_refused().is_ok() {
            self.refused = 0;
        }
    }

    fn hand_over(&mut self, series: Series<'_>, delta: u64, left: &mut usize) -> Result<bool, HostError> {
        let index = series.index();
        if index >= self.ids.len() {
            self.ids.resize(index + 1, None);
        }
        let Some(id) = self.ids.get_mut(index) else { return Ok(false) };
        let id = match *id {
            Some(id) => id,
            None if *left == 0 => return Ok(false),
            None => {
                *left -= 1;
                *id.insert(abi::define_metric(MetricKind::Counter, &series.to_string())?)
            }
        };
        increment(id, delta).map(|()| true)
    }

    fn hand_over_refused(&mut self) -> Result<(), HostError> {
        let id = match self.refused_id {
            Some(id) => id,
            None => *self.refused_id.insert(abi::define_metric(MetricKind::Counter, REFUSED)?),
        };
        increment(id, self.refused)
    }
}

/// Envoy refuses to add 0 to a counter.
fn increment(id: u32, delta: u64) -> Result<(), HostError> {
    if delta == 0 { Ok(()) } else { abi::increment_metric(id, i64::try_from(delta).unwrap_or(i64::MAX)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double::{self, Host, with};
    use metric_model::{GroupId, GroupSpec};

    fn start(max_label_sets: usize) -> (Metrics, GroupId, Exporter) {
        with(|host| *host = Host::default());
        let mut metrics = Metrics::new(max_label_sets);
        let group =
            metrics.group(GroupSpec { labels: &["route"], counters: &["hits"], histograms: Vec::new() });
        (metrics, group, Exporter::default())
    }

    fn refuse(calls: &[&'static str]) {
        with(|host| host.failing = calls.iter().copied().collect());
    }

    #[test]
    fn what_was_counted_arrives_once() {
        let (mut metrics, group, mut exporter) = start(10);
        let set = metrics.set(group, &[b"items"]);
        for n in [0, 3, 0, 4] {
            metrics.add(set, 0, n);
            exporter.export(&mut metrics);
        }
        assert_eq!(double::metric("route=.=items;.;hits"), Some(7));
        assert_eq!(double::metric(metric_model::OVERFLOWED), Some(0), "known before it is first needed");
        assert_eq!(double::metric(REFUSED), None);
    }

    #[test]
    fn what_envoy_refuses_is_counted_and_arrives_later() {
        for call in ["define_metric", "increment_metric"] {
            let (mut metrics, group, mut exporter) = start(10);
            let set = metrics.set(group, &[b"items"]);
            metrics.add(set, 0, 3);
            refuse(&[call]);
            exporter.export(&mut metrics);
            metrics.add(set, 0, 4);
            refuse(&[]);
            exporter.export(&mut metrics);
            assert_eq!(double::metric("route=.=items;.;hits"), Some(7), "{call}");
            assert!(double::metric(REFUSED) > Some(0), "{call}");
        }
    }

    #[test]
    fn many_new_series_are_spread_over_exports() {
        let sets = 2 * MAX_DEFINED_AT_ONCE;
        let (mut metrics, group, mut exporter) = start(sets);
        for route in 0..sets {
            let set = metrics.set(group, &[route.to_string().as_bytes()]);
            metrics.add(set, 0, 1);
        }
        let mut known = Vec::new();
        for _ in 0..3 {
            exporter.export(&mut metrics);
            known.push(double::metrics().len());
        }
        assert_eq!(known, [MAX_DEFINED_AT_ONCE, sets, sets + 1]);
        assert_eq!(double::metrics().iter().map(|(_, value)| value).sum::<i64>(), sets as i64);
        assert_eq!(double::metric(REFUSED), None, "to wait is no failure");
    }
}
