//! Requests that the cache answers.

use crate::support::*;
use slipstream_host::Action;
use slipstream_host::double::{advance_ms, metric, response_header, with};

#[test]
fn the_second_request_is_answered_from_the_vm() {
    let proxy = leased_proxy();
    fill(&proxy, "one");
    callout("PUT /v1/responses");
    let mut stream = proxy.stream();
    advance_ms(500);
    answer_poll(&proxy, POSITION, false, "[]");
    answer_poll(&proxy, POSITION, false, "[]");
    advance_ms(500);
    assert_eq!(stream.request(GET, b""), Action::Pause);
    let reply = reply().unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"one".as_slice()));
    assert_eq!(reply.header("age"), Some("1"));
    assert_eq!(reply.header("cache-status"), Some("slipstream; hit; ttl=299"));
    assert_eq!(reply.header("x-cache"), Some("HIT"));
    assert_eq!(find_callout("GET /v1/responses"), None);
    // The reply comes back through the filter's response side, which leaves it alone.
    stream.response_headers(&[(":status", "200")], false);
    assert_eq!(response_header("x-cache"), None);
    stream.response_body(b"one", true);
    assert_eq!(find_callout("PUT /v1/responses"), None, "it is not stored again");
}

#[test]
fn a_response_of_the_companion_is_served_and_kept() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    assert_eq!(stream.request(GET, b""), Action::Pause);
    answer_hit(&mut stream, &entry("stored"));
    let first = reply().unwrap();
    assert_eq!((first.status, first.body.as_slice()), (200, b"stored".as_slice()));
    assert!(first.headers.contains(&("x-bytes".into(), vec![0xff, 0xfe])), "bytes stay as they are");
    assert_eq!(first.header("age"), Some("1"));
    assert_eq!(with(|host| host.resumed_requests), 0);
    let mut stream = proxy.stream();
    assert_eq!(stream.request(GET, b""), Action::Pause);
    assert_eq!(reply().unwrap().body, b"stored");
    export(&proxy);
    assert_eq!(metric("outcome=.=l2;.;slipstream_cache_lookups_total"), Some(1));
    assert_eq!(metric("outcome=.=l1;.;slipstream_cache_lookups_total"), Some(1));
    let labels = "service=.=shop;.;route=.=items;.;method=.=GET;.;";
    assert_eq!(metric(&format!("{labels}opt004_cache_hits_total")), Some(2));
    assert_eq!(metric(&format!("{labels}opt004_cache_misses_total")), Some(0));
    assert_eq!(metric(&format!("{labels}opt004_cache_latency_seconds_count")), Some(2));
}

#[test]
fn without_a_lease_nothing_comes_from_the_vm() {
    let proxy = leased_proxy();
    fill(&proxy, "one");
    advance_ms(1_000);
    let mut stream = proxy.stream();
    assert_eq!(stream.request(GET, b""), Action::Pause);
    assert_eq!(reply(), None);
    assert!(find_callout("GET /v1/responses").is_some());
}

#[test]
fn what_the_log_invalidates_is_not_served() {
    let records = [
        r#"{"seq":8,"kind":"tag","value":"items"}"#,
        r#"{"seq":8,"kind":"key","value":"GET shop.example/api/items?a=1&b=2"}"#,
        r#"{"seq":8,"kind":"prefix","value":"GET shop.example/api/"}"#,
        r#"{"seq":8,"kind":"all"}"#,
    ];
    for record in records {
        let proxy = leased_proxy();
        fill(&proxy, "old");
        let next = invalidation::Position { seq: 8, ..POSITION };
        answer_poll(&proxy, next, false, &format!("[{record}]"));
        let mut stream = proxy.stream();
        assert_eq!(stream.request(GET, b""), Action::Pause);
        assert_eq!(reply(), None, "{record}");
    }
}

#[test]
fn what_the_log_does_not_hit_is_served_on() {
    let proxy = leased_proxy();
    fill(&proxy, "still good");
    let next = invalidation::Position { seq: 8, ..POSITION };
    answer_poll(&proxy, next, false, r#"[{"seq":8,"kind":"tag","value":"users"}]"#);
    proxy.stream().request(GET, b"");
    assert_eq!(reply().unwrap().body, b"still good");
}

#[test]
fn a_gap_in_the_log_drops_everything() {
    let proxy = leased_proxy();
    fill(&proxy, "old");
    let next = invalidation::Position { seq: 9, ..POSITION };
    answer_poll(&proxy, next, false, r#"[{"seq":9,"kind":"tag","value":"users"}]"#);
    proxy.stream().request(GET, b"");
    assert_eq!(reply(), None);
    let poll = callout("GET /v1/invalidations");
    assert!(!poll.header(":path").unwrap().contains("after="), "asks for a new beginning: {poll:?}");
}

#[test]
fn head_and_conditional_requests_are_answered_from_a_stored_get() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(GET, b"");
    answer_hit(&mut stream, &entry("stored"));
    reply().unwrap();
    let with_field = |name, value| [GET, &[(name, value)]].concat();
    let cases = [
        ("if-none-match", "\"v1\"", 304, ""),
        ("if-none-match", "W/\"v1\"", 304, ""),
        ("if-none-match", "\"v2\"", 200, "stored"),
        ("accept", "*/*", 200, "stored"),
    ];
    for (name, value, status, body) in cases {
        proxy.stream().request(&with_field(name, value), b"");
        let reply = reply().unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (status, body.as_bytes()), "{name}: {value}");
        assert_eq!(reply.header("etag"), Some("\"v1\""));
        assert_eq!(reply.header("content-type").is_some(), status == 200);
    }
    let head: Vec<_> = [&[(":method", "HEAD")], &GET[1..]].concat();
    proxy.stream().request(&head, b"");
    assert_eq!(reply().unwrap().status, 200);
}

#[test]
fn only_if_cached_never_reaches_the_origin() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    let request = [GET, &[("cache-control", "only-if-cached")]].concat();
    assert_eq!(stream.request(&request, b""), Action::Pause);
    answer_miss(&mut stream);
    assert_eq!(reply().unwrap().status, 504);
    assert_eq!(with(|host| host.resumed_requests), 0);
}
