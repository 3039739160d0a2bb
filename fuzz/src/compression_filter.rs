//! A response's way through the compression filter.

use crate::input::Input;
use compression::Compression;
use content_codings::decode;
use http_semantics::ContentCoding;
use slipstream_host::double::{self, Double, set_property, set_route};
use slipstream_host::{Action, Property};

const MODES: [&str; 3] = ["buffer", "stream", "off"];
const TYPES: [&[u8]; 5] = [
    b"application/json",
    b"text/html; charset=utf-8",
    b"text/event-stream",
    b"image/png",
    b"application/grpc",
];
const MAX_PIECES: usize = 12;
const NAMES: [&str; 8] = [
    "cache-control",
    "etag",
    "vary",
    "content-length",
    "content-range",
    "x-no-compression",
    "accept-ranges",
    "digest",
];

/// Mode, status, type, whether a field's name follows and its value, Accept-Encoding; then how often each piece is
/// repeated, and the piece.
pub fn exchange(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let double = Double::<Compression>::start(r#"{"max_bytes": 20000, "min_bytes": 16}"#)
        .expect("it is a configuration");
    set_property(Property::ROUTE_NAME, b"items");
    set_property(Property::CLUSTER_NAME, b"shop");
    set_route("slipstream.compression", &serde_json::json!({ "mode": input.choice(&MODES) }));
    let method = input.choice(&["GET", "HEAD", "POST"]);
    let status = input.choice::<&[u8]>(&[b"200", b"206", b"304", b"404", b"204", b"500"]);
    let content_type = input.choice(&TYPES);
    let (name, value, accepted) = (input.choice(&NAMES), input.line(), input.line());
    let ends_with_trailers = input.flag();

    let mut stream = double.stream();
    let request: [(&str, &[u8]); 4] = [
        (":method", method.as_bytes()),
        (":authority", b"shop"),
        (":path", b"/"),
        ("accept-encoding", accepted),
    ];
    assert_eq!(stream.request_bytes(&request, b""), Action::Continue);
    let mut response: Vec<(&str, &[u8])> =
        vec![(":status", status), ("content-type", content_type), (name, value)];
    if ends_with_trailers {
        // Those that are not announced leave a stream without the end of its coding.
        response.push(("trailer", b"x-checksum"));
    }
    if method == "HEAD" || matches!(status, b"204" | b"304") {
        assert_eq!(stream.response_headers_bytes(&response, true), Action::Continue);
        assert_eq!(double::response_header("content-encoding"), None, "there is no body to encode");
        return stream.log();
    }
    let mut paused = stream.response_headers_bytes(&response, false) == Action::Pause;
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    for number in 1..=MAX_PIECES {
        let (times, piece) = (1 + input.below(64), input.piece());
        let piece = piece.repeat(times);
        let is_last = input.is_empty() || number == MAX_PIECES;
        sent.extend_from_slice(&piece);
        paused = stream.response_body(&piece, is_last && !ends_with_trailers) == Action::Pause;
        if !paused {
            received.extend(double::response_body());
        }
        if is_last {
            break;
        }
    }
    if ends_with_trailers {
        assert_eq!(stream.response_trailers(), Action::Continue);
        if paused {
            received.extend(double::response_body());
        }
    } else {
        assert!(!paused, "the last piece is let go");
    }
    check(&sent, &received);
    stream.log();
    double.tick_after_ms(1_000);
}

/// What a client makes of the response is what the service sent.
fn check(sent: &[u8], received: &[u8]) {
    let decoded = match double::response_header("content-encoding") {
        None => received.to_vec(),
        Some(coding) => {
            let coding = ContentCoding::parse(coding.as_bytes()).expect("it is a coding");
            decode(coding, received, sent.len()).expect("it decodes")
        }
    };
    assert!(decoded == sent, "{} bytes were sent, {} arrive", sent.len(), decoded.len());
    if let Some(length) =
        double::response_header("content-length").and_then(|text| text.parse::<usize>().ok())
    {
        if double::response_header("content-encoding").is_some() {
            assert_eq!(length, received.len(), "Content-Length");
        }
    }
}
