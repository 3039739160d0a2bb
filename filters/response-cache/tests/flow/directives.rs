//! What clients say of their requests' being answered from a cache.

use crate::support::*;
use cache_protocol::Entry;
use serde_json::json;
use slipstream_host::Action;
use slipstream_host::double::{advance_ms, request_header, with};

/// A response that became stale 9 seconds ago, with this Cache-Control.
fn old(directives: &str) -> Entry {
    let mut old = entry("stored");
    old.response_time_ms -= 9_000;
    old.freshness_lifetime_ms = 1_000;
    old.headers.push((b"cache-control".to_vec(), directives.as_bytes().to_vec()));
    old
}

#[test]
fn who_takes_stale_responses_gets_them() {
    for (asked, stored, is_served) in [
        ("max-stale", "max-age=1", true),
        ("max-stale=9", "max-age=1", true),
        ("max-stale=8", "max-age=1", false),
        ("max-stale=60, max-stale=8", "max-age=1", false),
        ("max-stale", "max-age=1, must-revalidate", false),
        ("max-stale", "s-maxage=1", false),
        ("max-stale, no-cache", "max-age=1", false),
    ] {
        let proxy = leased_proxy();
        let more = [("cache-control", asked)];
        let mut stream = proxy.stream();
        stream.request(&get(&more), b"");
        answer_hit(&mut stream, &old(stored));
        assert_eq!((reply().is_some(), resumed() == 1), (is_served, !is_served), "{asked}; {stored}");
        if is_served {
            // It is in L1 now, and served from there without asking again.
            let again = answered(&proxy, &more);
            assert_eq!(again.header("cache-status"), Some("slipstream; hit; ttl=-9"));
            assert_eq!(again.header("x-cache"), Some("STALE"));
            assert_eq!(count(&proxy, "reason=.=max-stale;.;", "stale_served"), 2);
        }
    }
}

#[test]
fn who_wants_the_origin_s_answer_has_what_is_stored_validated() {
    for forced in [("cache-control", "no-cache"), ("cache-control", "max-age=0"), ("pragma", "no-cache")] {
        let proxy = leased_proxy();
        fetched(&proxy, &[], &ok(&[("etag", "\"v1\"")]), "stored");
        stored(&proxy);
        let mut stream = proxy.stream();
        assert_eq!(stream.request(&get(&[forced]), b""), Action::Continue, "{forced:?}");
        assert_eq!(find_callout("GET /v1/responses"), None, "what L1 has is known");
        assert_eq!(request_header("if-none-match").as_deref(), Some("\"v1\""), "{forced:?}");
        stream.response_headers(&[(":status", "304")], true);
        let reply = reply().unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"stored".as_slice()));
        assert_eq!(reply.header("cache-status"), Some("slipstream; fwd=request; fwd-status=304; stored"));
        assert_eq!(stored(&proxy).body, b"stored");
        assert_eq!(count(&proxy, "outcome=.=forced;.;", "lookups"), 1, "{forced:?}");
    }
}

#[test]
fn what_only_the_companion_has_is_validated_for_them_too() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    assert_eq!(stream.request(&get(&[("cache-control", "no-cache")]), b""), Action::Pause);
    answer_hit(&mut stream, &entry("stored"));
    assert_eq!((reply(), resumed()), (None, 1));
    assert_eq!(request_header("if-none-match").as_deref(), Some("\"v1\""));
    stream.response_headers(&ok(&[]), true);
    assert_eq!(told(), "slipstream; fwd=request; stored");
}

#[test]
fn who_wants_a_stored_response_or_none_never_reaches_the_origin() {
    let only = ("cache-control", "only-if-cached");
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    assert_eq!(stream.request(&get(&[only]), b""), Action::Pause);
    answer_hit(&mut stream, &old("max-age=1"));
    let refusal = reply().unwrap();
    assert_eq!((refusal.status, refusal.header("x-cache")), (504, Some("MISS")));
    assert_eq!(refusal.header("cache-status"), Some("slipstream; fwd=miss; detail=only-if-cached"));
    assert_eq!(resumed(), 0);
    let stale = answered(&proxy_with_old(), &[("cache-control", "only-if-cached, max-stale")]);
    assert_eq!((stale.status, stale.header("x-cache")), (200, Some("STALE")));
    fetched(&proxy, &[], OK_JSON, "stored");
    assert_eq!(answered(&proxy, &[only]).body, b"stored");
}

