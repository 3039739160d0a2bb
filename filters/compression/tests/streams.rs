//! The filter in the host's double: responses that are compressed piece by piece.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::*;
use compression::Compression;
use slipstream_host::Action;
use slipstream_host::double::{self, Double, with};

const CODINGS: [&str; 4] = ["gzip", "deflate", "br", "zstd"];

fn asking_for(coding: &str) -> Vec<(&str, &str)> {
    let others = REQUEST.iter().filter(|(name, _)| *name != "accept-encoding");
    others.copied().chain([("accept-encoding", coding)]).collect()
}

#[test]
fn a_body_comes_compressed_however_it_is_cut() {
    for coding in CODINGS {
        for (length, announced, mode) in [
            (1_024, true, Some("stream")),
            (5_000, false, None),
            (20_000, false, Some("stream")),
            (20_001, true, None),
            (300_000, false, None),
            (10, false, None),
            (0, false, None),
        ] {
            let body = json(length);
            for piece in [500, 4_096, 65_536] {
                for end in [End::LastPiece, End::EmptyPiece] {
                    let case =
                        format!("{coding}: {length} bytes by {piece}, {end:?}, announced: {announced}");
                    let filter = filter_in(mode);
                    let mut response = fields(&[RESPONSE, &[("etag", "\"v1\""), ("x-a", "b")]].concat());
                    if announced {
                        response.push(("content-length".to_owned(), length.to_string().into_bytes()));
                    }
                    let mut pieces: Vec<&[u8]> = body.chunks(piece).collect();
                    if pieces.is_empty() {
                        pieces.push(b"");
                    }
                    let received = exchange(&filter, &asking_for(coding), response, &pieces, end);
                    assert_eq!(received.field("content-encoding").as_deref(), Some(coding), "{case}");
                    assert!(received.decoded() == body, "{case}");
                    for name in ["content-length", "x-original-size", "x-compression-ratio"] {
                        assert_eq!(received.field(name), None, "{case}: {name}");
                    }
                    assert_eq!(received.field("vary").as_deref(), Some("Accept-Encoding"), "{case}");
                    assert_eq!(received.field("etag").as_deref(), Some("W/\"v1\""), "{case}");
                    assert_eq!(outcome(&filter, "compressed"), Some(1), "{case}");
                }
            }
        }
    }
}

#[test]
fn no_piece_waits_for_the_next() {
    let filter = filter_in(Some("stream"));
    let mut stream = filter.stream();
    stream.request(&asking_for("gzip"), b"");
    assert_eq!(stream.response_headers(RESPONSE, false), Action::Continue);
    let (body, mut sent) = (json(3_000), Vec::new());
    for (number, piece) in body.chunks(100).enumerate() {
        assert_eq!(stream.response_body(piece, false), Action::Continue);
        sent.extend(double::response_body());
        let mut read = vec![0; 4_000];
        let mut decoder = flate2::Decompress::new_gzip(15);
        decoder.decompress(&sent, &mut read, flate2::FlushDecompress::Sync).unwrap();
        assert_eq!(decoder.total_out() as usize, (number + 1) * 100);
        assert!(read.starts_with(&body[..(number + 1) * 100]));
    }
}

#[test]
fn pieces_of_nothing_come_to_nothing() {
    let filter = filter_in(Some("stream"));
    let mut stream = filter.stream();
    stream.request(&asking_for("gzip"), b"");
    stream.response_headers(RESPONSE, false);
    assert_eq!(stream.response_body(b"", false), Action::Continue);
    assert_eq!(double::response_body(), b"");
}

#[test]
fn what_is_counted() {
    let filter = filter_in(Some("stream"));
    let body = json(10_000);
    let pieces: Vec<&[u8]> = body.chunks(1_000).collect();
    let received = exchange(&filter, &asking_for("br"), fields(RESPONSE), &pieces, End::EmptyPiece);
    filter.tick_after_ms(1_000);
    let size = received.body.len() as i64;
    for (name, expected) in [
        ("coding=.=br;.;mode=.=stream;.;slipstream_compression_responses_total", 1),
        ("coding=.=br;.;mode=.=stream;.;slipstream_compression_in_bytes_total", 10_000),
        ("coding=.=br;.;mode=.=stream;.;slipstream_compression_out_bytes_total", size),
        ("opt001_compression_savings_bytes_sum", 10_000 - size),
    ] {
        let found = double::metric(&format!("service=.=shop;.;route=.=items;.;{name}"));
        assert_eq!(found, Some(expected), "{name}");
    }
}

