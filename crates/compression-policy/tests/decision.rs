//! Which responses are compressed, case by case.

use compression_policy::{
    Codings, Config, ContentTypes, InvalidPattern, Mode, Request, Response, Skip, Way, decide,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

type Fields = &'static [(&'static str, &'static [u8])];

fn config() -> Config {
    Config {
        codings: Codings::parse(&["gzip"]).unwrap_or_default(),
        min_bytes: 1_024,
        max_bytes: 1_000_000,
        types: ContentTypes::default(),
    }
}

fn outcome(method: &str, request: Fields, status: u16, response: Fields, ended: bool) -> &'static str {
    let request = Request::parse(method.as_bytes(), &request.to_vec(), &config().codings);
    let response = response.to_vec();
    let response = Response::new(status, &response, ended);
    decide(&request, &response, Some(Mode::Buffer), &config()).map_or_else(Skip::as_str, |_| "compress")
}

const GZIP: Fields = &[("accept-encoding", b"gzip")];
const JSON: Fields = &[("content-type", b"application/json"), ("content-length", b"2000")];

#[test]
fn the_request_decides() {
    let rows: &[(&str, &str, Fields, &str)] = &[
        ("RFC 9110 §12.5.3: no field, and many such clients cannot decode", "GET", &[], "not_accepted"),
        ("§12.5.3: empty means identity", "GET", &[("accept-encoding", b"")], "not_accepted"),
        ("§12.5.3", "GET", &[("accept-encoding", b"gzip")], "compress"),
        ("§8.4.1.3: x-gzip is gzip", "GET", &[("accept-encoding", b"x-gzip")], "compress"),
        (
            "§12.5.3: over several lines",
            "GET",
            &[("accept-encoding", b"br"), ("accept-encoding", b"GZIP")],
            "compress",
        ),
        ("§12.4.2: weight 0 is a no", "GET", &[("accept-encoding", b"gzip;q=0")], "not_accepted"),
        ("§12.4.2: weight 0 over *", "GET", &[("accept-encoding", b"gzip;q=0, *")], "not_accepted"),
        ("§12.5.3: * is any coding", "GET", &[("accept-encoding", b"*")], "compress"),
        (
            "§12.5.3: identity is liked better",
            "GET",
            &[("accept-encoding", b"gzip;q=0.5, identity")],
            "not_accepted",
        ),
        ("§12.5.3: other codings", "GET", &[("accept-encoding", b"br, zstd")], "not_accepted"),
        ("§12.4.2: a bad weight is a no", "GET", &[("accept-encoding", b"gzip;q=\xff")], "not_accepted"),
        ("a response to POST is compressed too", "POST", GZIP, "compress"),
        ("§9.3.2: HEAD has no content", "HEAD", GZIP, "head"),
        ("opt-out", "GET", &[("accept-encoding", b"gzip"), ("x-no-compression", b"")], "client_opt_out"),
        (
            "opt-out whatever the value",
            "GET",
            &[("X-No-Compression", b"\xff"), ("accept-encoding", b"gzip")],
            "client_opt_out",
        ),
        (
            "RFC 9111 §5.2.1.6",
            "GET",
            &[("accept-encoding", b"gzip"), ("cache-control", b"no-cache, No-Transform")],
            "client_no_transform",
        ),
    ];
    for (why, method, request, expected) in rows {
        assert_eq!(outcome(method, request, 200, JSON, false), *expected, "{why}");
    }
}

#[test]
fn the_status_decides() {
    let rows = [
        ("RFC 9110 §15.2", 101, "status"),
        ("§15.2: 103 hints", 103, "status"),
        ("§15.3.1", 200, "compress"),
        ("§15.3.2", 201, "compress"),
        ("§15.3.5: no content", 204, "status"),
        ("§15.3.6: no content", 205, "status"),
        ("§15.3.7: a part", 206, "status"),
        ("§15.4.5: no content", 304, "status"),
        ("§15.5.5: an error's page is content", 404, "compress"),
        ("§15.6.4", 503, "compress"),
    ];
    for (why, status, expected) in rows {
        assert_eq!(outcome("GET", GZIP, status, JSON, false), expected, "{why}");
    }
}

