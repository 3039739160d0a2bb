//! One of all workers and proxies fetches, under a lease of the companion's, while the others wait.

use crate::support::*;
use cache_protocol::Entry;
use slipstream_host::double::advance_ms;

/// What has been given back: its key, its lease, and for how long nobody is to wait.
fn released() -> Option<[Option<String>; 3]> {
    let release = find_callout("DELETE /v1/leases")?;
    Some(
        ["slipstream-key", "slipstream-lease", "slipstream-pass-ms"]
            .map(|name| release.header(name).map(str::to_owned)),
    )
}

fn given_back(pass_ms: Option<&str>) -> Option<[Option<String>; 3]> {
    Some([Some(KEY), Some(LEASE), pass_ms].map(|value| value.map(str::to_owned)))
}

/// Asks for something else, which is answered with this status.
fn ask(proxy: &Proxy, path: &str, status: Option<u16>) {
    let mut other = proxy.stream();
    other.request(&[(":method", "GET"), (":authority", "a"), (":path", path)], b"");
    let position = POSITION.to_string();
    let fields = [("slipstream-position", position.as_str())];
    other.answer(callout("GET /v1/responses").token, status, &fields, b"");
}

/// Fails so often that the companion is left alone from now on.
fn leave_alone(proxy: &Proxy) {
    for path in ["/1", "/2", "/3", "/4", "/5"] {
        ask(proxy, path, None);
    }
    while released().is_some() {}
}

