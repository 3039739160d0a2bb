//! Identical misses wait for one fetch.

use crate::support::*;
use invalidation::Position;
use slipstream_host::Action;
use slipstream_host::double::{advance_ms, metric, take_woken, with};

fn resumed() -> usize {
    with(|host| std::mem::take(&mut host.resumed_requests))
}

/// A request that has missed at the companion and is at the origin.
fn leader(proxy: &Proxy) -> Stream {
    let mut leader = proxy.stream();
    assert_eq!(leader.request(GET, b""), Action::Pause);
    answer_miss(&mut leader);
    assert_eq!(resumed(), 1, "it leads");
    leader
}

/// Requests that wait for it.
fn waiters<const COUNT: usize>(proxy: &Proxy) -> [Stream; COUNT] {
    let waiters = [(); COUNT].map(|()| proxy.stream()).map(|mut waiter| {
        assert_eq!(waiter.request(GET, b""), Action::Pause);
        waiter
    });
    assert_eq!((resumed(), reply(), find_callout("GET /v1/responses")), (0, None, None), "they wait");
    waiters
}

/// Lets the plugin wake those it has something to tell, and tells how many went to the origin.
fn wake(proxy: &Proxy, waiters: &mut [Stream]) -> usize {
    proxy.tick_after_ms(20);
    for id in take_woken() {
        let waiter = waiters.iter_mut().find(|waiter| waiter.id() == id);
        waiter.unwrap().wake();
    }
    resumed()
}

/// One of those that were woken has asked the companion anew, and goes to the origin.
fn leads_now(stream: &mut Stream, position: Position) {
    let lookup = callout("GET /v1/responses");
    stream.answer(lookup.token, Some(404), &[("slipstream-position", &position.to_string())], b"");
    assert_eq!(resumed(), 1, "it leads");
}

fn lookups(proxy: &Proxy, outcome: &str) -> i64 {
    export(proxy);
    metric(&format!("outcome=.={outcome};.;slipstream_cache_lookups_total")).unwrap()
}

