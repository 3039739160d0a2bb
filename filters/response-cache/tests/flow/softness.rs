//! What a soft invalidation hits is stale, and no longer fresh for anyone.

use crate::refresh::CONFIG;
use crate::support::*;
use invalidation::Position;
use serde_json::json;
use slipstream_host::Action;
use slipstream_host::double::{advance_ms, request_header};

/// A proxy that has a fresh response in L1, which is then invalidated softly.
fn softened(route: &serde_json::Value) -> Proxy {
    let proxy = leased_proxy_with(CONFIG);
    settings(route);
    fetched(&proxy, &[], &ok(&[("etag", "\"v1\""), ("cache-control", "max-age=600")]), "stored");
    stored(&proxy);
    let next = Position { seq: 8, ..POSITION };
    let key = "GET shop.example/api/items?a=1&b=2";
    let record = format!(r#"[{{"seq":8,"kind":"key","value":"{key}","soft":true}}]"#);
    answer_poll(&proxy, next, false, &record);
    proxy
}

/// Answers the lookup under way with what is stored, which the companion calls stale.
fn answer_stale(stream: &mut Stream, fetch: &str) {
    let lookup = callout("GET /v1/responses");
    let fields = [("slipstream-stale", "1"), ("slipstream-fetch", fetch)];
    stream.answer(lookup.token, Some(200), &fields, &entry("stored").encode());
}

#[test]
fn it_is_validated_before_it_is_served() {
    let proxy = softened(&json!({}));
    let mut stream = proxy.stream();
    assert_eq!(stream.request(GET, b""), Action::Pause);
    answer_stale(&mut stream, "lead");
    assert_eq!((reply(), resumed()), (None, 1));
    assert_eq!(request_header("if-none-match").as_deref(), Some("\"v1\""));
    stream.response_headers(&[(":status", "304"), ("cache-control", "max-age=600")], true);
    assert_eq!(
        reply().unwrap().header("cache-status"),
        Some("slipstream; fwd=stale; fwd-status=304; stored")
    );
}

#[test]
fn it_is_served_while_it_is_refreshed_where_that_is_allowed() {
    let proxy = softened(&json!({"stale_while_revalidate_seconds": 60}));
    let mut stream = proxy.stream();
    assert_eq!(stream.request(GET, b""), Action::Pause, "the companion says who refreshes");
    answer_stale(&mut stream, "lead");
    let stale = reply().unwrap();
    assert_eq!((stale.header("x-cache"), stale.body.as_slice()), (Some("STALE"), b"stored".as_slice()));
    assert_eq!(stale.header("cache-status"), Some("slipstream; hit; ttl=-1"));
    assert!(find_callout("GET /api/items").is_some());
}

#[test]
fn a_client_that_takes_stale_responses_does_not_take_it() {
    let proxy = softened(&json!({}));
    let mut stream = proxy.stream();
    stream.request(&get(&[("cache-control", "max-stale")]), b"");
    answer_stale(&mut stream, "lead");
    assert_eq!((reply(), resumed()), (None, 1), "somebody knows that it has changed");
}

#[test]
fn it_stands_in_for_an_origin_that_fails() {
    for (seconds, is_served) in [(Some(60), true), (None, false)] {
        let proxy = softened(&json!({"stale_if_error_seconds": seconds}));
        let mut stream = proxy.stream();
        stream.request(GET, b"");
        answer_stale(&mut stream, "lead");
        let action = stream.response_headers(&[(":status", "503")], true);
        assert_eq!(action == Action::Pause, is_served, "{seconds:?}");
        assert_eq!(reply().map(|reply| reply.body), is_served.then(|| b"stored".to_vec()), "{seconds:?}");
    }
}

#[test]
fn the_companion_s_word_counts_where_the_log_is_not_known() {
    let proxy = leased_proxy();
    advance_ms(1_000);
    for (fields, is_served) in [(&[][..], true), (&[("slipstream-stale", "1")], false)] {
        let mut stream = proxy.stream();
        stream.request(GET, b"");
        let lookup = callout("GET /v1/responses");
        stream.answer(lookup.token, Some(200), fields, &entry("stored").encode());
        assert_eq!((reply().is_some(), resumed() == 0), (is_served, is_served), "{fields:?}");
    }
}

#[test]
fn those_who_wait_for_what_is_softened_meanwhile_do_not_take_it_for_fresh() {
    let proxy = leased_proxy();
    let mut leader = leased(&proxy);
    let mut waiter = proxy.stream();
    waiter.request(GET, b"");
    let next = Position { seq: 8, ..POSITION };
    answer_poll(&proxy, next, false, r#"[{"seq":8,"kind":"tag","value":"items","soft":true}]"#);
    leader.response_headers(OK_JSON, false);
    leader.response_body(b"old", true);
    proxy.tick_after_ms(20);
    waiter.wake();
    assert_eq!((reply(), resumed()), (None, 0));
    assert!(find_callout("GET /v1/responses").is_some(), "it asks anew");
}
