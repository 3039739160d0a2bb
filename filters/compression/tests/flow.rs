//! The filter in the host's double: whole responses, from the request's head to the body's end.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::*;
use compression::Compression;
use slipstream_host::double::{self, Double, Fields, with};
use slipstream_host::{Action, Property};

#[test]
fn a_body_comes_compressed_however_it_is_cut() {
    for length in [1_024, 5_000, 20_000] {
        let body = json(length);
        for piece in [length.div_ceil(1_024), 500, 4_096, length] {
            for end in [End::LastPiece, End::EmptyPiece, End::Trailers] {
                for announced in [true, false] {
                    let case = format!("{length} bytes by {piece}, {end:?}, announced: {announced}");
                    let filter = filter_in(Some("buffer"));
                    let mut response = fields(RESPONSE);
                    if announced {
                        response.push(("content-length".to_owned(), length.to_string().into_bytes()));
                    }
                    let pieces: Vec<&[u8]> = body.chunks(piece).collect();
                    let received = exchange(&filter, REQUEST, response, &pieces, end);
                    assert_eq!(received.field("content-encoding").as_deref(), Some("gzip"), "{case}");
                    assert!(received.decoded() == body, "{case}");
                    assert!(received.body.len() < length / 2, "{case}");
                    let told = received.field("content-length");
                    let expected = (end != End::Trailers).then(|| received.body.len().to_string());
                    assert_eq!(told, expected, "{case}");
                    assert_eq!(received.field("x-original-size"), Some(length.to_string()), "{case}");
                    assert_eq!(received.field("vary").as_deref(), Some("Accept-Encoding"), "{case}");
                    assert_eq!(outcome(&filter, "compressed"), Some(1), "{case}");
                }
            }
        }
    }
}

#[test]
fn the_client_gets_the_coding_that_it_likes_best() {
    for (accepted, expected) in [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "gzip"),
        ("gzip;q=0.5, br", "br"),
        ("deflate", "deflate"),
    ] {
        for mode in ["buffer", "stream"] {
            let filter = filter_in(Some(mode));
            let request = [&REQUEST[..3], &[("accept-encoding", accepted)]].concat();
            let body = json(10_000);
            let received = exchange(&filter, &request, fields(RESPONSE), &[&body], End::EmptyPiece);
            assert_eq!(received.field("content-encoding").as_deref(), Some(expected), "{accepted} {mode}");
            assert!(received.decoded() == body, "{accepted} {mode}");
        }
    }
}

#[test]
fn a_content_type_may_have_levels_of_its_own() {
    let config = r#"{"levels": {"gzip": 1}, "level_by_content_type": [{"types": ["text/css"], "gzip": 9}]}"#;
    let size = |content_type| {
        let filter = Double::<Compression>::start(config).unwrap();
        let response =
            fields(&[(":status", "200"), ("content-type", content_type), ("content-length", "10000")]);
        exchange(&filter, REQUEST, response, &[&json(10_000)], End::LastPiece).body.len()
    };
    assert!(size("text/css") < size("text/html"));
}

#[test]
fn what_is_counted() {
    let filter = filter_in(Some("buffer"));
    let body = json(10_000);
    let received = exchange(&filter, REQUEST, fields(RESPONSE), &[&body], End::LastPiece);
    filter.tick_after_ms(1_000);
    let saved = (body.len() - received.body.len()) as i64;
    let percent = (saved * 100 + 5_000) / 10_000;
    for (name, expected) in [
        ("opt001_compression_ratio_percent_count", 1),
        ("opt001_compression_ratio_percent_sum", percent),
        ("opt001_compression_savings_bytes_count", 1),
        ("opt001_compression_savings_bytes_sum", saved),
    ] {
        assert_eq!(
            double::metric(&format!("service=.=shop;.;route=.=items;.;{name}")),
            Some(expected),
            "{name}"
        );
    }
    for (name, expected) in [
        ("slipstream_compression_responses_total", 1),
        ("slipstream_compression_in_bytes_total", 10_000),
        ("slipstream_compression_out_bytes_total", received.body.len() as i64),
        ("slipstream_compression_seconds_count", 1),
    ] {
        let labels = "service=.=shop;.;route=.=items;.;coding=.=gzip;.;mode=.=buffer;.;";
        assert_eq!(double::metric(&format!("{labels}{name}")), Some(expected), "{name}");
    }
    let ratio: f64 = received.field("x-compression-ratio").unwrap().parse().unwrap();
    assert!((ratio - percent as f64).abs() <= 0.5, "{ratio} {percent}");
}

