//! What is stale is served while it is refreshed in the background (RFC 5861 §3).

use crate::refresh::{CONFIG, ETAG, WINDOW, answer_old, released};
use crate::support::*;
use serde_json::json;
use slipstream_host::Action;
use slipstream_host::double::{request_header, with};

#[test]
fn the_stale_one_is_served_at_once_and_refreshed_once() {
    let proxy = leased_proxy_with(CONFIG);
    let mut stream = proxy.stream();
    assert_eq!(stream.request(GET, b""), Action::Pause);
    answer_old(&mut stream, &[WINDOW, ETAG], "lead");
    let stale = reply().unwrap();
    assert_eq!((stale.status, stale.body.as_slice()), (200, b"stored".as_slice()));
    assert_eq!((stale.header("x-cache"), stale.header("age")), (Some("STALE"), Some("10")));
    assert_eq!(stale.header("cache-status"), Some("slipstream; hit; ttl=-9"));
    assert_eq!(resumed(), 0);
    let refresh = callout("GET /api/items");
    assert_eq!((refresh.cluster.as_str(), refresh.timeout_ms), ("self", 700));
    // Whoever comes meanwhile is told by the companion that it is being done.
    for _ in 0..2 {
        let mut other = proxy.stream();
        other.request(GET, b"");
        answer_old(&mut other, &[WINDOW, ETAG], "wait");
        assert_eq!(reply().unwrap().header("x-cache"), Some("STALE"));
    }
    assert_eq!((find_callout("GET /api/items"), resumed()), (None, 0));
    assert_eq!(count(&proxy, "reason=.=revalidating;.;", "stale_served"), 3);
}

#[test]
fn without_a_place_to_refresh_at_the_origin_is_asked_first() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(GET, b"");
    answer_old(&mut stream, &[WINDOW, ETAG], "lead");
    assert_eq!((reply(), resumed()), (None, 1));
    assert_eq!(request_header("if-none-match").as_deref(), Some("\"v1\""));
}

#[test]
fn a_refresh_that_cannot_be_sent_gives_the_lease_back() {
    let proxy = leased_proxy_with(CONFIG);
    let mut stream = proxy.stream();
    stream.request(GET, b"");
    with(|host| host.failing.insert("get_shared_data"));
    answer_old(&mut stream, &[WINDOW], "lead");
    assert_eq!(reply().unwrap().header("x-cache"), Some("STALE"));
    assert_eq!(released(), Some((LEASE.to_owned(), None)));
}

#[test]
fn only_what_may_be_served_stale_is() {
    type Fields<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, Fields<'_>, Option<u64>, bool); 13] = [
        ("max-age=1, stale-while-revalidate=60", &[], None, true),
        ("max-age=1, stale-while-revalidate=10", &[], None, true),
        ("max-age=1, stale-while-revalidate=9", &[], None, false),
        ("max-age=1", &[], None, false),
        ("max-age=1", &[], Some(60), true),
        ("max-age=1", &[], Some(9), false),
        ("max-age=1, stale-while-revalidate=0", &[], Some(60), false),
        ("max-age=1, stale-while-revalidate=60, must-revalidate", &[], None, false),
        ("max-age=1, proxy-revalidate", &[], Some(60), false),
        ("s-maxage=1", &[], Some(60), false),
        ("s-maxage=1, stale-while-revalidate=60", &[], None, true),
        ("max-age=1, stale-while-revalidate=60", &[("cache-control", "max-age=100")], None, false),
        ("max-age=1, stale-while-revalidate=60", &[("cache-control", "min-fresh=1")], None, false),
    ];
    for (directives, more, seconds, is_served) in cases {
        let proxy = leased_proxy_with(CONFIG);
        settings(&json!({"stale_while_revalidate_seconds": seconds}));
        let mut stream = proxy.stream();
        stream.request(&get(more), b"");
        answer_old(&mut stream, &[("cache-control", directives)], "lead");
        assert_eq!(reply().is_some(), is_served, "{directives} {more:?} {seconds:?}");
        assert_eq!(find_callout("GET /api/items").is_some(), is_served, "{directives} {more:?} {seconds:?}");
    }
}

#[test]
fn a_head_is_served_stale_and_sets_nothing_off() {
    let proxy = leased_proxy_with(CONFIG);
    let mut stream = proxy.stream();
    stream.request(HEAD, b"");
    answer_old(&mut stream, &[WINDOW], "lead");
    assert_eq!(reply().unwrap().header("x-cache"), Some("STALE"));
    assert_eq!(find_callout("GET /api/items"), None);
}
