//! What the companion is told of the trace that a request belongs to.

use crate::support::*;
use slipstream_host::Action;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn lookups_and_stores_carry_the_requests_trace() {
    for (value, passed_on) in [(TRACE, Some(TRACE)), ("00-damaged", None), ("", None)] {
        let proxy = leased_proxy();
        let mut stream = proxy.stream();
        assert_eq!(stream.request(&get(&[("traceparent", value)]), b""), Action::Pause);
        let lookup = callout("GET /v1/responses");
        assert_eq!(lookup.header("traceparent"), passed_on, "{value:?}");
        stream.answer(lookup.token, Some(404), &[("slipstream-position", &POSITION.to_string())], b"{}");
        stream.response_headers(&ok(&[]), false);
        stream.response_body(b"one", true);
        assert_eq!(callout("PUT /v1/responses").header("traceparent"), passed_on, "{value:?}");
    }
}

#[test]
fn invalidations_carry_the_writes_trace() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    let post = [
        (":method", "POST"),
        (":authority", "shop.example"),
        (":path", "/api/items"),
        ("traceparent", TRACE),
    ];
    assert_eq!(stream.request(&post, b"{}"), Action::Continue);
    assert_eq!(stream.response_headers(&[(":status", "201")], true), Action::Pause);
    assert_eq!(callout("POST /v1/invalidations").header("traceparent"), Some(TRACE));
}

#[test]
fn polls_belong_to_no_trace() {
    let proxy = leased_proxy();
    fill(&proxy, "one");
    assert_eq!(callout("GET /v1/invalidations").header("traceparent"), None);
}