/// A proxy that has something stale in L1.
fn proxy_with_old() -> Proxy {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(&get(&[("cache-control", "max-stale")]), b"");
    answer_hit(&mut stream, &old("max-age=1"));
    reply().unwrap();
    proxy
}

#[test]
fn what_is_stale_in_the_worker_may_be_fresh_at_the_companion() {
    for more in [
        &[("cache-control", "only-if-cached")][..],
        &[("range", "bytes=0-1")],
        &[("cache-control", "max-age=60")],
        &[],
    ] {
        let proxy = proxy_with_old();
        let mut stream = proxy.stream();
        assert_eq!(stream.request(&get(more), b""), Action::Pause, "{more:?}");
        answer_hit(&mut stream, &entry("fresher"));
        let reply = reply().unwrap_or_else(|| panic!("{more:?}"));
        assert!(b"fresher".starts_with(&reply.body) && reply.status < 300, "{more:?}: {reply:?}");
    }
    // Where the companion has nothing, or fails, there is what the worker has.
    for status in [404, 503] {
        let proxy = proxy_with_old();
        let mut stream = proxy.stream();
        stream.request(GET, b"");
        let position = POSITION.to_string();
        let lookup = callout("GET /v1/responses");
        stream.answer(lookup.token, Some(status), &[("slipstream-position", &position)], b"");
        assert_eq!(request_header("if-none-match").as_deref(), Some("\"v1\""), "{status}");
        stream.response_headers(&[(":status", "304")], true);
        let told = reply().unwrap().header("cache-status").unwrap().to_owned();
        assert_eq!(told, "slipstream; fwd=stale; fwd-status=304; stored", "{status}");
    }
}

#[test]
fn who_wants_it_young_or_for_long_gets_no_other() {
    for (directives, is_served) in
        [("max-age=10", true), ("max-age=9", false), ("min-fresh=290", true), ("min-fresh=291", false)]
    {
        let proxy = leased_proxy();
        fetched(&proxy, &[], OK_JSON, "stored");
        for _ in 0..20 {
            advance_ms(500);
            answer_poll(&proxy, POSITION, false, "[]");
        }
        let mut stream = proxy.stream();
        stream.request(&get(&[("cache-control", directives)]), b"");
        assert_eq!(reply().is_some(), is_served, "{directives}");
    }
}

#[test]
fn a_route_may_ignore_what_they_say() {
    for directive in [
        ("cache-control", "no-cache"),
        ("cache-control", "no-store"),
        ("cache-control", "max-age=0"),
        ("cache-control", "min-fresh=9999"),
        ("pragma", "no-cache"),
    ] {
        let proxy = leased_proxy();
        settings(&json!({"default_ttl_seconds": 300, "ignore_client_directives": true}));
        fetched(&proxy, &[directive], OK_JSON, "x");
        assert_eq!(stored(&proxy).body, b"x", "{directive:?}");
        assert_eq!(answered(&proxy, &[directive]).header("x-cache"), Some("HIT"), "{directive:?}");
    }
    let proxy = leased_proxy();
    settings(&json!({"ignore_client_directives": true}));
    forwarded(&proxy, &[("cache-control", "only-if-cached")]);
}

#[test]
fn a_route_that_does_not_goes_past_for_who_forbids_storing() {
    let proxy = leased_proxy();
    fetched(&proxy, &[], OK_JSON, "x");
    let mut stream = proxy.stream();
    assert_eq!(stream.request(&get(&[("cache-control", "no-store")]), b""), Action::Continue);
    stream.response_headers(OK_JSON, true);
    assert_eq!(told(), "slipstream; fwd=bypass; detail=no-store");
    assert_eq!(with(|host| host.local_replies.len()), 0);
}