#[test]
fn those_who_wait_get_what_was_fetched() {
    for l1 in ["67108864", "0"] {
        let config = format!(r#"{{"companion": {{"cluster": "companion"}}, "l1": {{"max_bytes": {l1}}}}}"#);
        let proxy = leased_proxy_with(&config);
        let mut first = leader(&proxy);
        let mut others: [Stream; 3] = waiters(&proxy);
        first.response_headers(OK_JSON, false);
        first.response_body(b"one for ", false);
        assert_eq!((wake(&proxy, &mut others), reply()), (0, None), "it is not complete");
        first.response_body(b"all", true);
        assert_eq!(wake(&proxy, &mut others), 0);
        for _ in 0..3 {
            let reply = reply().unwrap();
            assert_eq!((reply.status, reply.body.as_slice()), (200, b"one for all".as_slice()));
            assert_eq!(reply.header("x-cache"), Some("HIT"));
        }
        assert_eq!(take_woken(), []);
        assert_eq!((lookups(&proxy, "collapsed"), lookups(&proxy, "miss")), (3, 1));
    }
}

#[test]
fn the_answer_to_the_store_wakes_them_too() {
    let proxy = leased_proxy();
    let mut first = leader(&proxy);
    let [other]: [Stream; 1] = waiters(&proxy);
    first.response_headers(OK_JSON, false);
    first.response_body(b"x", true);
    let store = callout("PUT /v1/responses");
    assert_eq!(take_woken(), []);
    proxy.answer(store.token, Some(204), &[], b"");
    assert_eq!(take_woken(), [other.id()]);
}

#[test]
fn different_responses_do_not_wait_for_each_other() {
    let proxy = leased_proxy();
    let _first = leader(&proxy);
    for more in [("accept-encoding", "gzip"), (":path", "/api/items?c=3"), (":method", "HEAD")] {
        let request: Vec<_> = GET.iter().filter(|(name, _)| *name != more.0).copied().chain([more]).collect();
        let mut other = proxy.stream();
        other.request(&request, b"");
        answer_miss(&mut other);
        assert_eq!(resumed(), 1, "{more:?}");
    }
    let mut forced = proxy.stream();
    forced.request(&[GET, &[("cache-control", "no-cache")]].concat(), b"");
    answer_miss(&mut forced);
    assert_eq!(resumed(), 1, "it wants the origin's own answer");
}

#[test]
fn what_is_not_stored_is_fetched_by_each_and_not_waited_for_again() {
    let proxy = leased_proxy();
    let mut first = leader(&proxy);
    let mut others: [Stream; 2] = waiters(&proxy);
    first.response_headers(&[(":status", "200"), ("cache-control", "no-store")], false);
    assert_eq!(wake(&proxy, &mut others), 2, "before it is complete");
    let _one = leader(&proxy);
    let _another = leader(&proxy);
}

#[test]
fn a_leader_that_goes_frees_its_followers_and_the_next_one_leads() {
    let proxy = leased_proxy();
    let first = leader(&proxy);
    let mut others: [Stream; 3] = waiters(&proxy);
    drop(first);
    assert_eq!(wake(&proxy, &mut others), 0, "one asks the companion anew, two go on waiting");
    leads_now(&mut others[0], POSITION);
    others[0].response_headers(&[(":status", "200"), ("content-length", "9")], false);
    others[0].response_body(b"cut off", true);
    let [_, second, third] = &mut others;
    let mut rest = [second, third].map(|other| std::mem::replace(other, proxy.stream()));
    assert_eq!(wake(&proxy, &mut rest), 0, "a response that is cut off is nobody's");
    leads_now(&mut rest[0], POSITION);
    rest[0].response_headers(OK_JSON, false);
    rest[0].response_body(b"whole", true);
    assert_eq!(wake(&proxy, &mut rest), 0);
    assert_eq!(reply().unwrap().body, b"whole");
}

#[test]
fn what_was_invalidated_meanwhile_is_served_to_nobody() {
    for waits_before in [true, false] {
        let proxy = leased_proxy();
        let mut first = leader(&proxy);
        let early: Option<[Stream; 2]> = waits_before.then(|| waiters(&proxy));
        let next = Position { seq: 8, ..POSITION };
        answer_poll(&proxy, next, false, r#"[{"seq":8,"kind":"tag","value":"items"}]"#);
        let mut others = early.unwrap_or_else(|| waiters(&proxy));
        first.response_headers(OK_JSON, false);
        first.response_body(b"old", true);
        assert_eq!((wake(&proxy, &mut others), reply()), (0, None), "one asks anew, the other waits for it");
        leads_now(&mut others[0], next);
        others[0].response_headers(OK_JSON, false);
        others[0].response_body(b"new", true);
        assert_eq!(wake(&proxy, &mut others), 0);
        assert_eq!(reply().unwrap().body, b"new");
    }
}

#[test]
fn what_nobody_can_vouch_for_is_fetched_by_each() {
    let proxy = leased_proxy();
    let mut first = leader(&proxy);
    let mut others: [Stream; 3] = waiters(&proxy);
    // The lease runs out.
    advance_ms(1_000);
    first.response_headers(OK_JSON, false);
    first.response_body(b"who knows", true);
    assert_eq!(wake(&proxy, &mut others), 3, "they go to the origin together");
    assert_eq!(find_callout("GET /v1/responses"), None);
}

#[test]
fn nobody_waits_for_longer_than_is_configured() {
    let config = r#"{"companion": {"cluster": "companion"}, "collapse_wait_ms": 200}"#;
    let proxy = leased_proxy_with(config);
    let _first = leader(&proxy);
    let mut others: [Stream; 2] = waiters(&proxy);
    advance_ms(150);
    assert_eq!(wake(&proxy, &mut others), 0);
    advance_ms(30);
    assert_eq!(wake(&proxy, &mut others), 2);
    let off = leased_proxy_with(&config.replace("200", "0"));
    let _one = leader(&off);
    let _another = leader(&off);
}

#[test]
fn a_stream_that_is_gone_is_not_missed() {
    let proxy = leased_proxy();
    let mut first = leader(&proxy);
    let [gone, stays]: [Stream; 2] = waiters(&proxy);
    drop(gone);
    first.response_headers(OK_JSON, false);
    first.response_body(b"x", true);
    proxy.tick_after_ms(20);
    assert!(take_woken().contains(&stays.id()));
}
