//! What is counted about answers and their streams.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use super::engine::EngineError;
use super::run::Stopped;

/// Upper bounds of the histograms' buckets, in seconds: a hit takes a millisecond, a model's answer many seconds.
const SECONDS: [f64; 16] =
    [0.001, 0.002_5, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];
/// The kinds of events.
const EVENTS: [&str; 7] = ["start", "cache", "status", "chunk", "sources", "done", "error"];
/// The label of metrics that filters have too.
const SERVICE: &str = "rag";

/// What is counted about answers and their streams.
#[derive(Debug)]
pub(crate) struct StreamMetrics {
    response_time: HistogramVec,
    first_chunk: HistogramVec,
    chunks: IntCounter,
    events: IntCounterVec,
    errors: IntCounterVec,
    cancelled: IntCounterVec,
    resumed: IntCounter,
    active: IntGauge,
    kept_bytes: IntGauge,
    documents: IntGauge,
    passages: IntGauge,
    corpus_errors: IntCounter,
}

impl StreamMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let timer = |name: &str, help: &str| {
            let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            registered(registry, HistogramVec::new(options.const_label("service", SERVICE), &["cache"])?)
        };
        let counters = |name: &str, help: &str, label: &str, values: &[&str]| {
            let options = Opts::new(name, help).const_label("service", SERVICE);
            let counters = registered(registry, IntCounterVec::new(options, &[label])?)?;
            for value in values {
                counters.get_metric_with_label_values(&[value])?;
            }
            Ok::<_, prometheus::Error>(counters)
        };
        let counter = |name: &str, help: &str| {
            let options = Opts::new(name, help).const_label("service", SERVICE);
            registered(registry, IntCounter::with_opts(options)?)
        };
        let gauge = |name: &str, help: &str| registered(registry, IntGauge::new(name, help)?);
        Ok(Self {
            response_time: timer(
                "opt008_streaming_response_time_seconds",
                "From the question to the end of its answer.",
            )?,
            first_chunk: timer(
                "opt008_streaming_first_chunk_seconds",
                "From the question to the first part of its answer.",
            )?,
            chunks: counter("opt008_streaming_chunks_total", "Parts of answers.")?,
            events: counters("opt008_streaming_events_total", "Events, by their kind.", "event", &EVENTS)?,
            errors: counters(
                "opt008_streaming_errors_total",
                "Answers that ended with an error, by reason.",
                "reason",
                &[&EngineError::REASONS[..], &["too_many_streams", "too_many_of_tenant"]].concat(),
            )?,
            cancelled: counters(
                "opt008_streaming_cancelled_total",
                "Answers that were given up because of their client, by reason.",
                "reason",
                &Stopped::ALL.map(Stopped::name),
            )?,
            resumed: counter("opt008_streaming_resumed_total", "Streams that were read on after a break.")?,
            active: gauge("opt008_streaming_active", "Answers that are given just now.")?,
            kept_bytes: gauge("slipstream_rag_kept_bytes", "Events that may be read again.")?,
            documents: gauge("slipstream_rag_documents", "Documents that are answered from.")?,
            passages: gauge("slipstream_rag_passages", "Their passages.")?,
            corpus_errors: counter(
                "slipstream_rag_corpus_errors_total",
                "Times that changed documents could not be read.",
            )?,
        })
    }

    pub(super) fn first_chunk(&self, is_hit: bool, took: Duration) {
        timer_of(&self.first_chunk, is_hit).observe(took.as_secs_f64());
    }

    pub(super) fn answered(&self, is_hit: bool, took: Duration) {
        timer_of(&self.response_time, is_hit).observe(took.as_secs_f64());
    }

    pub(super) fn event(&self, event: &str) {
        self.events.with_label_values(&[event]).inc();
        if event == "chunk" {
            self.chunks.inc();
        }
    }

    pub(crate) fn failed(&self, reason: &str) {
        self.errors.with_label_values(&[reason]).inc();
    }

    pub(super) fn stopped(&self, why: Stopped) {
        self.cancelled.with_label_values(&[why.name()]).inc();
    }

    pub(crate) fn resumed(&self) {
        self.resumed.inc();
    }

    pub(super) fn corpus_failed(&self) {
        self.corpus_errors.inc();
    }

    pub(super) fn observe(&self, active: usize, kept: usize, documents: usize, passages: usize) {
        let levels = [
            (&self.active, active),
            (&self.kept_bytes, kept),
            (&self.documents, documents),
            (&self.passages, passages),
        ];
        for (gauge, level) in levels {
            gauge.set(i64::try_from(level).unwrap_or(i64::MAX));
        }
    }
}

fn timer_of(timers: &HistogramVec, is_hit: bool) -> Histogram {
    timers.with_label_values(&[if is_hit { "hit" } else { "miss" }])
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