#[test]
fn what_passes_as_it_is() {
    let small = json(1_023);
    let big = json(5_000);
    let too_big = json(20_001);
    let noise = noise(5_000);
    let gzip = [("accept-encoding", "gzip")].as_slice();
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], &'a [u8], bool);
    let rows: [Row<'_>; 14] = [
        ("head", &[(":method", "HEAD")], &[("content-length", "5000")], b"", true),
        ("not_accepted", &[], &[], &big, true),
        ("client_opt_out", &[("accept-encoding", "gzip"), ("x-no-compression", "1")], &[], &big, true),
        ("service_opt_out", gzip, &[("x-no-compression", "1")], &big, false),
        ("encoded", gzip, &[("content-encoding", "br")], &big, false),
        ("no_transform", gzip, &[("cache-control", "no-transform")], &big, false),
        ("too_small", gzip, &[("content-length", "1023")], &small, false),
        ("too_small", gzip, &[], &small, true),
        ("too_small", gzip, &[], b"", false),
        ("too_large", gzip, &[("content-length", "20001")], &too_big, false),
        ("too_large", gzip, &[], &too_big, true),
        ("not_smaller", gzip, &[], &noise, true),
        ("status", gzip, &[(":status", "206")], &big, false),
        ("streaming", gzip, &[("content-type", "text/event-stream")], &big, false),
    ];
    for (expected, request, response, body, varies) in rows {
        for piece in [1_000, 30_000] {
            let filter = filter_in(Some("buffer"));
            let with_default = |given: &[(&str, &str)], default: &[(&str, &str)]| {
                let mut all = fields(given);
                let missing = default.iter().filter(|(name, _)| given.iter().all(|(other, _)| other != name));
                all.extend(fields(&missing.copied().collect::<Vec<_>>()));
                all
            };
            let request: Vec<(&str, &str)> =
                request.iter().copied().chain([(":method", "GET"), (":authority", "a")]).collect();
            let response = with_default(response, RESPONSE);
            let pieces: Vec<&[u8]> = body.chunks(piece).collect();
            let received = exchange(&filter, &request, response.clone(), &pieces, End::EmptyPiece);
            let case = format!("{expected} {} bytes by {piece}", body.len());
            assert!(received.body == body, "{case}");
            let mut headers = response;
            if varies {
                headers.push(("vary".to_owned(), b"Accept-Encoding".to_vec()));
            }
            assert_eq!(received.fields, headers, "{case}");
            assert_eq!(outcome(&filter, expected), Some(1), "{case}");
        }
    }
}

#[test]
fn validators_ranges_and_vary_tell_the_truth() {
    let response = fields(&[
        (":status", "200"),
        ("content-type", "application/json"),
        ("etag", "\"v1\""),
        ("vary", "Origin"),
        ("vary", "Accept-Language"),
        ("accept-ranges", "bytes"),
        ("content-digest", "sha-256=:AA==:"),
    ]);
    let received = exchange(&filter(), REQUEST, response, &[&json(5_000)], End::LastPiece);
    assert_eq!(received.field("etag").as_deref(), Some("W/\"v1\""));
    assert_eq!(received.field("vary").as_deref(), Some("Origin, Accept-Language, Accept-Encoding"));
    assert_eq!(received.fields.iter().filter(|(name, _)| name == "vary").count(), 1);
    assert_eq!((received.field("accept-ranges"), received.field("content-digest")), (None, None));
}

#[test]
fn a_304_speaks_of_what_the_client_holds() {
    let request = [REQUEST, &[("if-none-match", "W/\"v1\"")]].concat();
    let response = fields(&[(":status", "304"), ("etag", "\"v1\"")]);
    let received = exchange(&filter(), &request, response, &[], End::LastPiece);
    assert_eq!(received.field("etag").as_deref(), Some("W/\"v1\""));
}

#[test]
fn what_is_not_utf_8_passes_unharmed() {
    let mut response = fields(RESPONSE);
    response.push(("x-name".to_owned(), b"caf\xe9".to_vec()));
    response.push(("vary".to_owned(), b"x-\xff".to_vec()));
    let body = json(5_000);
    let received = exchange(&filter(), REQUEST, response, &[&body], End::LastPiece);
    assert_eq!(received.decoded(), body);
    assert!(received.fields.contains(&("x-name".to_owned(), b"caf\xe9".to_vec())));
    assert!(received.fields.contains(&("vary".to_owned(), b"x-\xff, Accept-Encoding".to_vec())));
}

