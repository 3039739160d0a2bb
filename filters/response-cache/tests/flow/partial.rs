//! Parts of which the rest is not stored.

use crate::support::*;
use cache_protocol::Entry;
use serde_json::json;
use slipstream_host::Action;
use slipstream_host::double::{request_header, with};

fn range(value: &str) -> [(&str, &str); 1] {
    [("range", value)]
}

/// What is left at the companion of a 206 with this Content-Range and body.
fn stored_part(
    preset: &serde_json::Value,
    content_range: &str,
    body: &str,
) -> (Proxy, Option<Entry>, String) {
    let proxy = leased_proxy();
    settings(preset);
    let response = [
        (":status", "206"),
        ("cache-control", "max-age=60"),
        ("content-range", content_range),
        ("etag", "\"v1\""),
    ];
    fetched(&proxy, &range("bytes=2-4"), &response, body);
    let told = told();
    let store = find_callout("PUT /v1/responses").map(|store| entry_of(&store));
    (proxy, store, told)
}

#[test]
fn a_206_is_stored_where_the_route_wants_it_and_if_it_is_what_it_says() {
    let all = json!({"preset": "rfc9111"});
    for (settings, content_range, body, reason) in [
        (json!({}), "bytes 2-4/10", "234", "partial"),
        (json!({"preset": "rfc9111", "store_partial": false}), "bytes 2-4/10", "234", "partial"),
        (json!({"store_partial": true}), "bytes 2-4/10", "234", ""),
        (all.clone(), "bytes 2-4/10", "234", ""),
        (all.clone(), "bytes 2-4/*", "234", "partial"),
        (all.clone(), "bytes 2-4", "234", "partial"),
        (all.clone(), "bytes 2-4/10", "23", "length-mismatch"),
        (all.clone(), "bytes 2-4/10", "2345", "length-mismatch"),
    ] {
        let (proxy, stored, told) = stored_part(&settings, content_range, body);
        assert_eq!(
            stored.map(|part| (part.status, part.body)),
            reason.is_empty().then(|| (206, b"234".to_vec()))
        );
        assert_eq!(
            told.contains("detail=partial"),
            reason == "partial",
            "{settings} {content_range}: {told}"
        );
        if !reason.is_empty() {
            let labels = format!("service=.=shop;.;route=.=items;.;reason=.={reason};.;");
            assert_eq!(count(&proxy, &labels, "not_stored"), 1, "{settings} {content_range}");
        }
    }
}

#[test]
fn a_stored_part_answers_what_lies_within_it_and_nothing_else() {
    let (proxy, part, _) = stored_part(&json!({"preset": "rfc9111"}), "bytes 2-4/10", "234");
    for (value, expected) in [("bytes=2-4", "234"), ("bytes=3-3", "3"), ("bytes=-7", "")] {
        if expected.is_empty() {
            forwarded_past(&proxy, &range(value), part.as_ref().unwrap(), "miss");
        } else {
            let reply = answered(&proxy, &range(value));
            assert_eq!((reply.status, reply.body.as_slice()), (206, expected.as_bytes()), "{value}");
        }
    }
    let reply = answered(&proxy, &range("bytes=10-"));
    assert_eq!((reply.status, reply.header("content-range")), (416, Some("bytes */10")));
    forwarded_past(&proxy, &[], part.as_ref().unwrap(), "partial");
}

/// A request that finds this part at the companion, which does not do, and goes to the origin.
fn forwarded_past(proxy: &Proxy, more: &[(&str, &str)], part: &Entry, reason: &str) {
    let mut stream = proxy.stream();
    assert_eq!(stream.request(&get(more), b""), Action::Pause);
    answer_hit(&mut stream, part);
    if !more.is_empty() {
        // Elsewhere, where parts may be stored too.
        answer_miss(&mut stream);
    }
    assert_eq!(with(|host| std::mem::take(&mut host.resumed_requests)), 1, "{more:?}");
    assert_eq!((reply(), request_header("if-none-match")), (None, None), "{more:?}");
    stream.response_headers(&[(":status", "200"), ("cache-control", "no-store")], false);
    assert_eq!(told(), format!("slipstream; fwd={reason}; detail=no-store"), "{more:?}");
}

#[test]
fn a_part_that_holds_all_answers_a_request_for_all() {
    let (proxy, ..) = stored_part(&json!({"preset": "rfc9111"}), "bytes 0-2/3", "all");
    let reply = answered(&proxy, &[]);
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"all".as_slice()));
    assert_eq!(reply.header("content-range"), None);
}

#[test]
fn a_head_is_about_all_of_it() {
    let (proxy, ..) = stored_part(&json!({"preset": "rfc9111"}), "bytes 2-4/10", "234");
    for more in [&[][..], &range("bytes=2-3")] {
        let mut stream = proxy.stream();
        assert_eq!(stream.request(&[HEAD, more].concat(), b""), Action::Pause);
        answer_miss(&mut stream);
        assert_eq!((reply(), resumed()), (None, 1), "{more:?}");
    }
}

#[test]
fn a_request_for_all_is_not_validated_by_a_part() {
    let (_, part, _) = stored_part(&json!({"preset": "rfc9111"}), "bytes 2-4/10", "234");
    let proxy = leased_proxy();
    settings(&json!({"preset": "rfc9111"}));
    let mut stream = proxy.stream();
    stream.request(GET, b"");
    answer_hit(&mut stream, &Entry { freshness_lifetime_ms: 0, ..part.unwrap() });
    assert_eq!(request_header("if-none-match"), None, "a 304 would leave nothing to answer with");
    assert_eq!(stream.response_headers(&[(":status", "503")], true), Action::Continue);
    assert_eq!(reply(), None);
}
