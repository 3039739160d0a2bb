//! The filter in the host's double: responses that Envoy's own compressor compresses.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use compression_observer::Observer;
use slipstream_host::double::{self, Double, with};
use slipstream_host::{Action, HeaderMap, Property};

/// Bytes of the pieces that come from the service.
const PIECES: [usize; 2] = [3_000, 2_000];

#[derive(Clone, Copy, PartialEq)]
enum End {
    LastPiece,
    Trailers,
    BrokenOff,
}

fn start(settings: serde_json::Value) -> Double<Observer> {
    start_with(r#"{"service": "shop"}"#, settings)
}

fn start_with(configuration: &str, settings: serde_json::Value) -> Double<Observer> {
    let filter = Double::start(configuration).unwrap();
    double::set_property(Property::ROUTE_NAME, b"items");
    double::set_property(Property::CLUSTER_NAME, b"cluster");
    double::set_route("slipstream.compression", &settings);
    filter
}

/// Lets a response pass, and ends the stream as the compressor, further out, has made so many bytes with that coding of it.
fn pass(filter: &Double<Observer>, pieces: &[usize], end: End, (size, coding): (u64, &str)) {
    let mut stream = filter.stream();
    for (number, size) in pieces.iter().enumerate() {
        let is_last = end == End::LastPiece && number + 1 == pieces.len();
        let piece = vec![b'x'; *size];
        assert_eq!(stream.response_body(&piece, is_last), Action::Continue);
        assert_eq!(double::response_body(), piece, "nothing is changed");
    }
    if end == End::Trailers {
        assert_eq!(stream.response_trailers(), Action::Continue);
    }
    double::set_property(Property::RESPONSE_SIZE, &size.to_le_bytes());
    if !coding.is_empty() {
        HeaderMap::Response.set("content-encoding", coding).unwrap();
    }
    stream.log();
    drop(stream);
    filter.tick_after_ms(1_000);
}

fn counted(name: &str) -> Option<i64> {
    double::metric(&format!("service=.=shop;.;route=.=items;.;{name}"))
}

fn outcome(outcome: &str) -> Option<i64> {
    counted(&format!("outcome=.={outcome};.;slipstream_compression_total"))
}

#[test]
fn sizes_ratio_and_coding_are_measured() {
    for coding in ["gzip", "br", "zstd", "deflate"] {
        for end in [End::LastPiece, End::Trailers] {
            let filter = start(serde_json::json!({ "mode": "observe" }));
            pass(&filter, &PIECES, end, (1_000, coding));
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
            assert_eq!(outcome("compressed"), Some(1));
        }
    }
}

#[test]
fn what_was_not_compressed_is_counted_as_such() {
    for (sent, end, expected) in [
        ((5_000, ""), End::LastPiece, "not_compressed"),
        ((5_000, "aes128gcm"), End::LastPiece, "not_compressed"),
        ((900, "gzip"), End::BrokenOff, "aborted"),
        ((5_000, "br"), End::LastPiece, "encoded"),
    ] {
        let filter = start(serde_json::json!({ "mode": "observe" }));
        pass(&filter, &PIECES, end, sent);
        assert_eq!(outcome(expected), Some(1), "{expected}");
        assert_eq!(counted("opt001_compression_savings_bytes_count"), None, "{expected}");
    }
}

#[test]
fn nothing_is_counted_where_there_is_nothing_to_observe() {
    let observe = serde_json::json!({ "mode": "observe" });
    for (what, settings, pieces) in [
        ("no body", observe, &[][..]),
        ("another mode", serde_json::json!({ "mode": "stream" }), &PIECES[..]),
        ("no mode", serde_json::json!({}), &PIECES[..]),
        ("disabled", serde_json::json!({ "mode": "observe", "enabled": false }), &PIECES[..]),
        ("a mistake", serde_json::json!({ "mode": "watch" }), &PIECES[..]),
    ] {
        let filter = start(settings);
        pass(&filter, pieces, End::LastPiece, (1_000, "gzip"));
        let counted: Vec<_> =
            double::metrics().into_iter().filter(|(name, _)| name.contains("compression_")).collect();
        assert_eq!(counted, [], "{what}");
    }
}

#[test]
fn a_route_without_a_mode_has_the_filters() {
    for (settings, expected) in [
        (serde_json::json!({}), Some(1)),
        (serde_json::json!({ "mode": "buffer" }), None),
        (serde_json::json!({ "enabled": false }), None),
    ] {
        let filter = start_with(r#"{"service": "shop", "mode": "observe"}"#, settings.clone());
        pass(&filter, &PIECES, End::LastPiece, (1_000, "gzip"));
        assert_eq!(outcome("compressed"), expected, "{settings}");
    }
}

#[test]
fn what_the_configuration_says_is_not_asked_for() {
    let told = r#"{"service": "shop", "mode": "observe", "by_route": false, "coding": "gzip"}"#;
    let labels = "service=.=shop;.;route=.=all;.;";
    for (sent, refused, expected) in [
        // The host has another coding, and would refuse to tell.
        ((1_000, "br"), true, "compressed"),
        // What is as long as it was the compressor has left alone; the header tells why.
        ((5_000, "br"), false, "encoded"),
        ((5_000, ""), false, "not_compressed"),
    ] {
        // The route's settings do not count.
        let filter = start_with(told, serde_json::json!({ "enabled": false }));
        if refused {
            with(|host| host.failing.insert("get_header_map_value"));
        }
        pass(&filter, &PIECES, End::LastPiece, sent);
        let outcome = format!("{labels}outcome=.={expected};.;slipstream_compression_total");
        assert_eq!(double::metric(&outcome), Some(1), "{expected}");
        // What is known before is there from the start.
        let is_compressed = u32::from(expected == "compressed");
        for (name, once) in [("responses", 1), ("in_bytes", 5_000), ("out_bytes", 1_000)] {
            let metric =
                format!("{labels}coding=.=gzip;.;mode=.=observe;.;slipstream_compression_{name}_total");
            assert_eq!(double::metric(&metric), Some(i64::from(is_compressed * once)), "{expected}: {name}");
        }
    }
}

#[test]
fn settings_of_a_route_are_read_again() {
    let filter = start(serde_json::json!({ "mode": "observe" }));
    for (settings, expected) in [("observe", 1), ("stream", 1), ("observe", 2)] {
        double::set_route("slipstream.compression", &serde_json::json!({ "mode": settings }));
        // Each ends with a tick.
        pass(&filter, &PIECES, End::LastPiece, (1_000, "gzip"));
        assert_eq!(outcome("compressed"), Some(expected), "{settings}");
    }
}

#[test]
fn a_host_that_refuses_is_counted() {
    let unrouted = "service=.=shop;.;route=.=none;.;outcome=.=host_error;.;slipstream_compression_total";
    for refused in ["get_property", "get_header_map_value"] {
        let filter = start(serde_json::json!({ "mode": "observe" }));
        let mut stream = filter.stream();
        stream.response_body(b"a body", true);
        with(|host| host.failing.insert(refused));
        stream.log();
        drop(stream);
        with(|host| host.failing.clear());
        filter.tick_after_ms(1_000);
        assert_eq!(double::metric(unrouted), Some(1), "{refused}");
    }
}
