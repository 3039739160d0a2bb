//! Requests for parts of what is stored.

use crate::support::*;
use cache_protocol::Entry;
use slipstream_host::Action;
use slipstream_host::double::{request_header, with};

const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
/// When the clock starts.
const DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
const GZIP: (&str, &str) = ("accept-encoding", "gzip");

/// A proxy that has `0123456789` stored.
fn proxy() -> Proxy {
    let proxy = leased_proxy();
    fetched(
        &proxy,
        &[],
        &ok(&[("date", DATE), ("etag", "\"v1\""), ("last-modified", MODIFIED)]),
        "0123456789",
    );
    stored(&proxy);
    proxy
}

fn range(value: &str) -> [(&str, &str); 1] {
    [("range", value)]
}

#[test]
fn one_part_of_what_is_stored_is_a_206() {
    let proxy = proxy();
    for (value, part, content_range) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        ("bytes=2-4, 10-20", "234", "bytes 2-4/10"),
    ] {
        let reply = answered(&proxy, &range(value));
        assert_eq!((reply.status, reply.body.as_slice()), (206, part.as_bytes()), "{value}");
        assert_eq!(reply.header("content-range"), Some(content_range), "{value}");
        assert_eq!(reply.header("x-cache"), Some("HIT"), "{value}");
        assert_eq!(reply.header("content-type"), Some("application/json"), "{value}");
        assert_eq!(reply.header("etag"), Some("\"v1\""), "{value}");
    }
}

#[test]
fn several_parts_are_one_answer_with_a_boundary_between_them() {
    let reply = answered(&proxy(), &range("bytes=0-1, 4-5, -1"));
    assert_eq!((reply.status, reply.header("content-range")), (206, None));
    let content_type = reply.header("content-type").unwrap();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect(content_type);
    let parts = [("01", "0-1"), ("45", "4-5"), ("9", "9-9")].map(|(part, range)| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: application/json\r\nContent-Range: bytes {range}/10\r\n\r\n{part}"
        )
    });
    assert_eq!(String::from_utf8_lossy(&reply.body), format!("{}\r\n--{boundary}--\r\n", parts.concat()));
}

#[test]
fn a_part_that_is_not_there_is_a_416() {
    let proxy = proxy();
    for value in ["bytes=10-", "bytes=10-20, 30-40", "bytes=-0"] {
        let reply = answered(&proxy, &range(value));
        assert_eq!((reply.status, reply.body.as_slice()), (416, b"".as_slice()), "{value}");
        assert_eq!(reply.header("content-range"), Some("bytes */10"), "{value}");
    }
}

#[test]
fn what_is_no_range_is_answered_whole() {
    let proxy = proxy();
    let many = format!("bytes={}", ["0-0"; 17].join(","));
    for value in ["lines=1-2", "bytes=4-2", "bytes=", "bytes=a-b", "bytes=0-8,1-9", &many] {
        let reply = answered(&proxy, &range(value));
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"0123456789".as_slice()), "{value}");
    }
}

#[test]
fn if_range_wants_parts_only_of_what_the_client_has() {
    let proxy = proxy();
    for (condition, status) in [
        ("\"v1\"", 206),
        ("\"v2\"", 200),
        ("W/\"v1\"", 200),
        (MODIFIED, 206),
        ("Sun, 06 Nov 1994 08:49:38 GMT", 200),
        ("nonsense", 200),
    ] {
        let reply = answered(&proxy, &[("range", "bytes=0-1"), ("if-range", condition)]);
        assert_eq!(reply.status, status, "{condition}");
    }
    let both = [("range", "bytes=0-1"), ("if-none-match", "\"v1\"")];
    assert_eq!(answered(&proxy, &both).status, 304, "what the client has comes first");
}

#[test]
fn what_is_encoded_is_answered_whole() {
    let proxy = leased_proxy();
    fetched(&proxy, &[GZIP], &ok(&[("content-encoding", "gzip")]), "zipped");
    stored(&proxy);
    let reply = answered(&proxy, &[GZIP, ("range", "bytes=0-1")]);
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"zipped".as_slice()));
}

#[test]
fn what_is_stored_for_those_who_decode_serves_parts_to_the_others_if_it_is_plain() {
    for others in [&[][..], &[("x-no-compression", "1")]] {
        for (fields, is_found) in [(&[][..], true), (&[("content-encoding", "gzip")], false)] {
            let proxy = leased_proxy();
            fetched(&proxy, &[GZIP], &ok(fields), "0123456789");
            stored(&proxy);
            // Its own entry is asked for first.
            let mut stream = proxy.stream();
            assert_eq!(stream.request(&get(&[others, &range("bytes=2-4")].concat()), b""), Action::Pause);
            let own = if others.is_empty() { "#identity:" } else { "#no-compression:" };
            let lookup = callout("GET /v1/responses");
            assert!(lookup.header("slipstream-key").unwrap().contains(own));
            let position = POSITION.to_string();
            stream.answer(lookup.token, Some(404), &[("slipstream-position", &position)], b"");
            assert_eq!(
                reply().map(|reply| (reply.status, reply.body)),
                is_found.then(|| (206, b"234".to_vec()))
            );
            // A whole one is not: it would be encoded for the client after that.
            forwarded(&proxy, others);
        }
    }
}

#[test]
fn what_was_stored_elsewhere_is_found_at_the_companion_too() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(&get(&range("bytes=2-4")), b"");
    answer_miss(&mut stream);
    let elsewhere = Entry { key: KEY.replace("identity", "gzip"), ..entry("0123456789") };
    answer_hit(&mut stream, &elsewhere);
    assert_eq!(reply().unwrap().body, b"234");
    assert_eq!(with(|host| host.resumed_requests), 0);
}

#[test]
fn a_part_that_is_not_stored_is_asked_for_as_it_is_and_waits_for_nobody() {
    let proxy = leased_proxy();
    let fields = [("range", "bytes=2-4"), ("if-range", "\"v1\"")];
    for _ in 0..2 {
        let _one = forwarded(&proxy, &fields);
        assert_eq!(request_header("range").as_deref(), Some("bytes=2-4"));
        assert_eq!(request_header("if-range").as_deref(), Some("\"v1\""));
        assert_eq!(request_header("if-none-match"), None);
    }
    // An origin that sends all of it has it stored for everyone.
    fetched(&proxy, &range("bytes=2-4"), &ok(&[]), "0123456789");
    assert_eq!(stored(&proxy).key, KEY);
    assert_eq!(answered(&proxy, &range("bytes=2-4")).body, b"234");
}

#[test]
fn parts_of_what_is_stale_are_fetched() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(&get(&range("bytes=0-1")), b"");
    let old = Entry { freshness_lifetime_ms: 500, ..entry("0123456789") };
    answer_hit(&mut stream, &old);
    assert_eq!((reply(), request_header("if-none-match")), (None, None));
    assert_eq!(with(|host| host.resumed_requests), 1);
    stream.response_headers(&[(":status", "206"), ("content-range", "bytes 0-1/10")], false);
    assert_eq!(told(), "slipstream; fwd=stale; detail=partial");
}