#[test]
fn the_responses_fields_decide() {
    let rows: &[(&str, Fields, &str)] = &[
        ("unknown length", &[("content-type", b"application/json")], "compress"),
        ("RFC 9110 §8.4", &[("content-type", b"text/html"), ("content-encoding", b"br")], "encoded"),
        (
            "§8.4: in the list's second line",
            &[
                ("content-type", b"text/html"),
                ("content-encoding", b"identity"),
                ("content-encoding", b"gzip"),
            ],
            "encoded",
        ),
        (
            "§8.4.1: identity is none",
            &[("content-type", b"text/html"), ("content-encoding", b"Identity")],
            "compress",
        ),
        ("§14.4", &[("content-type", b"text/html"), ("content-range", b"bytes 0-9/100")], "range"),
        (
            "RFC 9111 §5.2.2.6",
            &[
                ("content-type", b"text/html"),
                ("cache-control", b"max-age=1"),
                ("cache-control", b"no-transform"),
            ],
            "no_transform",
        ),
        ("opt-out", &[("content-type", b"text/html"), ("x-no-compression", b"1")], "service_opt_out"),
        ("RFC 9110 §8.3: no type", &[], "content_type"),
        ("§8.3: not UTF-8", &[("content-type", b"text\xff/html")], "content_type"),
        ("too short", &[("content-type", b"text/html"), ("content-length", b"1023")], "too_small"),
        ("just long enough", &[("content-type", b"text/html"), ("content-length", b"1024")], "compress"),
        ("just short enough", &[("content-type", b"text/html"), ("content-length", b"1000000")], "compress"),
        ("too long", &[("content-type", b"text/html"), ("content-length", b"1000001")], "too_large"),
        ("no length after all", &[("content-type", b"text/html"), ("content-length", b"many")], "compress"),
        ("unbuffered", &[("content-type", b"text/html"), ("x-accel-buffering", b"no")], "streaming"),
    ];
    for (why, response, expected) in rows {
        assert_eq!(outcome("GET", GZIP, 200, response, false), *expected, "{why}");
    }
    assert_eq!(
        outcome("GET", GZIP, 200, &[("content-type", b"text/html")], true),
        "too_small",
        "no body at all"
    );
}

#[test]
fn the_content_type_decides() {
    let rows: &[(&[u8], &str)] = &[
        (b"text/html; charset=utf-8", "compress"),
        (b"TEXT/CSV", "compress"),
        (b"application/json", "compress"),
        (b"application/problem+json;x=\"a;b\"", "compress"),
        (b"model/gltf+JSON", "compress"),
        (b"application/javascript", "compress"),
        (b"application/xml", "compress"),
        (b"image/svg+xml", "compress"),
        (b"image/png", "content_type"),
        (b"application/octet-stream", "content_type"),
        (b"application/jsonp", "content_type"),
        (b"json", "content_type"),
        (b"application/", "content_type"),
        (b"text/event-stream", "streaming"),
        (b"Text/Event-Stream; charset=utf-8", "streaming"),
        (b"application/x-ndjson", "streaming"),
        (b"application/stream+json", "streaming"),
        (b"application/json-seq", "streaming"),
        (b"application/grpc", "streaming"),
        (b"application/grpc-web+proto", "streaming"),
        (b"application/GRPC+json", "streaming"),
        (b"application/connect+json", "streaming"),
        (b"multipart/x-mixed-replace", "streaming"),
    ];
    let request = Request::parse(b"GET", &GZIP.to_vec(), &config().codings);
    for (content_type, expected) in rows {
        let fields = [("content-type", *content_type)];
        let response = Response::new(200, &fields, false);
        let outcome = decide(&request, &response, Some(Mode::Buffer), &config())
            .map_or_else(Skip::as_str, |_| "compress");
        assert_eq!(outcome, *expected, "{}", content_type.escape_ascii());
    }
}

