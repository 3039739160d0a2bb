//! What goes wrong costs a hit, never a request.

use crate::support::*;
use serde_json::json;
use slipstream_host::Action;
use slipstream_host::double::{advance_ms, metric, set_route, with};

#[test]
fn whatever_the_companion_answers_the_request_is_served() {
    let position = POSITION.to_string();
    let position = [("slipstream-position", position.as_str())];
    let mut other_key = entry("x");
    other_key.key = "GET other/#identity:".into();
    let mut damaged = entry("x").encode();
    *damaged.last_mut().unwrap() ^= 1;
    let stale = {
        let mut entry = entry("x");
        entry.freshness_lifetime_ms = 500;
        entry.encode()
    };
    let cases: [(&str, Option<u16>, &[(&str, &str)], Vec<u8>, &str); 10] = [
        ("no answer", None, &[], vec![], "failed"),
        ("an error", Some(503), &position, vec![], "failed"),
        ("not a status", Some(0), &position, vec![], "failed"),
        ("garbage", Some(200), &position, b"<html>".to_vec(), "damaged"),
        ("a damaged envelope", Some(200), &position, damaged, "damaged"),
        ("more than could be stored", Some(200), &position, vec![0; 2 << 20], "damaged"),
        ("another's envelope", Some(200), &position, other_key.encode(), "damaged"),
        ("nothing, and no position", Some(404), &[], vec![], "failed"),
        ("a position that is none", Some(404), &[("slipstream-position", "42")], vec![], "failed"),
        ("a stale response", Some(200), &position, stale, "stale"),
    ];
    for (case, status, headers, body, outcome) in cases {
        let proxy = leased_proxy();
        let mut stream = proxy.stream();
        assert_eq!(stream.request(GET, b""), Action::Pause, "{case}");
        stream.answer(callout("GET /v1/responses").token, status, headers, &body);
        assert_eq!(reply(), None, "{case}");
        assert_eq!(with(|host| host.resumed_requests), 1, "{case}");
        export(&proxy);
        assert_eq!(
            metric(&format!("outcome=.={outcome};.;slipstream_cache_lookups_total")),
            Some(1),
            "{case}"
        );
    }
}

#[test]
fn a_companion_that_keeps_failing_is_left_alone_and_probed() {
    let proxy = leased_proxy();
    for _ in 0..5 {
        let mut stream = proxy.stream();
        assert_eq!(stream.request(GET, b""), Action::Pause);
        stream.answer(callout("GET /v1/responses").token, None, &[], b"");
    }
    assert_eq!(proxy.stream().request(GET, b""), Action::Continue, "nobody waits any more");
    advance_ms(1_000);
    let mut probe = proxy.stream();
    assert_eq!(probe.request(GET, b""), Action::Pause, "one probes");
    let other: Vec<_> =
        GET.iter().map(|(name, value)| (*name, if *name == ":path" { "/other" } else { value })).collect();
    assert_eq!(proxy.stream().request(&other, b""), Action::Continue, "only one");
    with(|host| host.callouts.retain(|sent| sent.header(":path") == Some("/v1/responses")));
    answer_miss(&mut probe);
    assert_eq!(proxy.stream().request(GET, b""), Action::Pause, "it answers again");
}

#[test]
fn no_failing_host_call_holds_a_request_up_or_panics() {
    let calls = [
        "get_header_map_pairs",
        "get_property",
        "http_call",
        "send_local_response",
        "get_buffer",
        "add_header_map_value",
        "replace_header_map_value",
        "continue_stream",
        "define_metric",
        "increment_metric",
    ];
    for call in calls {
        let proxy = leased_proxy();
        fill(&proxy, "stored");
        with(|host| host.failing.insert(call));
        // Either it is answered, or it goes on to the origin, now or after its lookup.
        let mut stream = proxy.stream();
        if stream.request(GET, b"") == Action::Pause && reply().is_none() {
            let lookup = find_callout("GET /v1/responses").unwrap_or_else(|| panic!("{call}: it hangs"));
            stream.answer(lookup.token, Some(200), &[], &entry("x").encode());
        }
        assert_eq!(stream.response_headers(OK_JSON, false), Action::Continue, "{call}");
        assert_eq!(stream.response_body(b"x", true), Action::Continue, "{call}");
        stream.log();
        proxy.tick_after_ms(1_000);
    }
}

#[test]
fn headers_of_any_bytes_are_survived() {
    let odd: &[u8] = &[0xff, 0, b'"', 0x80, b','];
    for name in
        [":method", ":authority", ":path", "accept-encoding", "cache-control", "if-none-match", "pragma"]
    {
        let proxy = leased_proxy();
        let mut stream = proxy.stream();
        let mut request: Vec<(&str, &[u8])> =
            GET.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        request.retain(|(other, _)| *other != name);
        request.push((name, odd));
        if stream.request_bytes(&request, b"") == Action::Pause {
            answer_miss(&mut stream);
        }
        let response: [(&str, &[u8]); 6] = [
            (":status", b"200"),
            ("cache-control", odd),
            ("vary", b"accept-encoding"),
            ("date", odd),
            ("etag", odd),
            ("x-any", odd),
        ];
        stream.response_headers_bytes(&response, true);
        stream.log();
    }
}

#[test]
fn a_mistake_in_a_routes_settings_turns_the_cache_off_there_and_is_told() {
    let proxy = leased_proxy();
    set_route("slipstream.response-cache", &json!({"default_ttl_seconds": -1}));
    assert_eq!(proxy.stream().request(GET, b""), Action::Continue);
    export(&proxy);
    assert_eq!(metric("slipstream_config_errors_total"), Some(1));
    with(|host| assert!(host.log.concat().contains("`default_ttl_seconds`"), "{:?}", host.log));
}

#[test]
fn a_body_that_only_the_missing_end_announces_goes_past_the_cache() {
    let proxy = leased_proxy();
    assert_eq!(proxy.stream().request(GET, b"body"), Action::Continue);
    assert_eq!(find_callout("GET /v1/responses"), None);
}

#[test]
fn every_callout_carries_the_token() {
    for (token, expected) in [("sesame", Some("Bearer sesame")), ("", None)] {
        let config = format!(r#"{{"companion": {{"cluster": "companion", "token": "{token}"}}}}"#);
        let proxy = leased_proxy_with(&config);
        fill(&proxy, "x");
        let mut write = proxy.stream();
        write.request(&[(":method", "POST"), (":authority", "a"), (":path", "/")], b"{}");
        write.response_headers(&[(":status", "200")], true);
        let mut lookup = proxy.stream();
        lookup.request(&[(":method", "GET"), (":authority", "a"), (":path", "/new")], b"");
        for what in
            ["GET /v1/invalidations", "PUT /v1/responses", "POST /v1/invalidations", "GET /v1/responses"]
        {
            assert_eq!(callout(what).header("authorization"), expected, "{what}");
        }
    }
}
