//! The filter in the host's double: responses that Envoy's own compressor compresses.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::*;
use slipstream_host::double::{self, with};
use slipstream_host::{Action, HeaderMap, Property};

/// Lets a response pass, in two pieces and as the compressor makes of it `coding` and `size` bytes, and ends the stream.
fn observe(method: &str, head: &[(&str, &str)], coding: Option<&str>, size: u64, is_whole: bool) {
    let filter = filter_in(Some("observe"));
    let mut stream = filter.stream();
    let request = [(":method", method), (":authority", "a"), ("accept-encoding", "gzip")];
    stream.request(&request, b"");
    assert_eq!(stream.response_headers(head, false), Action::Continue);
    assert_eq!(double::response_fields(), fields(head), "nothing is changed");
    for (piece, is_last) in [(json(3_000), false), (json(2_000), is_whole)] {
        assert_eq!(stream.response_body(&piece, is_last), Action::Continue);
        assert_eq!(double::response_body(), piece, "nothing is changed");
    }
    // What the compressor, further out, has made of it.
    if let Some(coding) = coding {
        HeaderMap::Response.set("content-encoding", coding).unwrap();
    }
    double::set_property(Property::RESPONSE_SIZE, &size.to_le_bytes());
    stream.log();
    drop(stream);
    filter.tick_after_ms(1_000);
}

fn counted(name: &str) -> Option<i64> {
    double::metric(&format!("service=.=shop;.;route=.=items;.;{name}"))
}

#[test]
fn sizes_ratio_and_coding_are_measured() {
    for coding in ["gzip", "br", "zstd"] {
        observe("GET", RESPONSE, Some(coding), 1_000, true);
        let labels = format!("coding=.={coding};.;mode=.=observe;.;");
        for (name, expected) in [
            ("slipstream_compression_responses_total", Some(1)),
            ("slipstream_compression_in_bytes_total", Some(5_000)),
            ("slipstream_compression_out_bytes_total", Some(1_000)),
            // Nobody here knows how long it took.
            ("slipstream_compression_seconds_count", Some(0)),
        ] {
            assert_eq!(counted(&format!("{labels}{name}")).or(Some(0)), expected, "{coding} {name}");
        }
        assert_eq!(counted("opt001_compression_ratio_percent_sum"), Some(80));
        assert_eq!(counted("opt001_compression_savings_bytes_sum"), Some(4_000));
        assert_eq!(counted("outcome=.=compressed;.;slipstream_compression_total"), Some(1));
    }
}

#[test]
fn what_was_not_compressed_is_counted_as_such() {
    let encoded = [RESPONSE, &[("content-encoding", "br")]].concat();
    for (method, head, coding, is_whole, expected) in [
        ("GET", RESPONSE, None, true, "not_compressed"),
        ("GET", RESPONSE, Some("gzip"), false, "aborted"),
        ("GET", &encoded, Some("br"), true, "encoded"),
        ("HEAD", RESPONSE, None, true, "head"),
    ] {
        observe(method, head, coding, 1_000, is_whole);
        let name = format!("outcome=.={expected};.;slipstream_compression_total");
        assert_eq!(counted(&name), Some(1), "{expected}");
        assert_eq!(counted("opt001_compression_savings_bytes_count"), None, "{expected}");
    }
}

#[test]
fn a_host_that_refuses_is_counted() {
    let filter = filter_in(Some("observe"));
    let mut stream = filter.stream();
    stream.request(REQUEST, b"");
    stream.response_headers(RESPONSE, true);
    with(|host| host.failing.insert("get_header_map_value"));
    stream.log();
    assert_eq!(outcome(&filter, "host_error"), Some(1));
}
