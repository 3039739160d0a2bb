//! What was measured, summed up.

use std::time::Duration;

use super::mix::Endpoint;

/// One answered request.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The row it belongs to.
    pub endpoint: Endpoint,
    /// From the request's first byte to the response's last.
    pub latency: Duration,
    /// Bytes of the response on the wire.
    pub wire_bytes: u64,
    /// Bytes of the body as it was sent.
    pub body_bytes: u64,
    /// Bytes of the body before it was compressed.
    pub plain_bytes: u64,
    /// Whether a cache answered.
    pub hit: bool,
    /// Whether it was answered as it should be.
    pub good: bool,
}

/// All requests of one phase.
#[derive(Debug)]
pub struct Phase {
    /// `bare`, `direct`, `queries`, `cold` or `warm`.
    pub name: &'static str,
    /// How long it took.
    pub duration: Duration,
    /// What went wrong first, if anything did.
    pub first_failure: Option<String>,
    samples: Vec<Sample>,
}

/// One cell group of the table.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Row {
    /// Requests.
    pub count: u64,
    /// The median of the latency, in milliseconds.
    pub p50_ms: f64,
    /// What 99 of 100 requests stay below, in milliseconds.
    pub p99_ms: f64,
    /// Requests a second.
    pub rate: f64,
    /// Bytes on the wire per response.
    pub bytes: f64,
    /// The share that a cache answered, 0 to 1.
    pub hits: f64,
    /// Plain size by sent size.
    pub compression: f64,
}

impl Phase {
    /// Puts together what the clients saw.
    pub fn new(
        name: &'static str,
        duration: Duration,
        samples: Vec<Sample>,
        failure: Option<String>,
    ) -> Phase {
        Phase { name, duration, first_failure: failure, samples }
    }

    /// How many requests were not answered as they should be.
    pub fn failed(&self) -> u64 {
        self.samples.iter().filter(|sample| !sample.good).count() as u64
    }

    /// One endpoint's figures.
    pub fn row(&self, endpoint: Endpoint) -> Row {
        self.sum(|sample| sample.endpoint == endpoint)
    }

    /// Everybody's figures.
    pub fn total(&self) -> Row {
        self.sum(|_| true)
    }

    fn sum(&self, wanted: impl Fn(&Sample) -> bool) -> Row {
        let samples: Vec<&Sample> = self.samples.iter().filter(|sample| wanted(sample)).collect();
        if samples.is_empty() {
            return Row::default();
        }
        let mut latencies: Vec<Duration> = samples.iter().map(|sample| sample.latency).collect();
        latencies.sort_unstable();
        let total =
            |figure: fn(&Sample) -> u64| samples.iter().map(|sample| figure(sample)).sum::<u64>() as f64;
        let count = samples.len() as f64;
        Row {
            count: samples.len() as u64,
            p50_ms: percentile_ms(&latencies, 0.50),
            p99_ms: percentile_ms(&latencies, 0.99),
            rate: count / self.duration.as_secs_f64(),
            bytes: total(|sample| sample.wire_bytes) / count,
            hits: total(|sample| sample.hit.into()) / count,
            compression: total(|sample| sample.plain_bytes) / total(|sample| sample.body_bytes).max(1.0),
        }
    }
}

/// The nearest rank: the smallest value that at least this share of all does not exceed.
pub fn percentile_ms(sorted: &[Duration], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1].as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_sum_up_their_own_samples() {
        let sample = |endpoint, latency, hit| Sample {
            endpoint,
            latency: Duration::from_millis(latency),
            wire_bytes: 300,
            body_bytes: 100,
            plain_bytes: 500,
            hit,
            good: latency != 7,
        };
        let mut samples: Vec<_> = (1..=100).map(|ms| sample(Endpoint::List, ms, ms > 60)).collect();
        samples.push(sample(Endpoint::Item, 1_000, false));
        let phase = Phase::new("warm", Duration::from_secs(2), samples, None);
        let expected = Row {
            count: 100,
            p50_ms: 50.0,
            p99_ms: 99.0,
            rate: 50.0,
            bytes: 300.0,
            hits: 0.4,
            compression: 5.0,
        };
        assert_eq!(phase.row(Endpoint::List), expected);
        assert_eq!(phase.row(Endpoint::Health), Row::default());
        assert_eq!((phase.total().count, phase.total().p99_ms, phase.failed()), (101, 100.0, 1));
    }
}
