//! Waiting at the companion for whoever fetches under a lease.

use crate::support::*;
use serde_json::json;
use slipstream_host::Action;
use slipstream_host::double::{advance_ms, take_woken};

#[test]
fn who_is_to_wait_asks_again_and_waits_at_the_companion() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(GET, b"");
    advance_ms(200);
    answer_fetch(&mut stream, "wait");
    assert_eq!(resumed(), 0);
    let lookup = callout("GET /v1/responses");
    assert_eq!(lookup.header("slipstream-wait-ms"), Some("4800"), "what is left of its patience");
    assert_eq!((lookup.header("slipstream-lease-ms"), lookup.timeout_ms), (Some("4800"), 4_900));
    stream.answer(lookup.token, Some(200), &[], &entry("theirs").encode());
    assert_eq!(reply().unwrap().body, b"theirs");
    assert_eq!(answered(&proxy, &[]).body, b"theirs");
}

#[test]
fn whoever_has_waited_may_be_the_next_to_lead() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(GET, b"");
    answer_fetch(&mut stream, "wait");
    answer_fetch(&mut stream, "lead");
    assert_eq!(resumed(), 1);
    stream.response_headers(OK_JSON, true);
    assert_eq!(callout("PUT /v1/responses").header("slipstream-lease"), Some(LEASE));
}

#[test]
fn nobody_waits_twice_or_without_time() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(GET, b"");
    answer_fetch(&mut stream, "wait");
    answer_fetch(&mut stream, "wait");
    assert_eq!((resumed(), find_callout("GET /v1/responses")), (1, None), "it has waited once");
    let late = leased_proxy();
    let mut stream = late.stream();
    stream.request(GET, b"");
    advance_ms(5_000);
    answer_fetch(&mut stream, "wait");
    assert_eq!((resumed(), find_callout("GET /v1/responses")), (1, None), "its time is over");
}

/// What the companion fails at meanwhile.
#[derive(Debug)]
enum Failing {
    Lookup(Option<u16>),
    Poll,
}

#[test]
fn nobody_waits_at_a_companion_that_fails() {
    for failing in
        [Failing::Lookup(None), Failing::Lookup(Some(503)), Failing::Lookup(Some(200)), Failing::Poll]
    {
        let proxy = leased_proxy();
        let mut first = proxy.stream();
        first.request(GET, b"");
        let mut waiter = proxy.stream();
        waiter.request(GET, b"");
        answer_fetch(&mut first, "wait");
        let unanswered = callout("GET /v1/responses");
        assert_eq!(take_woken(), []);
        match failing {
            Failing::Lookup(status) => {
                let mut other = proxy.stream();
                other.request(&[(":method", "GET"), (":authority", "a"), (":path", "/other")], b"");
                other.answer(callout("GET /v1/responses").token, status, &[], b"noise");
                assert_eq!(resumed(), 1);
            }
            Failing::Poll => {
                proxy.tick_after_ms(20);
                proxy.answer(callout("GET /v1/invalidations").token, None, &[], b"");
            }
        }
        assert_eq!(take_woken(), [first.id()], "{failing:?}: the others wait for it as before");
        first.wake();
        assert_eq!(resumed(), 1);
        // What comes too late changes nothing.
        first.answer(unanswered.token, Some(200), &[], &entry("theirs").encode());
        assert_eq!((resumed(), reply()), (0, None));
        first.response_headers(OK_JSON, false);
        first.response_body(b"mine", true);
        assert_eq!(
            callout("PUT /v1/responses").header("slipstream-lease"),
            Some(LEASE),
            "which it may have got"
        );
        proxy.tick_after_ms(20);
        assert_eq!(take_woken(), [waiter.id()]);
        waiter.wake();
        assert_eq!(reply().unwrap().body, b"mine");
    }
}

#[test]
fn what_the_companion_has_nobody_wait_for_is_fetched_by_each() {
    let proxy = leased_proxy();
    let mut first = proxy.stream();
    first.request(GET, b"");
    let mut waiter = proxy.stream();
    assert_eq!((waiter.request(GET, b""), find_callout("PUT /v1/responses")), (Action::Pause, None));
    answer_fetch(&mut first, "pass");
    assert_eq!(resumed(), 1);
    assert_eq!(take_woken(), [waiter.id()], "it is told at once");
    waiter.wake();
    assert_eq!(resumed(), 1, "and waits for nobody");
    // From now on this worker does not ask for leave either.
    proxy.stream().request(GET, b"");
    assert_eq!(callout("GET /v1/responses").header("slipstream-lease-ms"), None);
    first.response_headers(&[(":status", "200"), ("cache-control", "no-store")], true);
    assert_eq!(find_callout("DELETE /v1/leases"), None, "it has none to give back");
}

#[test]
fn those_in_the_worker_wait_for_what_is_waited_for_at_the_companion() {
    let proxy = leased_proxy();
    let mut first = proxy.stream();
    first.request(GET, b"");
    let mut waiters = [(); 3].map(|()| proxy.stream());
    for waiter in &mut waiters {
        assert_eq!(waiter.request(GET, b""), Action::Pause);
    }
    answer_fetch(&mut first, "wait");
    let lookup = callout("GET /v1/responses");
    assert_eq!(find_callout("GET /v1/responses"), None, "one lookup for all");
    first.answer(lookup.token, Some(200), &[], &entry("theirs").encode());
    assert_eq!(take_woken(), waiters.each_ref().map(Stream::id));
    waiters.iter_mut().for_each(Stream::wake);
    for _ in 0..4 {
        assert_eq!(reply().unwrap().body, b"theirs");
    }
    assert_eq!((count(&proxy, "outcome=.=collapsed;.;", "lookups"), resumed()), (3, 0));
}

#[test]
fn what_has_to_be_validated_each_time_is_waited_for_by_nobody() {
    let proxy = leased_proxy();
    settings(&json!({"preset": "rfc9111"}));
    let mut first = leased(&proxy);
    let mut waiter = proxy.stream();
    waiter.request(GET, b"");
    first.response_headers(&ok(&[("cache-control", "no-cache"), ("etag", "\"v1\"")]), false);
    first.response_body(b"x", true);
    assert_eq!(callout("PUT /v1/responses").header("slipstream-lease"), Some(LEASE));
    proxy.tick_after_ms(20);
    assert_eq!(take_woken(), [waiter.id()]);
    waiter.wake();
    assert_eq!(resumed(), 1, "it asks for itself");
}
