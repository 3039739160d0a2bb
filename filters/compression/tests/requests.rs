//! The filter in the host's double: requests that are decompressed for a service that cannot.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::*;
use compression::Compression;
use content_codings::{Encoder, Step};
use http_semantics::ContentCoding;
use slipstream_host::double::{self, Double, with};
use slipstream_host::{Action, Property};

const CODINGS: [&str; 4] = ["gzip", "br", "zstd", "deflate"];

fn decompressing(config: &str) -> Double<Compression> {
    let double = Double::start(config).unwrap();
    double::set_property(Property::ROUTE_NAME, b"items");
    double::set_route("slipstream.compression", &serde_json::json!({"decompress_requests": true}));
    double
}

fn encoded(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new(ContentCoding::parse(coding.as_bytes()).unwrap(), 3);
    let mut output = Vec::new();
    encoder.begin(Some(body.len())).unwrap();
    encoder.encode(body, Step::Finish, &mut output).unwrap();
    output
}

fn post<'a>(coding: &'a str, length: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        (":method", "POST"),
        (":authority", "shop.example"),
        (":path", "/items"),
        ("content-encoding", coding),
        ("content-length", length),
        ("content-digest", "sha-256=:AA==:"),
        ("accept-encoding", "gzip"),
    ]
}

fn counted(filter: &Double<Compression>, outcome: &str) -> Option<i64> {
    filter.tick_after_ms(1_000);
    double::metric(&format!(
        "service=.=shop;.;route=.=items;.;outcome=.={outcome};.;slipstream_decompression_total"
    ))
}

const CONFIG: &str = r#"{"service": "shop", "max_request_bytes": 20000, "max_request_ratio": 50}"#;

#[test]
fn the_service_gets_what_was_meant() {
    for coding in CODINGS.into_iter().chain(["X-GZIP", "identity, gzip"]) {
        let name = coding.trim_start_matches("identity, ").to_lowercase();
        let body = json(5_000);
        let sent = encoded(&name, &body);
        let filter = decompressing(CONFIG);
        let mut stream = filter.stream();
        let length = sent.len().to_string();
        assert_eq!(stream.request(&post(coding, &length), &sent), Action::Continue, "{coding}");
        assert!(double::request_body() == body, "{coding}");
        assert_eq!(double::request_header("content-length").as_deref(), Some("5000"));
        for gone in ["content-encoding", "content-digest"] {
            assert_eq!(double::request_header(gone), None, "{coding}");
        }
        assert_eq!(counted(&filter, "decompressed"), Some(1), "{coding}");
        // The response is compressed as any other.
        stream.response_headers(RESPONSE, false);
        stream.response_body(&json(5_000), true);
        assert_eq!(double::response_header("content-encoding").as_deref(), Some("gzip"));
    }
}

#[test]
fn who_did_not_ask_for_it_gets_what_came() {
    let sent = encoded("gzip", &json(5_000));
    for settings in [serde_json::json!({}), serde_json::json!({"decompress_requests": false})] {
        let filter = decompressing(CONFIG);
        double::set_route("slipstream.compression", &settings);
        filter.stream().request(&post("gzip", "100"), &sent);
        assert_eq!(
            (double::request_body(), double::request_fields()),
            (sent.clone(), fields(&post("gzip", "100")))
        );
    }
    let filter = decompressing(CONFIG);
    filter.stream().request(&post("identity", "100"), &sent);
    assert_eq!(double::request_body(), sent);
    filter.stream().request(&post("gzip", "0"), b"");
    assert_eq!(double::request_header("content-encoding").as_deref(), Some("gzip"));
}

#[test]
fn what_is_wrong_is_answered() {
    let long = encoded("zstd", &noise(20_001));
    let bomb = encoded("br", &vec![b'a'; 19_000]);
    let good = encoded("gzip", &json(5_000));
    let rows: [(&str, &[u8], u16, &str, &str); 8] = [
        ("gzip", &good[..good.len() - 1], 400, "malformed", "is not valid gzip"),
        ("br", b"not that", 400, "malformed", "is not valid br"),
        ("zstd", b"not that either", 400, "malformed", "is not valid zstd"),
        ("zstd", &long, 413, "too_long", "more than 20000 bytes"),
        ("br", &bomb, 413, "too_long", "50 times"),
        ("compress", b"x", 415, "unknown_coding", "none of gzip, br, zstd, deflate"),
        ("gzip, gzip", &good, 415, "unknown_coding", "or more than one"),
        ("aws-chunked", b"x", 415, "unknown_coding", "none of"),
    ];
    for (coding, body, status, outcome, text) in rows {
        let filter = decompressing(CONFIG);
        let mut stream = filter.stream();
        // A host hands on nothing more of what has been answered by its head alone; the double does.
        let action = stream.request(&post(coding, "9"), body);
        assert!(action == Action::Pause || status == 415, "{coding}");
        let reply = with(|host| host.local_replies.pop()).unwrap();
        assert_eq!(reply.status, status, "{coding}");
        assert!(String::from_utf8_lossy(&reply.body).contains(text), "{coding}: {reply:?}");
        let accepted = (status == 415).then_some("gzip, br, zstd, deflate");
        assert_eq!(reply.header("accept-encoding"), accepted, "{coding}");
        assert_eq!(counted(&filter, outcome), Some(1), "{coding}");
        // The reply passes the filter itself.
        assert_eq!(stream.response_headers(&[(":status", "400")], false), Action::Continue);
        assert_eq!(stream.response_body(b"x", true), Action::Continue);
    }
}

#[test]
fn exactly_the_limit_passes() {
    let body = noise(20_000);
    let config = r#"{"service": "shop", "max_request_bytes": 20100}"#;
    let filter = decompressing(config);
    filter.stream().request(&post("gzip", "9"), &encoded("gzip", &body));
    assert!(double::request_body() == body);
    let ratio = r#"{"service": "shop", "max_request_ratio": 1}"#;
    let sent = encoded("gzip", &body);
    assert!(sent.len() > body.len());
    decompressing(ratio).stream().request(&post("gzip", "9"), &sent);
    assert!(double::request_body() == body);
}

#[test]
fn a_refused_call_leaves_the_request_as_it_came() {
    let sent = encoded("gzip", &json(5_000));
    let came = post("gzip", "99");
    for call in ["get_buffer", "set_buffer", "remove_header_map_value", "replace_header_map_value"] {
        let filter = decompressing(CONFIG);
        let mut stream = filter.stream();
        with(|host| host.failing.insert(call));
        assert_eq!(stream.request(&came, &sent), Action::Continue, "{call}");
        with(|host| host.failing.clear());
        let sorted = |mut fields: double::Fields| {
            fields.sort();
            fields
        };
        assert_eq!(sorted(double::request_fields()), sorted(fields(&came)), "{call}");
        assert_eq!(double::request_body(), sent, "{call}");
        assert_eq!(counted(&filter, "host_error"), Some(1), "{call}");
    }
}
