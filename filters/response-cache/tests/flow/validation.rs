//! Stored responses that are no longer fresh: the origin is asked whether they are still good, and they stand in for it
//! when it fails.

use crate::support::*;
use cache_protocol::Entry;
use serde_json::json;
use slipstream_host::Action;
use slipstream_host::double::{metric, request_header, set_route, take_woken, with};

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// A response that became stale 9 seconds ago, with these fields besides.
fn stale_entry(fields: &[(&str, &str)]) -> Entry {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    let mut entry = entry("stored");
    entry.response_time_ms -= 9_000;
    entry.freshness_lifetime_ms = 1_000;
    entry.headers = vec![(b"content-type".to_vec(), b"application/json".to_vec())];
    entry.headers.extend(fields);
    entry
}

/// A request that has found a stale response, and is at the origin.
fn asking(proxy: &Proxy, more: &[(&str, &str)], stored: &[(&str, &str)]) -> Stream {
    let mut stream = proxy.stream();
    assert_eq!(stream.request(&[GET, more].concat(), b""), Action::Pause);
    answer_hit(&mut stream, &stale_entry(stored));
    assert_eq!(with(|host| std::mem::take(&mut host.resumed_requests)), 1);
    stream
}

fn validations(proxy: &Proxy, outcome: &str) -> i64 {
    export(proxy);
    metric(&format!("outcome=.={outcome};.;slipstream_cache_validations_total")).unwrap()
}

#[test]
fn the_origin_is_asked_by_what_is_stored() {
    let cases: [(&[(&str, &str)], &[(&str, &str)], [Option<&str>; 2]); 6] = [
        (&[("etag", "\"v1\"")], &[], [Some("\"v1\""), None]),
        (&[("last-modified", DATE)], &[], [None, Some(DATE)]),
        (&[("etag", "W/\"v1\""), ("last-modified", DATE)], &[], [Some("W/\"v1\""), Some(DATE)]),
        (&[], &[], [None, None]),
        (&[], &[("if-none-match", "\"mine\"")], [Some("\"mine\""), None]),
        (
            &[("etag", "\"v1\"")],
            &[("if-none-match", "\"mine\""), ("if-modified-since", DATE)],
            [Some("\"v1\""), None],
        ),
    ];
    for (stored, more, [tag, date]) in cases {
        let _stream = asking(&leased_proxy(), more, stored);
        assert_eq!(request_header("if-none-match").as_deref(), tag, "{stored:?} {more:?}");
        assert_eq!(request_header("if-modified-since").as_deref(), date, "{stored:?} {more:?}");
    }
}

#[test]
fn what_is_still_good_is_freshened_and_served() {
    let proxy = leased_proxy();
    let mut stream = asking(&proxy, &[], &[("etag", "\"v1\""), ("x-version", "1")]);
    let answer =
        [(":status", "304"), ("etag", "\"v1\""), ("x-version", "2"), ("cache-control", "max-age=60")];
    assert_eq!(stream.response_headers(&answer, true), Action::Pause);
    let reply = reply().unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"stored".as_slice()));
    assert_eq!(reply.header("x-version"), Some("2"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("age"), Some("0"));
    assert_eq!(reply.header("cache-status"), Some("slipstream; fwd=stale; fwd-status=304; stored"));
    let stored = Entry::decode(&callout("PUT /v1/responses").body).unwrap();
    assert_eq!((stored.body.as_slice(), stored.freshness_lifetime_ms), (b"stored".as_slice(), 60_000));
    proxy.stream().request(GET, b"");
    let again = crate::support::reply().unwrap();
    assert_eq!((again.header("x-cache"), again.header("x-version")), (Some("HIT"), Some("2")));
    assert_eq!((validations(&proxy, "not_modified"), validations(&proxy, "modified")), (1, 0));
}

#[test]
fn the_client_s_own_condition_is_judged_afterwards() {
    for (condition, status) in [("\"v1\"", 304), ("\"v0\"", 200)] {
        let proxy = leased_proxy();
        let mut stream = asking(&proxy, &[("if-none-match", condition)], &[("etag", "\"v1\"")]);
        stream.response_headers(&[(":status", "304"), ("cache-control", "max-age=60")], true);
        let reply = reply().unwrap();
        assert_eq!((reply.status, reply.body.is_empty()), (status, status == 304), "{condition}");
        assert_eq!(reply.header("etag"), Some("\"v1\""));
    }
}

#[test]
fn what_has_changed_takes_its_place() {
    let proxy = leased_proxy();
    let mut stream = asking(&proxy, &[], &[("etag", "\"v1\"")]);
    assert_eq!(stream.response_headers(&[OK_JSON, &[("etag", "\"v2\"")]].concat(), false), Action::Continue);
    stream.response_body(b"new", true);
    assert_eq!(reply(), None);
    assert_eq!(Entry::decode(&callout("PUT /v1/responses").body).unwrap().body, b"new");
    assert_eq!((validations(&proxy, "not_modified"), validations(&proxy, "modified")), (0, 1));
}