#[test]
fn the_way_depends_on_mode_length_and_trailers() {
    use Mode::{Buffer, Stream};
    use Way::{Pieces, Whole};
    let short: Fields = &[("content-type", b"text/html"), ("content-length", b"1000000")];
    let long: Fields = &[("content-type", b"text/html"), ("content-length", b"1000001")];
    let unknown: Fields = &[("content-type", b"text/html")];
    let trailers: Fields = &[("content-type", b"text/html"), ("trailer", b"x-checksum")];
    let rows = [
        (None, short, Ok(Whole)),
        (None, long, Ok(Pieces)),
        (None, unknown, Ok(Pieces)),
        (None, trailers, Ok(Whole)),
        (Some(Buffer), short, Ok(Whole)),
        (Some(Buffer), long, Err(Skip::TooLarge)),
        (Some(Buffer), unknown, Ok(Whole)),
        (Some(Buffer), trailers, Ok(Whole)),
        (Some(Stream), short, Ok(Pieces)),
        (Some(Stream), long, Ok(Pieces)),
        (Some(Stream), unknown, Ok(Pieces)),
        (Some(Stream), trailers, Err(Skip::Trailers)),
    ];
    let request = Request::parse(b"GET", &GZIP.to_vec(), &config().codings);
    for (mode, response, expected) in rows {
        let fields = response.to_vec();
        let plan = decide(&request, &Response::new(200, &fields, false), mode, &config());
        assert_eq!(plan.map(|plan| plan.way), expected, "{mode:?} {response:?}");
    }
}

/// A response that no request would have got compressed does not vary (RFC 9110 §12.5.5).
#[test]
fn what_varies() {
    let nobody: Fields = &[];
    let html: Fields = &[("content-type", b"text/html"), ("content-length", b"2000")];
    let png: Fields = &[("content-type", b"image/png"), ("content-length", b"2000")];
    let rows = [
        ("HEAD", GZIP, html, true),
        ("GET", nobody, html, true),
        ("HEAD", GZIP, png, false),
        ("GET", nobody, png, false),
        ("GET", nobody, &[("content-type", b"text/html"), ("content-length", b"5")], false),
    ];
    for (method, request, response, varies) in rows {
        let request = Request::parse(method.as_bytes(), &request.to_vec(), &config().codings);
        let fields = response.to_vec();
        let skip = decide(&request, &Response::new(200, &fields, false), None, &config()).err();
        assert_eq!(skip.map(Skip::varies), Some(varies), "{method} {response:?}");
    }
}

/// Patterns, and content types that they match, or which of them is none.
type PatternCase = (&'static [&'static str], Result<&'static [&'static str], usize>);

#[test]
fn patterns_are_read_or_named() {
    let cases: [PatternCase; 8] = [
        (&["text/*", "Application/JSON"], Ok(&["text/html", "application/json"])),
        (&["*/*+json"], Ok(&["application/a+json"])),
        (&["application/*+json"], Ok(&["application/a+json"])),
        (&["text/html", "text"], Err(1)),
        (&["*/*"], Err(0)),
        (&["*/json"], Err(0)),
        (&["text/*html"], Err(0)),
        (&["text/html; charset=utf-8"], Err(0)),
    ];
    for (patterns, expected) in cases {
        match (ContentTypes::parse(patterns), expected) {
            (Ok(types), Ok(matching)) => {
                for content_type in matching {
                    assert!(types.contains(content_type.as_bytes()), "{patterns:?} {content_type}");
                }
                assert!(!types.contains(b"image/a"), "{patterns:?}");
            }
            (Err(InvalidPattern { index, pattern }), Err(expected)) => {
                assert_eq!((index, pattern.as_str()), (expected, patterns[expected]));
            }
            (read, expected) => panic!("{patterns:?}: {read:?}, expected {expected:?}"),
        }
    }
}
