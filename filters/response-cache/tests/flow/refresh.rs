//! Refreshing in the background what is served stale.

use crate::support::*;
use cache_protocol::Entry;
use slipstream_host::Action;
use slipstream_host::double::{SentCallout, metric, request_header, with};

/// A filter that has a place to refresh at.
pub const CONFIG: &str =
    r#"{"companion": {"cluster": "companion"}, "refresh": {"cluster": "self", "timeout_ms": 700}}"#;
/// May be served stale for a while.
pub const WINDOW: (&str, &str) = ("cache-control", "max-age=1, stale-while-revalidate=60");
pub const ETAG: (&str, &str) = ("etag", "\"v1\"");

/// A response that became stale 9 seconds ago.
pub fn old(fields: &[(&str, &str)]) -> Entry {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    let mut old = entry("stored");
    old.response_time_ms -= 9_000;
    old.freshness_lifetime_ms = 1_000;
    old.headers = fields.collect();
    old
}

/// Answers the lookup under way with this response, and with who is to fetch it.
pub fn answer_old(stream: &mut Stream, fields: &[(&str, &str)], fetch: &str) {
    let lookup = callout("GET /v1/responses");
    let answer = [("slipstream-fetch", fetch)];
    stream.answer(lookup.token, Some(200), &answer, &old(fields).encode());
}

/// The refresh that a client's request with these fields sets off, and the proxy that it did so at.
fn refresh_by(more: &[(&str, &str)]) -> (Proxy, SentCallout) {
    let proxy = leased_proxy_with(CONFIG);
    let mut stream = proxy.stream();
    assert_eq!(stream.request(&get(more), b""), Action::Pause);
    answer_old(&mut stream, &[WINDOW, ETAG], "lead");
    reply().unwrap();
    let refresh = callout("GET /api/items");
    (proxy, refresh)
}

/// The request that a refresh makes at its own listener.
fn refreshing(proxy: &Proxy, refresh: &SentCallout) -> (Stream, Action) {
    let fields: Vec<_> =
        refresh.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut stream = proxy.stream();
    let action = stream.request(&fields, b"");
    assert_eq!(request_header("x-slipstream-refresh"), None, "it does not go on to the origin");
    (stream, action)
}

/// The lease that has been given back, and for how long nobody is to wait.
pub fn released() -> Option<(String, Option<String>)> {
    let release = find_callout("DELETE /v1/leases")?;
    assert_eq!(release.header("slipstream-key"), Some(KEY));
    let pass = release.header("slipstream-pass-ms").map(str::to_owned);
    Some((release.header("slipstream-lease").unwrap().to_owned(), pass))
}

