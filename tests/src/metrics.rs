//! What Envoy shows of the filters' metrics, read as Prometheus reads it.

use prometheus_parse::{Sample, Scrape, Value};
use testbed::FrontProxy;

/// One scrape of `/stats/prometheus`.
pub struct Metrics {
    samples: Vec<Sample>,
}

impl Metrics {
    /// Scrapes an Envoy.
    ///
    /// # Panics
    /// If it does not answer, or not in Prometheus' text format.
    pub fn of(front: &FrontProxy) -> Metrics {
        let text = front.envoy.stats_prometheus().expect("Envoy's metrics");
        // Envoy writes `{}` where there are no labels, which is right but too much for the parser.
        let lines = text.lines().map(|line| Ok(line.replacen("{} ", " ", 1)));
        let scrape = Scrape::parse(lines).expect("Prometheus' format");
        Metrics { samples: scrape.samples }
    }

    /// The samples of a metric that have all these labels.
    pub fn samples<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        let has =
            |sample: &Sample| labels.iter().all(|(label, value)| sample.labels.get(label) == Some(value));
        self.samples.iter().filter(move |sample| sample.metric == name && has(sample))
    }

    /// The sum of the samples of a metric that have all these labels; 0 if there are none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.samples(name, labels).map(number).sum()
    }

    /// Upper bounds and counts of a histogram of our own, which are counters with the label `le`.
    pub fn buckets(&self, histogram: &str, labels: &[(&str, &str)]) -> Vec<(String, f64)> {
        let name = format!("{histogram}_bucket");
        let mut buckets: Vec<(String, f64)> = self
            .samples(&name, labels)
            .map(|sample| (sample.labels.get("le").unwrap_or_default().to_owned(), number(sample)))
            .collect();
        let bound =
            |text: &str| if text == "+Inf" { f64::INFINITY } else { text.parse().unwrap_or(f64::NAN) };
        buckets.sort_by(|(a, _), (b, _)| bound(a).total_cmp(&bound(b)));
        buckets
    }

    /// All samples of a metric, for messages.
    pub fn text(&self, name: &str) -> String {
        let lines = self.samples(name, &[]);
        lines.map(|sample| format!("{name}{{{}}} {}\n", sample.labels, number(sample))).collect()
    }
}

fn number(sample: &Sample) -> f64 {
    match sample.value {
        Value::Counter(number) | Value::Gauge(number) | Value::Untyped(number) => number,
        Value::Histogram(_) | Value::Summary(_) => f64::NAN,
    }
}
