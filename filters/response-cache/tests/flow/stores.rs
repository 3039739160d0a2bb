//! Responses on their way into the cache.

use crate::support::*;
use cache_protocol::Entry;
use serde_json::json;
use slipstream_host::Action;
use slipstream_host::double::{metric, response_header, set_route, with};

/// What a GET with these fields, answered with these fields and this body, leaves at the companion.
fn stored(request: &[(&str, &str)], response: &[(&str, &str)], body: &[&str]) -> Option<Entry> {
    let proxy = leased_proxy();
    drive(&proxy, request, response, body);
    find_callout("PUT /v1/responses").map(|store| Entry::decode(&store.body).unwrap())
}

fn drive(
    proxy: &slipstream_host::double::Double<response_cache::ResponseCache>,
    request: &[(&str, &str)],
    response: &[(&str, &str)],
    body: &[&str],
) {
    let mut stream = proxy.stream();
    if stream.request(&[GET, request].concat(), b"") == Action::Pause {
        answer_miss(&mut stream);
    }
    assert_eq!(stream.response_headers(response, body.is_empty()), Action::Continue);
    for (index, piece) in body.iter().enumerate() {
        assert_eq!(stream.response_body(piece.as_bytes(), index + 1 == body.len()), Action::Continue);
    }
    stream.log();
}

#[test]
fn a_response_is_stored_whole_with_its_position_and_tags() {
    let response = [OK_JSON, &[("connection", "x-hop"), ("x-hop", "1"), ("age", "10")]].concat();
    let entry = stored(&[], &response, &["one ", "", "two"]).unwrap();
    assert_eq!(entry.body, b"one two");
    assert_eq!((entry.key.as_str(), entry.position, entry.tags), (KEY, POSITION, vec!["items".to_owned()]));
    assert_eq!((entry.initial_age_ms, entry.freshness_lifetime_ms), (10_000, 300_000));
    assert_eq!(entry.headers, [(b"content-type".to_vec(), b"application/json".to_vec())]);
    assert_eq!(response_header("cache-status").as_deref(), Some("slipstream; fwd=miss; stored"));
}

#[test]
fn what_may_not_be_stored_is_not_and_says_why() {
    let too_large = "x".repeat((1 << 20) + 1);
    let cases: [(&[(&str, &str)], &[(&str, &str)], &str, &str); 6] = [
        (&[], &[("set-cookie", "a=b")], "x", "set-cookie"),
        (&[], &[("cache-control", "private")], "x", "private"),
        (&[], &[("cache-control", "no-store")], "x", "no-store"),
        (&[], &[("vary", "*")], "x", "vary"),
        (&[], &[("content-length", "1048577")], "x", "size"),
        (&[], &[], &too_large, "size"),
    ];
    for (request, response, body, reason) in cases {
        let proxy = leased_proxy();
        drive(&proxy, request, &[OK_JSON, response].concat(), &[body]);
        assert_eq!(find_callout("PUT /v1/responses"), None, "{reason}");
        export(&proxy);
        let name =
            format!("service=.=shop;.;route=.=items;.;reason=.={reason};.;slipstream_cache_not_stored_total");
        assert_eq!(metric(&name), Some(1), "{reason}");
    }
}

#[test]
fn a_response_that_is_not_complete_is_not_stored() {
    let proxy = leased_proxy();
    // One that breaks off: no end of the stream.
    let mut stream = proxy.stream();
    stream.request(GET, b"");
    answer_miss(&mut stream);
    stream.response_headers(OK_JSON, false);
    stream.response_body(b"half", false);
    stream.log();
    drop(stream);
    assert_eq!(find_callout("PUT /v1/responses"), None);
    // One that is shorter than it said.
    drive(&proxy, &[], &[OK_JSON, &[("content-length", "10")]].concat(), &["half"]);
    assert_eq!(find_callout("PUT /v1/responses"), None);
    // One with trailers.
    let mut stream = proxy.stream();
    stream.request(GET, b"");
    answer_miss(&mut stream);
    stream.response_headers(OK_JSON, false);
    stream.response_body(b"all", false);
    stream.response_trailers();
    assert_eq!(find_callout("PUT /v1/responses"), None);
}

#[test]
fn without_a_lifetime_only_a_route_that_opts_in_stores() {
    for (settings, response, is_stored) in [
        (json!({}), &[][..], false),
        (json!({}), &[("cache-control", "max-age=60")][..], true),
        (json!({"default_ttl_seconds": 60}), &[][..], true),
        (json!({"enabled": false, "default_ttl_seconds": 60}), &[("cache-control", "max-age=60")][..], false),
    ] {
        let proxy = leased_proxy();
        set_route("slipstream.response-cache", &settings);
        drive(&proxy, &[], &[OK_JSON, response].concat(), &["x"]);
        assert_eq!(find_callout("PUT /v1/responses").is_some(), is_stored, "{settings} {response:?}");
    }
}

#[test]
fn requests_with_credentials_go_past_the_cache_unless_they_are_in_the_key() {
    for name in ["authorization", "cookie", "x-api-key"] {
        let proxy = leased_proxy();
        drive(&proxy, &[(name, "secret")], OK_JSON, &["x"]);
        assert_eq!(find_callout("GET /v1/responses"), None, "{name}");
        assert_eq!(find_callout("PUT /v1/responses"), None, "{name}");
        assert_eq!(
            response_header("cache-status").as_deref(),
            Some("slipstream; fwd=bypass; detail=credentials")
        );
        assert_eq!(response_header("x-cache").as_deref(), Some("BYPASS"));
    }
    let proxy = leased_proxy();
    set_route("slipstream.response-cache", &json!({"default_ttl_seconds": 60, "key_headers": ["x-api-key"]}));
    drive(&proxy, &[("x-api-key", "mine")], OK_JSON, &["x"]);
    let entry = Entry::decode(&callout("PUT /v1/responses").body).unwrap();
    assert_eq!(entry.key, format!("{KEY};x-api-key=mine"));
}

#[test]
fn a_client_that_wants_the_origin_gets_it_and_renews_what_is_stored() {
    let proxy = leased_proxy();
    fill(&proxy, "old");
    callout("PUT /v1/responses");
    drive(&proxy, &[("cache-control", "no-cache")], OK_JSON, &["new"]);
    assert_eq!(Entry::decode(&callout("PUT /v1/responses").body).unwrap().body, b"new");
    proxy.stream().request(GET, b"");
    assert_eq!(with(|host| host.local_replies.pop()).unwrap().body, b"new");
}

#[test]
fn a_response_brings_tags_along() {
    let with_tags = |value| [OK_JSON, &[("surrogate-key", value)]].concat();
    let entry = stored(&[], &with_tags("item-7 shop"), &["x"]).unwrap();
    assert_eq!(entry.tags, ["items", "item-7", "shop"]);
    assert_eq!(stored(&[], &with_tags("caf\u{e9}"), &["x"]), None, "no purge could name it");
    let status = response_header("cache-status");
    assert_eq!(status.as_deref(), Some("slipstream; fwd=miss; detail=tags"));
}
