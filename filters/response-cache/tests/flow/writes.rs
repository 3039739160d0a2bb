//! Requests that change something.

use crate::support::*;
use slipstream_host::Action;
use slipstream_host::double::{Double, metric, with};

const POST: &[(&str, &str)] = &[(":method", "POST"), (":authority", "Shop.Example"), (":path", "/api/items")];
const CREATED: &[(&str, &str)] = &[(":status", "201")];

#[test]
fn a_write_is_answered_when_nobody_serves_what_it_changed() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    assert_eq!(stream.request(POST, b"{}"), Action::Continue);
    assert_eq!(stream.response_headers(CREATED, false), Action::Pause);
    assert_eq!(stream.response_body(b"made", true), Action::Pause);
    let sent = callout("POST /v1/invalidations");
    let asked: serde_json::Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(asked["keys"], serde_json::json!(["GET shop.example/api/items"]));
    assert_eq!(asked["tags"], serde_json::json!(["items"]));
    assert_eq!(with(|host| host.resumed_responses), 0);
    stream.answer(
        sent.token,
        Some(200),
        &[],
        br#"{"position":"000000000000000e:9","confirmed":1,"expired":0}"#,
    );
    assert_eq!(with(|host| host.resumed_responses), 1);
    export(&proxy);
    assert_eq!(metric("outcome=.=delivered;.;slipstream_cache_invalidations_total"), Some(1));
}

#[test]
fn a_write_invalidates_the_uris_that_its_answer_names() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(POST, b"{}");
    let answer = [
        (":status", "201"),
        ("location", "https://shop.example/api/items/7?b=1&a=2"),
        ("content-location", "items/newest"),
    ];
    stream.response_headers(&answer, true);
    let asked: serde_json::Value = serde_json::from_slice(&callout("POST /v1/invalidations").body).unwrap();
    let own = "GET shop.example/api/items";
    let expected = [own, &format!("{own}/7?a=2&b=1"), &format!("{own}/newest")];
    assert_eq!(asked["keys"], serde_json::json!(expected));

    let mut stream = proxy.stream();
    stream.request(POST, b"{}");
    let elsewhere =
        [(":status", "201"), ("location", "https://other.example/x"), ("content-location", "/api/items")];
    stream.response_headers(&elsewhere, true);
    let asked: serde_json::Value = serde_json::from_slice(&callout("POST /v1/invalidations").body).unwrap();
    assert_eq!(asked["keys"], serde_json::json!([own]));
}

#[test]
fn only_a_write_that_succeeded_invalidates() {
    for (status, invalidates) in [("200", true), ("204", true), ("303", true), ("400", false), ("500", false)]
    {
        let proxy = leased_proxy();
        let mut stream = proxy.stream();
        stream.request(POST, b"{}");
        let action = stream.response_headers(&[(":status", status)], true);
        assert_eq!(action == Action::Pause, invalidates, "{status}");
        assert_eq!(find_callout("POST /v1/invalidations").is_some(), invalidates, "{status}");
    }
}

#[test]
fn a_write_that_cannot_be_made_known_keeps_the_cache_out_until_it_is() {
    let proxy = leased_proxy();
    fill(&proxy, "old");
    let mut stream = proxy.stream();
    stream.request(POST, b"{}");
    stream.response_headers(CREATED, true);
    stream.answer(callout("POST /v1/invalidations").token, None, &[], b"");
    assert_eq!(with(|host| host.resumed_responses), 1, "the client gets its answer");
    assert_goes_past(&proxy);
    proxy.tick_after_ms(100);
    let retry = callout("POST /v1/invalidations");
    assert_eq!(String::from_utf8_lossy(&retry.body).matches("items").count(), 2);
    proxy.answer(retry.token, Some(503), &[], b"");
    assert_goes_past(&proxy);
    proxy.tick_after_ms(100);
    proxy.answer(callout("POST /v1/invalidations").token, Some(200), &[], b"{}");
    assert_eq!(proxy.stream().request(GET, b""), Action::Pause, "the cache is in use again");
    export(&proxy);
    assert_eq!(metric("outcome=.=undelivered;.;slipstream_cache_invalidations_total"), Some(1));
    assert_eq!(metric("outcome=.=delivered;.;slipstream_cache_invalidations_total"), Some(1));
}

#[test]
fn an_invalidation_whose_client_left_is_not_forgotten() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(POST, b"{}");
    stream.response_headers(CREATED, true);
    callout("POST /v1/invalidations");
    drop(stream);
    proxy.tick_after_ms(4_000);
    assert!(find_callout("POST /v1/invalidations").is_some(), "it is sent again");
}

#[test]
fn a_callout_that_cannot_be_sent_holds_nobody_up() {
    let proxy = leased_proxy();
    with(|host| host.failing.insert("http_call"));
    let mut stream = proxy.stream();
    stream.request(POST, b"{}");
    assert_eq!(stream.response_headers(CREATED, true), Action::Continue);
    assert_goes_past(&proxy);
}

fn assert_goes_past(proxy: &Double<response_cache::ResponseCache>) {
    let mut stream = proxy.stream();
    assert_eq!(stream.request(GET, b""), Action::Continue);
    stream.response_headers(OK_JSON, true);
    assert_eq!(
        slipstream_host::double::response_header("cache-status").as_deref(),
        Some("slipstream; fwd=bypass; detail=undelivered-invalidation")
    );
}

#[test]
fn keys_too_long_to_be_invalidated_are_left_alone() {
    let proxy = leased_proxy();
    let long = format!("/api/items?{}", "q".repeat(9_000));
    let mut read = proxy.stream();
    let get = [(":method", "GET"), (":authority", "shop.example"), (":path", long.as_str())];
    assert_eq!(read.request(&get, b""), Action::Continue);
    // What the route invalidates goes all the same.
    let mut write = proxy.stream();
    let post = [(":method", "POST"), (":authority", "shop.example"), (":path", long.as_str())];
    assert_eq!(write.request(&post, b"{}"), Action::Continue);
    assert_eq!(write.response_headers(CREATED, true), Action::Pause);
    let asked: serde_json::Value = serde_json::from_slice(&callout("POST /v1/invalidations").body).unwrap();
    assert_eq!((asked["keys"].as_array().map_or(0, Vec::len), &asked["tags"][0]), (0, &"items".into()));
}