/// Trailers come when nothing can be added to the body any more.
#[test]
fn trailers_that_are_announced_are_waited_for() {
    let announced = fields(&[RESPONSE, &[("trailer", "x-checksum")]].concat());
    let body = json(5_000);
    let pieces: Vec<&[u8]> = body.chunks(1_000).collect();
    let received = exchange(&filter_in(None), REQUEST, announced.clone(), &pieces, End::Trailers);
    assert_eq!(received.field("content-encoding").as_deref(), Some("gzip"));
    assert_eq!(received.field("x-original-size").as_deref(), Some("5000"));
    assert!(received.decoded() == body);

    let filter = filter_in(Some("stream"));
    let received = exchange(&filter, REQUEST, announced.clone(), &pieces, End::Trailers);
    assert!(received.body == body && received.fields == announced);
    assert_eq!(outcome(&filter, "trailers"), Some(1));
}

#[test]
fn trailers_that_are_not_announced_are_expected_from_then_on() {
    let filter = filter_in(None);
    let body = json(5_000);
    let first = exchange(&filter, REQUEST, fields(RESPONSE), &[&body], End::Trailers);
    assert_eq!(first.field("content-encoding").as_deref(), Some("gzip"));
    assert_eq!(outcome(&filter, "unannounced_trailers"), Some(1));
    let second = exchange(&filter, REQUEST, fields(RESPONSE), &[&body], End::Trailers);
    assert!(second.decoded() == body);
    assert_eq!(second.field("x-original-size").as_deref(), Some("5000"));
    assert_eq!(outcome(&filter, "compressed"), Some(1));
}

#[test]
fn no_more_streams_than_configured() {
    let filter = Double::<Compression>::start(r#"{"service": "shop", "max_streams": 1}"#).unwrap();
    double::set_property(slipstream_host::Property::ROUTE_NAME, b"items");
    let mut first = filter.stream();
    first.request(REQUEST, b"");
    first.response_headers(RESPONSE, false);
    assert_eq!(double::response_header("content-encoding").as_deref(), Some("gzip"));
    let body = json(5_000);
    let second = exchange(&filter, REQUEST, fields(RESPONSE), &[&body], End::EmptyPiece);
    assert_eq!((second.field("content-encoding"), second.body == body), (None, true));
    assert_eq!(second.field("vary").as_deref(), Some("Accept-Encoding"));
    assert_eq!(outcome(&filter, "busy"), Some(1));
    // What is compressed whole is no stream.
    let length = fields(&[RESPONSE, &[("content-length", "5000")]].concat());
    let whole = exchange(&filter, REQUEST, length, &[&body], End::LastPiece);
    assert_eq!(whole.field("content-encoding").as_deref(), Some("gzip"));
    drop(first);
    assert_eq!(outcome(&filter, "aborted"), Some(1));
    let third = exchange(&filter, REQUEST, fields(RESPONSE), &[&body], End::EmptyPiece);
    assert_eq!(third.field("content-encoding").as_deref(), Some("gzip"));
}

/// The head has promised a coding, so a stream whose rest cannot be encoded must not look whole.
#[test]
fn what_cannot_go_on_is_broken_off() {
    for call in ["get_buffer", "set_buffer"] {
        let filter = filter_in(Some("stream"));
        let mut stream = filter.stream();
        stream.request(REQUEST, b"");
        stream.response_headers(RESPONSE, false);
        stream.response_body(&json(1_000), false);
        with(|host| host.failing.insert(call));
        assert_eq!(stream.response_body(&json(1_000), false), Action::Pause, "{call}");
        with(|host| assert_eq!(host.local_replies.len(), 1, "{call}"));
        with(|host| host.failing.clear());
        assert_eq!(outcome(&filter, "cut_off"), Some(1), "{call}");
    }
}

#[test]
fn a_refused_head_is_left_as_it_is() {
    for call in ["replace_header_map_value", "remove_header_map_value"] {
        let filter = filter_in(Some("stream"));
        let mut stream = filter.stream();
        stream.request(REQUEST, b"");
        with(|host| host.failing.insert(call));
        let head = [RESPONSE, &[("content-length", "5000")]].concat();
        assert_eq!(stream.response_headers(&head, false), Action::Continue, "{call}");
        assert_eq!(stream.response_body(&json(5_000), true), Action::Continue, "{call}");
        assert_eq!(
            (double::response_body(), double::response_fields()),
            (json(5_000), fields(&head)),
            "{call}"
        );
        with(|host| host.failing.clear());
    }
}