#[test]
fn it_asks_for_what_the_client_has_asked_for_without_what_is_the_client_s_own() {
    let mine = [
        ("accept-language", "de"),
        ("user-agent", "me"),
        ("cache-control", "max-stale=1"),
        ("pragma", "x"),
        ("if-none-match", "\"v1\""),
        ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("if-range", "\"v1\""),
        ("connection", "te"),
        ("te", "trailers"),
        ("proxy-authorization", "secret"),
        ("x-envoy-internal", "true"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-request-id", "7"),
        ("x-slipstream-refresh", "forged"),
        (":scheme", "https"),
    ];
    let (_, refresh) = refresh_by(&mine);
    let mut fields: Vec<_> =
        refresh.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (_, mark) = fields.pop_if(|(name, _)| *name == ":scheme").and_then(|_| fields.pop()).unwrap();
    assert!(mark.ends_with(&format!(":{LEASE}")) && mark.len() > 16 + LEASE.len(), "{mark}");
    let expected = [
        (":method", "GET"),
        (":path", "/api/items?b=2&a=1"),
        (":authority", "shop.example"),
        ("accept-language", "de"),
        ("user-agent", "me"),
    ];
    assert_eq!(fields, expected);
    assert_eq!(refresh.header(":scheme"), Some("https"));
}

#[test]
fn it_validates_and_stores_under_the_lease_and_counts_as_nobody() {
    let (proxy, refresh) = refresh_by(&[]);
    let (mut stream, action) = refreshing(&proxy, &refresh);
    assert_eq!((action, find_callout("GET /v1/responses")), (Action::Continue, None), "L1 has it");
    assert_eq!(request_header("if-none-match").as_deref(), Some("\"v1\""));
    stream.response_headers(&[(":status", "304"), ("cache-control", "max-age=60")], true);
    assert_eq!(
        reply().unwrap().header("cache-status"),
        Some("slipstream; fwd=stale; fwd-status=304; stored")
    );
    let store = callout("PUT /v1/responses");
    assert_eq!(store.header("slipstream-lease"), Some(LEASE));
    assert_eq!(
        (entry_of(&store).body.as_slice(), entry_of(&store).freshness_lifetime_ms),
        (b"stored".as_slice(), 60_000)
    );
    drop(stream);
    proxy.answer(refresh.token, Some(200), &[], b"stored");
    assert_eq!(released(), None, "the store has ended it");
    assert_eq!(answered(&proxy, &[]).header("x-cache"), Some("HIT"));
    export(&proxy);
    let labels = "service=.=shop;.;route=.=items;.;method=.=GET;.;";
    for (name, expected) in [("hits", 2), ("misses", 0)] {
        let counted = metric(&format!("{labels}opt004_cache_{name}_total"));
        assert_eq!(counted, Some(expected), "the client's two, not the refresh: {name}");
    }
    assert_eq!(count(&proxy, "outcome=.=answered;.;", "refreshes"), 1);
}

#[test]
fn what_has_changed_takes_the_place_of_the_stale_one() {
    let (proxy, refresh) = refresh_by(&[]);
    let (mut stream, _) = refreshing(&proxy, &refresh);
    stream.response_headers(&ok(&[("cache-control", "max-age=60")]), false);
    stream.response_body(b"new", true);
    assert_eq!(callout("PUT /v1/responses").header("slipstream-lease"), Some(LEASE));
    assert_eq!(answered(&proxy, &[]).body, b"new");
}

#[test]
fn a_worker_that_does_not_have_it_looks_it_up_and_asks_for_no_lease() {
    let (_, refresh) = refresh_by(&[]);
    // Another VM of the same process.
    let secret = with(|host| host.shared_data("slipstream.refresh").unwrap().to_vec());
    let proxy = leased_proxy_with(CONFIG);
    with(|host| host.share("slipstream.refresh", &secret));
    let (mut stream, action) = refreshing(&proxy, &refresh);
    assert_eq!(action, Action::Pause);
    let lookup = callout("GET /v1/responses");
    assert_eq!(lookup.header("slipstream-lease-ms"), None);
    stream.answer(lookup.token, Some(200), &[], &old(&[WINDOW, ETAG]).encode());
    assert_eq!((reply(), resumed()), (None, 1), "stale is not good enough for it");
    assert_eq!(request_header("if-none-match").as_deref(), Some("\"v1\""));
}

#[test]
fn what_may_not_be_stored_any_longer_gives_the_lease_back() {
    let (proxy, refresh) = refresh_by(&[]);
    let (mut stream, _) = refreshing(&proxy, &refresh);
    stream.response_headers(&[(":status", "200"), ("cache-control", "no-store")], false);
    assert_eq!(released(), Some((LEASE.to_owned(), Some("10000".to_owned()))));
    assert_eq!(find_callout("PUT /v1/responses"), None);
    drop(stream);
    assert_eq!(released(), None);
}

#[test]
fn a_refresh_without_an_answer_gives_the_lease_back() {
    let (proxy, refresh) = refresh_by(&[]);
    proxy.answer(refresh.token, None, &[], b"");
    assert_eq!(released(), Some((LEASE.to_owned(), None)));
    assert_eq!(count(&proxy, "outcome=.=unanswered;.;", "refreshes"), 1);
    let (proxy, refresh) = refresh_by(&[]);
    proxy.answer(refresh.token, Some(503), &[], b"");
    assert_eq!(released(), None, "it came to where the lease is given back");
}

#[test]
fn nobody_else_can_say_that_it_is_a_refresh() {
    let (_, refresh) = refresh_by(&[]);
    let mark = refresh.header("x-slipstream-refresh").unwrap().to_owned();
    // The secret is another after a restart.
    for forged in [mark.as_str(), "", ":", &format!(":{LEASE}"), &format!("0123456789abcdef:{LEASE}")] {
        let proxy = leased_proxy_with(CONFIG);
        with(|host| host.random = 7);
        fetched(&proxy, &[], OK_JSON, "stored");
        let mut stream = proxy.stream();
        stream.request(&get(&[("x-slipstream-refresh", forged)]), b"");
        assert_eq!(reply().unwrap().header("x-cache"), Some("HIT"), "{forged}");
        // It is taken off all the same, whatever becomes of the request.
        for more in [("cache-control", "no-cache"), ("cache-control", "no-store"), ("cookie", "a=b")] {
            proxy.stream().request(&get(&[("x-slipstream-refresh", forged), more]), b"");
            assert_eq!(request_header("x-slipstream-refresh"), None, "{forged} {more:?}");
        }
    }
}
