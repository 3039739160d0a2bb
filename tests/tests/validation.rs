//! Stale responses are validated, and stand in for a service that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use e2e::{Setup, assert_text, hit, miss, x_cache};
use testbed::{Answer, Origin, Question, Response};

/// Longer than what these services say is fresh.
fn wait_until_stale() {
    std::thread::sleep(Duration::from_millis(2_100));
}

fn body() -> String {
    format!("{{\"filler\":\"{}\"}}", "x".repeat(3_000))
}

/// A service that knows conditional requests.
fn tagged(question: &Question) -> Answer {
    let known = question.header("if-none-match").unwrap_or_default();
    let answer =
        if known.trim_start_matches("W/") == "\"v1\"" { Answer::new(304, "") } else { Answer::json(body()) };
    answer.header("etag", "\"v1\"").header("cache-control", "max-age=2")
}

fn cache_status(response: &Response) -> String {
    response.header("cache-status").unwrap_or_default()
}

#[test]
fn a_stale_response_is_validated_and_used_on() {
    let proxy = Setup::new().start(tagged);
    for headers in [&[][..], &[("accept-encoding", "gzip")]] {
        let before = proxy.origin.total();
        miss(proxy.get_with("/v", headers));
        hit(proxy.get_with("/v", headers));
        for _ in 0..2 {
            wait_until_stale();
            let validated = proxy.get_with("/v", headers);
            assert_text(&validated, 200, &body());
            assert_eq!(cache_status(&validated), "slipstream; fwd=stale; fwd-status=304; stored");
            assert_eq!(validated.header("content-encoding").is_some(), !headers.is_empty());
            assert_text(&hit(proxy.get_with("/v", headers)), 200, &body());
        }
        assert_eq!(proxy.origin.total() - before, 3);
    }
    proxy.wait_for_metric("slipstream_cache_validations_total", &[("outcome", "not_modified")], 4.0);
    proxy.wait_for_metric("http_requests_total", &[("status", "200")], 12.0);
    proxy.wait_for_metric("http_requests_total", &[], 12.0);
    let sizes = proxy.metrics().sum("http_response_size_bytes_sum", &[]);
    assert!(sizes > 6.0 * 3_000.0, "what Envoy answers in place of a 304 has a size too: {sizes}");
}

#[test]
fn a_client_s_own_condition_is_answered_after_validation() {
    let proxy = Setup::uncompressed().start(tagged);
    miss(proxy.get("/v"));
    wait_until_stale();
    let known = proxy.get_with("/v", &[("if-none-match", "\"v1\"")]);
    assert_eq!((known.status, known.body.len()), (304, 0));
    wait_until_stale();
    assert_text(&proxy.get_with("/v", &[("if-none-match", "\"v0\"")]), 200, &body());
}

#[test]
fn a_stale_response_stands_in_for_a_service_that_fails() {
    let status = Arc::new(AtomicU16::new(200));
    let asked = Arc::new(AtomicUsize::new(0));
    let (now, count) = (status.clone(), asked.clone());
    let proxy = Setup::uncompressed().start(move |question| {
        count.fetch_add(1, Ordering::SeqCst);
        let status = now.load(Ordering::SeqCst);
        let directives = if question.path() == "/strict" {
            "max-age=2, stale-if-error=60, must-revalidate"
        } else {
            "max-age=2, stale-if-error=60"
        };
        Answer { status, ..Answer::json(status.to_string()) }.header("cache-control", directives)
    });
    for path in ["/lenient", "/strict"] {
        miss(proxy.get(path));
    }
    wait_until_stale();
    for failing in [503, 500] {
        status.store(failing, Ordering::SeqCst);
        let stale = proxy.get("/lenient");
        assert_text(&stale, 200, "200");
        assert_eq!(x_cache(&stale), "STALE");
        assert!(cache_status(&stale).starts_with("slipstream; hit; ttl=-"), "{}", cache_status(&stale));
        assert_eq!(proxy.get("/strict").status, failing);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 6, "it is asked every time");
    proxy.wait_for_metric("slipstream_cache_stale_served_total", &[("reason", "error")], 2.0);
    status.store(200, Ordering::SeqCst);
    miss(proxy.get("/lenient"));
    hit(proxy.get("/lenient"));
}

#[test]
fn a_stale_response_stands_in_for_a_service_that_is_gone() {
    let mut proxy =
        Setup::new().start(|_| Answer::json(body()).header("cache-control", "max-age=2, stale-if-error=60"));
    miss(proxy.get("/v"));
    miss(proxy.get_with("/v", &[("accept-encoding", "gzip")]));
    wait_until_stale();
    // What answers on another port is gone from where Envoy looks for it.
    proxy.origin = Origin::start(|_| Answer::json("elsewhere")).unwrap();
    for headers in [&[][..], &[("accept-encoding", "gzip")]] {
        for _ in 0..3 {
            let stale = proxy.get_with("/v", headers);
            assert_text(&stale, 200, &body());
            assert_eq!(x_cache(&stale), "STALE");
        }
    }
    assert_eq!(proxy.get("/never-seen").status, 503);
}