/// Whatever call the host refuses, and from whichever moment on, the client gets the response as the service made it, or
/// compressed and labelled so.
#[test]
fn a_refused_call_harms_no_response() {
    let body = json(5_000);
    let original = fields(&[
        (":status", "200"),
        ("content-type", "application/json"),
        ("content-length", "5000"),
        ("etag", "\"v1\""),
        ("vary", "Origin"),
        ("vary", "Cookie"),
        ("accept-ranges", "bytes"),
    ]);
    let calls = [
        "get_header_map_pairs",
        "get_property",
        "get_buffer",
        "set_buffer",
        "replace_header_map_value",
        "add_header_map_value",
        "remove_header_map_value",
    ];
    for call in calls {
        for after in 0..4 {
            let filter = filter_in(Some("buffer"));
            let mut stream = filter.stream();
            let refuse = |step| {
                with(|host| if step == after { host.failing.insert(call) } else { false });
            };
            refuse(0);
            stream.request(REQUEST, b"");
            refuse(1);
            stream.response_headers_bytes(&lines(&original), false);
            refuse(2);
            let mut received = Vec::new();
            if stream.response_body(&body[..2_000], false) == Action::Continue {
                received.extend(double::response_body());
            }
            refuse(3);
            assert_eq!(stream.response_body(&body[2_000..], true), Action::Continue);
            received.extend(double::response_body());
            let received = Received { fields: double::response_fields(), body: received };
            let case = format!("{call} from step {after}");
            assert!(received.decoded() == body, "{case}");
            let was_needed = match call {
                "get_header_map_pairs" | "get_property" => after <= 1,
                "add_header_map_value" => false,
                _ => true,
            };
            assert_eq!(received.field("content-encoding").is_none(), was_needed, "{case}");
            if was_needed {
                let plain: Fields = sorted(&received.fields, &["vary"]);
                assert_eq!(plain, sorted(&original, &["vary"]), "{case}");
            }
            with(|host| host.failing.clear());
            filter.tick_after_ms(1_000);
            let errors: i64 = double::metrics()
                .iter()
                .filter(|(name, _)| name.contains("outcome=.=host_error;.;"))
                .map(|(_, count)| count)
                .sum();
            assert_eq!(errors, i64::from(was_needed), "{case}");
        }
    }
}

fn sorted(fields: &Fields, without: &[&str]) -> Fields {
    let mut sorted: Fields =
        fields.iter().filter(|(name, _)| !without.contains(&name.as_str())).cloned().collect();
    sorted.sort();
    sorted
}

#[test]
fn a_route_may_switch_it_off() {
    for (settings, outcome_expected, mistakes, compressed) in [
        (serde_json::json!({"enabled": true}), "compressed", None, true),
        (serde_json::json!({"enabled": false}), "disabled", None, false),
        (serde_json::json!({"enabled": 1}), "invalid_route_settings", Some(1), false),
        (serde_json::json!({"enable": false}), "invalid_route_settings", Some(1), false),
        (serde_json::json!({"mode": "fast"}), "invalid_route_settings", Some(1), false),
        (serde_json::json!({"decompress_requests": "yes"}), "invalid_route_settings", Some(1), false),
    ] {
        let filter = filter();
        double::set_route("slipstream.compression", &settings);
        for _ in 0..3 {
            let received = exchange(&filter, REQUEST, fields(RESPONSE), &[&json(5_000)], End::LastPiece);
            assert_eq!(received.field("content-encoding").is_some(), compressed, "{settings}");
        }
        assert_eq!(outcome(&filter, outcome_expected), Some(3), "{settings}");
        assert_eq!(double::metric("slipstream_config_errors_total"), mistakes, "{settings}");
        let logged = with(|host| host.log.iter().filter(|line| line.contains("`items`")).count());
        assert_eq!(logged, usize::from(mistakes.is_some()), "{settings}");
    }
}

#[test]
fn the_service_is_the_cluster_unless_configured() {
    let filter = Double::<Compression>::start("{}").unwrap();
    double::set_property(Property::CLUSTER_NAME, b"workspace");
    exchange(&filter, REQUEST, fields(RESPONSE), &[&json(5_000)], End::LastPiece);
    filter.tick_after_ms(1_000);
    let name = "service=.=workspace;.;route=.=none;.;outcome=.=compressed;.;slipstream_compression_total";
    assert_eq!(double::metric(name), Some(1));
}

#[test]
fn a_response_to_no_request_passes() {
    let filter = filter();
    let mut stream = filter.stream();
    assert_eq!(stream.response_headers(RESPONSE, false), Action::Continue);
    assert_eq!(stream.response_body(&json(5_000), true), Action::Continue);
    assert_eq!(double::response_body(), json(5_000));
}

#[test]
fn the_answer_to_head_is_that_to_get_but_for_its_length() {
    let filter = filter_in(None);
    let request = [(":method", "HEAD"), (":authority", "a"), ("accept-encoding", "gzip")];
    let given = [("content-length", "5000"), ("etag", "\"v1\""), ("vary", "origin")];
    let response = [fields(RESPONSE), fields(&given)].concat();
    let received = exchange(&filter, &request, response, &[], End::EmptyPiece);
    for (name, expected) in [
        ("content-encoding", Some("gzip")),
        ("content-length", None),
        ("etag", Some("W/\"v1\"")),
        ("vary", Some("origin, Accept-Encoding")),
        ("x-original-size", None),
    ] {
        assert_eq!(received.field(name).as_deref(), expected, "{name}");
    }
}