#[test]
fn what_may_not_be_stored_any_longer_is_served_once() {
    let proxy = leased_proxy();
    let mut stream = asking(&proxy, &[], &[("etag", "\"v1\"")]);
    stream.response_headers(&[(":status", "304"), ("cache-control", "no-store")], true);
    let reply = reply().unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"stored".as_slice()));
    assert_eq!(reply.header("cache-status"), Some("slipstream; fwd=stale; fwd-status=304; detail=no-store"));
    assert_eq!(find_callout("PUT /v1/responses"), None);
}

#[test]
fn a_304_that_was_not_asked_for_is_the_client_s() {
    let proxy = leased_proxy();
    let mut stream = asking(&proxy, &[("if-none-match", "\"mine\"")], &[]);
    assert_eq!(stream.response_headers(&[(":status", "304")], true), Action::Continue);
    assert_eq!(reply(), None);
}

#[test]
fn it_stands_in_for_an_origin_that_fails_if_it_may() {
    let cases = [
        ("503", "max-age=1, stale-if-error=60", None, true),
        ("500", "max-age=1, stale-if-error=9", None, false),
        ("503", "max-age=1", Some(60), true),
        ("503", "max-age=1", None, false),
        ("503", "max-age=1, must-revalidate", Some(60), false),
        ("404", "max-age=1, stale-if-error=60", None, false),
    ];
    for (status, directives, seconds, is_served) in cases {
        let proxy = leased_proxy();
        set_route("slipstream.response-cache", &json!({"stale_if_error_seconds": seconds}));
        let mut stream = asking(&proxy, &[], &[("cache-control", directives)]);
        let action = stream.response_headers(&[(":status", status)], true);
        assert_eq!(action == Action::Pause, is_served, "{status} {directives} {seconds:?}");
        let reply = reply();
        assert_eq!(reply.is_some(), is_served, "{status} {directives} {seconds:?}");
        if let Some(reply) = reply {
            assert_eq!((reply.status, reply.body.as_slice()), (200, b"stored".as_slice()));
            assert_eq!(reply.header("cache-status"), Some("slipstream; hit; ttl=-9"));
            assert_eq!((reply.header("x-cache"), reply.header("age")), (Some("STALE"), Some("10")));
        }
        export(&proxy);
        let served = metric("reason=.=error;.;slipstream_cache_stale_served_total");
        assert_eq!(served, Some(i64::from(is_served)));
    }
}

#[test]
fn those_who_wait_get_the_stale_one_too() {
    let proxy = leased_proxy();
    let mut first = asking(&proxy, &[], &[("cache-control", "max-age=1, stale-if-error=60")]);
    let mut other = proxy.stream();
    assert_eq!(other.request(GET, b""), Action::Pause);
    first.response_headers(&[(":status", "503")], true);
    assert_eq!(reply().unwrap().header("x-cache"), Some("STALE"));
    proxy.tick_after_ms(20);
    assert_eq!(take_woken(), [other.id()]);
    other.wake();
    assert_eq!(reply().unwrap().header("x-cache"), Some("STALE"));
    assert_eq!(with(|host| host.resumed_requests), 0);
}

#[test]
fn what_was_invalidated_stands_in_for_nothing() {
    let proxy = leased_proxy();
    let mut stream = asking(&proxy, &[], &[("cache-control", "max-age=1, stale-if-error=60")]);
    let next = invalidation::Position { seq: 8, ..POSITION };
    answer_poll(&proxy, next, false, r#"[{"seq":8,"kind":"tag","value":"items"}]"#);
    assert_eq!(stream.response_headers(&[(":status", "503")], true), Action::Continue);
    assert_eq!(reply(), None);
}

#[test]
fn what_can_be_validated_is_kept_longer_than_it_is_fresh() {
    for (fields, ttl_ms) in [(&[][..], "60000"), (&[("etag", "\"v1\"")], "160000")] {
        let proxy = leased_proxy_with(
            r#"{"companion": {"cluster": "companion"}, "defaults": {"keep_stale_seconds": 100}}"#,
        );
        let mut stream = proxy.stream();
        stream.request(GET, b"");
        answer_miss(&mut stream);
        stream.response_headers(&[OK_JSON, &[("cache-control", "max-age=60")], fields].concat(), true);
        assert_eq!(callout("PUT /v1/responses").header("slipstream-ttl-ms"), Some(ttl_ms));
    }
}

#[test]
fn a_304_of_another_response_updates_nothing() {
    let proxy = leased_proxy();
    let mut stream = asking(&proxy, &[], &[("etag", "\"v1\""), ("x-kept", "1")]);
    let response = [(":status", "304"), ("etag", "\"v2\""), ("x-kept", "2"), ("cache-control", "max-age=60")];
    assert_eq!(stream.response_headers(&response, true), Action::Pause);
    let reply = reply().unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"stored".as_slice()));
    assert_eq!((reply.header("etag"), reply.header("x-kept")), (Some("\"v1\""), Some("1")));
    assert_eq!(reply.header("cache-status"), Some("slipstream; fwd=stale; fwd-status=304; detail=validator"));
    assert_eq!(find_callout("PUT /v1/responses"), None);
}
