//! `slipstream validate compression` finds nothing wrong with the shipped configuration.

use std::process::Command;

use e2e::{Proxy, Setup, route};
use serde_json::Value;
use testbed::{Answer, Question, artifacts};

fn service(question: &Question) -> Answer {
    let rows = |count| (0..count).map(|number| format!("{{\"number\":{number}}},")).collect::<String>();
    match question.path() {
        "/small" | "/kept/small" => Answer::json("x".repeat(1_023)).header("etag", "\"v1\""),
        "/image" => Answer::new(200, rows(500)).header("content-type", "image/png"),
        _ => Answer::json(rows(500)).header("etag", "\"v1\"").header("vary", "Origin"),
    }
}

fn start() -> Proxy {
    let kept = route("kept", "{ prefix: /kept/ }", "{ default_ttl_seconds: 60 }");
    Setup::new().route(kept).start(service)
}

/// The exit status and the report.
fn validate(proxy: &Proxy, path: &str, small: &str) -> (Option<i32>, Value) {
    let mut command = Command::new(artifacts::companion().unwrap());
    command.args(["validate", "compression", "--json", "--small", &proxy.url(small), &proxy.url(path)]);
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{error}")))
}

fn verdict<'a>(report: &'a Value, check: &str) -> &'a str {
    let mut checks = report["checks"].as_array().unwrap().iter();
    checks
        .find(|found| found["check"] == check)
        .and_then(|found| found["verdict"].as_str())
        .unwrap_or_default()
}

#[test]
fn the_shipped_configuration_passes_all_checks() {
    let proxy = start();
    // What is kept is asked for twice: the second time all of it comes from the cache.
    for (path, small) in [("/", "/small"), ("/kept/items", "/kept/small"), ("/kept/items", "/kept/small")] {
        let (status, report) = validate(&proxy, path, small);
        assert_eq!((status, &report["failed"]), (Some(0), &Value::from(0)), "{path}: {report:#}");
        for check in [
            "identity",
            "identity: Content-Length",
            "identity: Vary",
            "no Accept-Encoding",
            "gzip",
            "gzip: body",
            "gzip: Content-Length",
            "gzip: Vary",
            "gzip: X-Original-Size",
            "gzip: X-Compression-Ratio",
            "gzip: ETag",
            "gzip: HEAD",
            "any coding",
            "x-no-compression",
            "gzip;q=0",
            "identity;q=0, gzip",
            "small",
        ] {
            assert_eq!(verdict(&report, check), "pass", "{path}: {check}: {report:#}");
        }
    }
}

#[test]
fn what_is_no_text_has_nothing_to_fail() {
    let proxy = start();
    let (status, report) = validate(&proxy, "/image", "/small");
    assert_eq!((status, verdict(&report, "any coding")), (Some(0), "skip"), "{report:#}");
}

#[test]
fn a_route_without_compression_is_found() {
    let proxy = Setup::new()
        .route(
            "{ name: uncompressed, match: { path: /off }, route: { cluster: workspace }, \
             metadata: { filter_metadata: { slipstream.compression: { enabled: false } } } }",
        )
        .start(service);
    let (status, report) = validate(&proxy, "/off", "/small");
    assert_eq!((status, verdict(&report, "any coding")), (Some(1), "fail"), "{report:#}");
}