#[test]
fn a_lookup_asks_for_a_lease_as_long_as_others_wait() {
    for (wait_ms, asked) in [(None, Some("5000")), (Some(700), Some("700")), (Some(0), None)] {
        let wait = wait_ms.map(|wait_ms| format!(r#", "collapse_wait_ms": {wait_ms}"#)).unwrap_or_default();
        let proxy = leased_proxy_with(&format!(r#"{{"companion": {{"cluster": "companion"}}{wait}}}"#));
        proxy.stream().request(GET, b"");
        let lookup = callout("GET /v1/responses");
        assert_eq!(lookup.header("slipstream-lease-ms"), asked, "{wait_ms:?}");
        assert_eq!(lookup.header("slipstream-lease"), asked.map(|_| LEASE), "{wait_ms:?}: which one");
        assert_eq!((lookup.header("slipstream-wait-ms"), lookup.timeout_ms), (None, 100), "{wait_ms:?}");
    }
}

#[test]
fn who_could_store_nothing_asks_for_none() {
    let head = HEAD.to_vec();
    for request in [
        head,
        get(&[("range", "bytes=0-1")]),
        get(&[("cache-control", "no-cache")]),
        get(&[("cache-control", "only-if-cached")]),
    ] {
        let proxy = leased_proxy();
        proxy.stream().request(&request, b"");
        assert_eq!(callout("GET /v1/responses").header("slipstream-lease-ms"), None, "{request:?}");
    }
}

#[test]
fn what_is_fetched_under_a_lease_is_stored_under_it() {
    let proxy = leased_proxy();
    let mut stream = leased(&proxy);
    stream.response_headers(OK_JSON, false);
    stream.response_body(b"x", true);
    let store = callout("PUT /v1/responses");
    assert_eq!(store.header("slipstream-lease"), Some(LEASE));
    drop(stream);
    assert_eq!(released(), None, "the store has ended it");
    assert_eq!(answered(&proxy, &[]).body, b"x");
}

#[test]
fn what_is_validated_under_a_lease_is_stored_under_it() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(GET, b"");
    let lookup = callout("GET /v1/responses");
    let old = Entry { freshness_lifetime_ms: 500, ..entry("x") };
    let fields = [("slipstream-fetch", "lead")];
    stream.answer(lookup.token, Some(200), &fields, &old.encode());
    assert_eq!(resumed(), 1);
    stream.response_headers(&[(":status", "304"), ("cache-control", "max-age=60")], true);
    assert_eq!(callout("PUT /v1/responses").header("slipstream-lease"), Some(LEASE));
    drop(stream);
    assert_eq!(released(), None);
}

#[test]
fn what_is_fresh_here_though_not_by_the_companions_clock_gives_the_lease_back() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(GET, b"");
    let lookup = callout("GET /v1/responses");
    let fields = [("slipstream-fetch", "lead")];
    stream.answer(lookup.token, Some(200), &fields, &entry("x").encode());
    assert_eq!(released(), given_back(None));
    assert_eq!(answered(&proxy, &[]).body, b"x");
    drop(stream);
    assert_eq!(released(), None, "once");
}

#[test]
fn what_varies_ends_the_lease_where_others_wait_for_it() {
    let proxy = leased_proxy();
    let mut stream = leased(&proxy);
    stream.response_headers(&ok(&[("vary", "accept-language")]), false);
    stream.response_body(b"x", true);
    let variant = callout("PUT /v1/responses");
    assert_eq!(variant.header("slipstream-lease"), None);
    proxy.answer(variant.token, Some(204), &[], b"");
    let marker = callout("PUT /v1/responses");
    assert_eq!(
        (marker.header("slipstream-key"), marker.header("slipstream-lease")),
        (Some(KEY), Some(LEASE))
    );
    drop(stream);
    assert_eq!(released(), None);
}

#[test]
fn what_is_not_stored_gives_the_lease_back_and_nobody_waits_for_a_while() {
    type Response<'a> = &'a [(&'a str, &'a str)];
    let too_large = "x".repeat((1 << 20) + 1);
    let cases: [(Response<'_>, &str, Option<&str>); 4] = [
        (&[(":status", "200"), ("cache-control", "no-store")], "x", Some("10000")),
        (&[(":status", "500")], "x", Some("10000")),
        (OK_JSON, &too_large, Some("10000")),
        // This one may be whole the next time.
        (&[(":status", "200"), ("content-length", "9")], "cut off", None),
    ];
    for (response, body, pass_ms) in cases {
        let proxy = leased_proxy();
        let mut stream = leased(&proxy);
        stream.response_headers(response, false);
        stream.response_body(body.as_bytes(), true);
        assert_eq!(find_callout("PUT /v1/responses"), None, "{response:?}");
        assert_eq!(released(), given_back(pass_ms), "{response:?}");
        drop(stream);
        assert_eq!(released(), None, "{response:?}: once");
    }
}

#[test]
fn a_client_that_goes_gives_its_lease_back() {
    for has_answer in [false, true] {
        let proxy = leased_proxy();
        let mut stream = leased(&proxy);
        if has_answer {
            stream.response_headers(OK_JSON, false);
            stream.response_body(b"half", false);
        }
        assert_eq!(released(), None);
        drop(stream);
        assert_eq!(released(), given_back(None));
    }
}

#[test]
fn a_store_that_cannot_be_sent_gives_the_lease_back_for_what_varies() {
    let proxy = leased_proxy();
    let mut stream = leased(&proxy);
    stream.response_headers(&ok(&[("vary", "accept-language")]), false);
    stream.response_body(b"x", true);
    let variant = callout("PUT /v1/responses");
    leave_alone(&proxy);
    proxy.answer(variant.token, Some(204), &[], b"");
    assert_eq!((find_callout("PUT /v1/responses"), released()), (None, None), "nor is it given back before");
    advance_ms(1_000);
    ask(&proxy, "/other", Some(404));
    proxy.tick_after_ms(20);
    assert_eq!(released(), given_back(None));
}

#[test]
fn a_companion_that_knows_no_leases_does_as_well() {
    for fields in [&[][..], &[("slipstream-fetch", "later")]] {
        let proxy = leased_proxy();
        let mut stream = proxy.stream();
        stream.request(GET, b"");
        let position = POSITION.to_string();
        let fields = [&[("slipstream-position", position.as_str())], fields].concat();
        stream.answer(callout("GET /v1/responses").token, Some(404), &fields, b"");
        stream.response_headers(OK_JSON, true);
        assert_eq!(callout("PUT /v1/responses").header("slipstream-lease"), None);
        drop(stream);
        assert_eq!(released(), None);
    }
}

#[test]
fn a_client_that_goes_before_the_answer_comes_gives_back_what_it_may_have_got() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(GET, b"");
    callout("GET /v1/responses");
    drop(stream);
    assert_eq!(released(), given_back(None));
}

#[test]
fn whoever_hears_no_answer_holds_the_lease_as_far_as_it_knows() {
    for answer in [None, Some(503), Some(500), Some(200)] {
        let proxy = leased_proxy();
        let mut stream = proxy.stream();
        stream.request(GET, b"");
        stream.answer(callout("GET /v1/responses").token, answer, &[], b"not for you");
        assert_eq!((resumed(), released()), (1, None), "{answer:?}");
        stream.response_headers(OK_JSON, true);
        assert_eq!(callout("PUT /v1/responses").header("slipstream-lease"), Some(LEASE), "{answer:?}");
        drop(stream);
        assert_eq!(released(), None, "{answer:?}");
    }
}

#[test]
fn a_lease_that_a_store_has_not_ended_is_given_back_until_that_is_acknowledged() {
    for stored in [None, Some(503), Some(413), Some(400)] {
        let proxy = leased_proxy();
        let mut stream = leased(&proxy);
        stream.response_headers(OK_JSON, true);
        proxy.answer(callout("PUT /v1/responses").token, stored, &[], b"");
        for released in [None, Some(503), Some(204)] {
            proxy.tick_after_ms(20);
            let release = callout("DELETE /v1/leases");
            assert_eq!(release.header("slipstream-lease"), Some(LEASE));
            proxy.tick_after_ms(20);
            assert_eq!(find_callout("DELETE /v1/leases"), None, "one at a time");
            proxy.answer(release.token, released, &[], b"");
        }
        proxy.tick_after_ms(20);
        assert_eq!(released(), None, "{stored:?}: acknowledged");
    }
}

#[test]
fn a_lease_that_has_ended_or_run_out_is_not_given_back() {
    for (stored, after_ms) in [(Some(204), 20), (Some(409), 20), (None, 5_000)] {
        let proxy = leased_proxy();
        let mut stream = leased(&proxy);
        stream.response_headers(OK_JSON, true);
        proxy.answer(callout("PUT /v1/responses").token, stored, &[], b"");
        proxy.tick_after_ms(after_ms);
        assert_eq!(released(), None, "{stored:?} {after_ms}");
    }
}

#[test]
fn a_companion_that_is_left_alone_gets_its_lease_back_afterwards() {
    let proxy = leased_proxy_with(r#"{"companion": {"cluster": "companion", "breaker_open_ms": 1000}}"#);
    let mut stream = leased(&proxy);
    leave_alone(&proxy);
    stream.response_headers(OK_JSON, true);
    assert_eq!(find_callout("PUT /v1/responses"), None, "it cannot be stored");
    proxy.tick_after_ms(20);
    assert_eq!(released(), None, "not while it is left alone");
    advance_ms(1_000);
    ask(&proxy, "/other", Some(404));
    proxy.tick_after_ms(20);
    assert_eq!(released(), given_back(None));
}
