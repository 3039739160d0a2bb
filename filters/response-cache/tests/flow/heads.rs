//! The response to a HEAD freshens what is stored for GET (RFC 9111 §4.3.5).

use crate::support::*;
use cache_protocol::Entry;
use serde_json::json;
use slipstream_host::Action;
use slipstream_host::double::request_header;

/// A HEAD that finds a stale response of 6 bytes with the tag `"v1"`, and is at the origin.
fn asking(proxy: &Proxy) -> Stream {
    let mut stream = proxy.stream();
    stream.request(HEAD, b"");
    let mut old = entry("stored");
    old.response_time_ms -= 9_000;
    old.freshness_lifetime_ms = 1_000;
    answer_hit(&mut stream, &old);
    assert_eq!((resumed(), request_header("if-none-match")), (1, None), "the client's answer has no content");
    stream
}

#[test]
fn what_it_says_of_the_same_representation_is_stored() {
    for fields in [
        &[("etag", "\"v1\""), ("content-length", "6")][..],
        &[("etag", "\"v1\"")],
        &[("content-length", "6")],
        &[],
    ] {
        let proxy = leased_proxy();
        let mut stream = asking(&proxy);
        let answer =
            [&[(":status", "200"), ("cache-control", "max-age=60"), ("x-version", "2")], fields].concat();
        assert_eq!(stream.response_headers(&answer, true), Action::Continue);
        assert_eq!(reply(), None, "the client gets the origin's answer");
        let fresh = stored(&proxy);
        assert_eq!((fresh.key.as_str(), fresh.body.as_slice()), (KEY, b"stored".as_slice()), "{fields:?}");
        assert_eq!(fresh.freshness_lifetime_ms, 60_000, "{fields:?}");
        let got = answered(&proxy, &[]);
        assert_eq!((got.status, got.header("x-version")), (200, Some("2")), "{fields:?}");
        assert_eq!((got.header("etag"), got.header("content-length")), (Some("\"v1\""), None), "{fields:?}");
    }
}

#[test]
fn what_it_says_of_another_is_not() {
    let fresh = ("cache-control", "max-age=60");
    for (status, fields) in [
        ("200", [fresh, ("etag", "\"v2\"")]),
        ("200", [fresh, ("content-length", "7")]),
        ("200", [fresh, ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")]),
        ("404", [fresh, ("etag", "\"v1\"")]),
        ("200", [("cache-control", "no-store"), ("etag", "\"v1\"")]),
    ] {
        let proxy = leased_proxy();
        let mut stream = asking(&proxy);
        stream.response_headers(&[&[(":status", status)][..], &fields].concat(), true);
        assert_eq!(find_callout("PUT /v1/responses"), None, "{status} {fields:?}");
    }
}

#[test]
fn a_head_itself_is_not_stored() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(HEAD, b"");
    answer_miss(&mut stream);
    stream.response_headers(OK_JSON, true);
    assert_eq!(
        (find_callout("PUT /v1/responses"), told()),
        (None, "slipstream; fwd=miss; detail=method".into())
    );
}

#[test]
fn a_route_may_keep_it_from_the_cache() {
    let proxy = leased_proxy();
    settings(&json!({"methods": ["GET"], "default_ttl_seconds": 300}));
    fetched(&proxy, &[], OK_JSON, "x");
    let mut stream = proxy.stream();
    assert_eq!(stream.request(HEAD, b""), Action::Continue);
    stream.response_headers(OK_JSON, true);
    assert_eq!(told(), "slipstream; fwd=bypass; detail=method");
    assert_eq!(Entry::decode(&callout("PUT /v1/responses").body).unwrap().body, b"x");
}
