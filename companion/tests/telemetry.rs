//! What the companion tells of itself: metrics in both formats, exemplars, and traces for a collector.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail loudly")]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_protocol::names;
use common::{Companion, within};
use hyper::Method;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use testbed::{Answer, Origin};

const KEY: &str = "GET shop.example/#identity:items";
const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN_ID: &str = "b7ad6b7169203331";
const PROMETHEUS: &str =
    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

fn traceparent(is_sampled: bool) -> String {
    format!("00-{TRACE_ID}-{SPAN_ID}-0{}", u8::from(is_sampled))
}

async fn metrics(companion: &Companion, accept: &str) -> (String, String) {
    let answer = companion.send(Method::GET, names::METRICS_PATH, &[("accept", accept)], "").await;
    assert_eq!(answer.status(), 200);
    let media_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (media_type, String::from_utf8(answer.body().to_vec()).unwrap())
}

async fn lookup(companion: &Companion, traceparent: &str) {
    let headers = [(names::KEY_HEADER, KEY), (names::TRACEPARENT_HEADER, traceparent)];
    let answer = companion.send(Method::GET, names::RESPONSES_PATH, &headers, "").await;
    assert_eq!(answer.status(), 404);
}

#[tokio::test]
async fn both_formats_have_the_same_numbers() {
    let companion = Companion::start(|_| {}).await;
    companion.fill(KEY, &["t"]).await;
    companion.purge(r#"{"tags":["t"]}"#).await;
    let (media_type, open) = metrics(&companion, PROMETHEUS).await;
    assert_eq!(media_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let (media_type, text) = metrics(&companion, "text/plain").await;
    assert_eq!(media_type, "text/plain; version=0.0.4; charset=utf-8");

    assert!(open.ends_with("\n# EOF\n") && !text.contains("# EOF"), "{open}");
    assert!(open.contains("# TYPE slipstream_store_operations counter\n"), "{open}");
    assert!(open.contains("# UNIT slipstream_store_operation_duration_seconds seconds\n"), "{open}");
    // What the process is using changes from scrape to scrape.
    let samples = |text: &str| -> BTreeMap<String, String> {
        let lines = text.lines().filter(|line| !line.starts_with(['#']) && !line.starts_with("process_"));
        let lines = lines.filter_map(|line| line.split_once(' '));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let (open, text) = (samples(&open), samples(&text));
    assert!(open.len() > 50, "{open:?}");
    let differing: Vec<_> = open.iter().filter(|(name, value)| text.get(*name) != Some(value)).collect();
    assert!(differing.is_empty() && open.len() == text.len(), "{differing:?}");
    for (name, value) in [
        ("slipstream_store_ready{store=\"embedded\"}", "1"),
        ("slipstream_purged_entries_total", "1"),
        ("slipstream_invalidation_followers_total{outcome=\"confirmed\"}", "0"),
        ("slipstream_trace_exports_total{outcome=\"failed\"}", "0"),
    ] {
        assert_eq!(text.get(name).map(String::as_str), Some(value), "{name} in {text:?}");
    }
    assert!(text.contains_key("slipstream_store_bytes"), "{text:?}");
}

#[tokio::test]
async fn exemplars_name_the_traces_that_are_recorded() {
    let companion = Companion::start(|_| {}).await;
    let bucket = |line: &&str| {
        line.starts_with("slipstream_store_operation_duration_seconds_bucket{operation=\"lookup\"")
            && line.contains(" # {trace_id=")
    };
    for unrecorded in ["damaged", &traceparent(false)] {
        lookup(&companion, unrecorded).await;
        let (_, text) = metrics(&companion, PROMETHEUS).await;
        assert_eq!(text.lines().find(bucket), None, "{unrecorded}");
    }
    lookup(&companion, &traceparent(true)).await;
    let (_, text) = metrics(&companion, PROMETHEUS).await;
    let lines: Vec<&str> = text.lines().filter(bucket).collect();
    assert_eq!(lines.len(), 1, "{text}");
    let (sample, exemplar) = lines[0].split_once(" # ").unwrap();
    assert!(exemplar.starts_with(&format!("{{trace_id=\"{TRACE_ID}\"}} 0.")), "{exemplar}");
    let bound = sample.split("le=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let value: f64 = exemplar.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(bound == "+Inf" || value <= bound.parse().unwrap(), "{}", lines[0]);
    let (_, text) = metrics(&companion, "text/plain").await;
    assert!(!text.contains(TRACE_ID), "Prometheus' own format has no room for exemplars");

    // A purge is waited for in a task of its own.
    let headers = [(names::TRACEPARENT_HEADER, traceparent(true))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    companion.send(Method::POST, names::INVALIDATIONS_PATH, &headers, r#"{"all":true}"#).await;
    let (_, text) = metrics(&companion, PROMETHEUS).await;
    let purge = "slipstream_invalidation_ack_duration_seconds_bucket";
    let of_purge = text.lines().find(|line| line.starts_with(purge) && line.contains(TRACE_ID));
    assert!(of_purge.is_some(), "{text}");
}

/// A collector, and the spans that it was sent.
fn collector() -> (Origin, Arc<Mutex<Vec<(String, Span)>>>) {
    let spans = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&spans);
    let origin = Origin::start(move |question| {
        assert_eq!((question.method.as_str(), question.path()), ("POST", "/v1/traces"));
        let batch = ExportTraceServiceRequest::decode(question.body.as_slice()).unwrap();
        for resource in batch.resource_spans {
            let attributes = resource.resource.unwrap().attributes;
            let name = attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
            let name = format!("{:?}", name.value);
            for scope in resource.scope_spans {
                taken.lock().unwrap().extend(scope.spans.into_iter().map(|span| (name.clone(), span)));
            }
        }
        Answer::new(200, "")
    });
    (origin.unwrap(), spans)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_the_spans_of_recorded_traces() {
    let (origin, spans) = collector();
    let companion = Companion::start(|config| {
        config.telemetry.otlp_endpoint = format!("http://127.0.0.1:{}", origin.port());
        config.telemetry.service_name = "companion-1".to_owned();
        config.telemetry.sample_percent = 0;
    })
    .await;
    lookup(&companion, &traceparent(true)).await;
    lookup(&companion, &traceparent(false)).await;
    // Not a trace's, and of a hundred such none is to begin one.
    companion.fill(KEY, &[]).await;
    companion.stop().await;

    let spans = spans.lock().unwrap();
    assert_eq!(spans.len(), 2, "{spans:?}");
    assert!(
        spans
            .iter()
            .all(|(service, span)| service.contains("companion-1") && hex(&span.trace_id) == TRACE_ID)
    );
    let named = |name: &str| &spans.iter().find(|(_, span)| span.name == name).unwrap().1;
    let (request, lookup) = (named("GET /v1/responses"), named("lookup"));
    assert_eq!(hex(&request.parent_span_id), SPAN_ID);
    assert_eq!(lookup.parent_span_id, request.span_id);
    assert!(lookup.start_time_unix_nano <= lookup.end_time_unix_nano);
    let attributes = format!("{:?} {:?}", request.attributes, lookup.attributes);
    for expected in ["http.response.status_code", "IntValue(404)", "slipstream.outcome", "miss", "embedded"] {
        assert!(attributes.contains(expected), "{expected} in {attributes}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_without_a_trace_may_begin_one() {
    let (origin, spans) = collector();
    let companion = Companion::start(|config| {
        config.telemetry.otlp_endpoint = format!("http://127.0.0.1:{}/", origin.port());
        config.telemetry.sample_percent = 100;
    })
    .await;
    companion.fill(KEY, &[]).await;
    let (_, text) = metrics(&companion, PROMETHEUS).await;
    assert!(text.contains("# {trace_id=\""), "exemplars name them too: {text}");
    companion.stop().await;
    let names: Vec<String> = spans.lock().unwrap().iter().map(|(_, span)| span.name.clone()).collect();
    for expected in ["GET /v1/responses", "PUT /v1/responses", "lookup", "store"] {
        assert!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("metrics")), "{names:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_costs_nothing_but_traces() {
    let companion = Companion::start(|config| {
        config.telemetry.otlp_endpoint = format!("http://127.0.0.1:{}", testbed::ports::free());
        config.telemetry.sample_percent = 100;
    })
    .await;
    companion.fill(KEY, &[]).await;
    within(Duration::from_secs(60), "a batch counts as failed", async || {
        companion.metric(r#"slipstream_trace_exports_total{outcome="failed"}"#).await >= 1.0
    })
    .await;
    assert!(companion.has(KEY).await);
    companion.stop().await;
}
