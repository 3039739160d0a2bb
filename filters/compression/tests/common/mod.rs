//! What the tests of the filter share: its host's double, bodies, and a client that decodes.
#![allow(dead_code, reason = "not every test needs all of it")]

use compression::Compression;
use slipstream_host::double::{self, Double, Fields};
use slipstream_host::{Action, Property};
use std::io::Read;

pub const CONFIG: &str = r#"{"service": "shop", "max_bytes": 20000}"#;
pub const REQUEST: &[(&str, &str)] = &[
    (":method", "GET"),
    (":authority", "shop.example"),
    (":path", "/items"),
    ("accept-encoding", "gzip, br"),
];
pub const RESPONSE: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/json")];

/// What a client got.
#[derive(Debug)]
pub struct Received {
    pub fields: Fields,
    pub body: Vec<u8>,
}

impl Received {
    pub fn field(&self, name: &str) -> Option<String> {
        let (_, value) = self.fields.iter().find(|(other, _)| other == name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    /// The body as the client reads it.
    pub fn decoded(&self) -> Vec<u8> {
        let (mut decoded, body) = (Vec::new(), self.body.as_slice());
        let result = match self.field("content-encoding").as_deref() {
            Some("gzip") => flate2::read::GzDecoder::new(body).read_to_end(&mut decoded),
            Some("deflate") => flate2::read::ZlibDecoder::new(body).read_to_end(&mut decoded),
            Some("br") => brotli::Decompressor::new(body, 4_096).read_to_end(&mut decoded),
            Some("zstd") => structured_zstd::decoding::StreamingDecoder::new(body).read_to_end(&mut decoded),
            _ => return self.body.clone(),
        };
        assert!(result.is_ok(), "{:?}: {result:?}", self.fields);
        decoded
    }
}

/// How a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    LastPiece,
    /// As Envoy does for HTTP/1.1.
    EmptyPiece,
    Trailers,
}

/// The filter with a route of this mode, or none of its own.
pub fn filter_in(mode: Option<&str>) -> Double<Compression> {
    let double = filter();
    if let Some(mode) = mode {
        double::set_route("slipstream.compression", &serde_json::json!({ "mode": mode }));
    }
    double
}

pub fn filter() -> Double<Compression> {
    let double = Double::start(CONFIG).unwrap();
    double::set_property(Property::ROUTE_NAME, b"items");
    double::set_property(Property::CLUSTER_NAME, b"cluster");
    double
}

pub fn fields(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

pub fn lines(fields: &Fields) -> Vec<(&str, &[u8])> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect()
}

/// Sends a request and its response through the filter, and gathers what it lets pass.
pub fn exchange(
    filter: &Double<Compression>,
    request: &[(&str, &str)],
    response: Fields,
    pieces: &[&[u8]],
    end: End,
) -> Received {
    let mut stream = filter.stream();
    assert_eq!(stream.request(request, b""), Action::Continue);
    let ended_at_head = pieces.is_empty() && end != End::Trailers;
    let mut paused = stream.response_headers_bytes(&lines(&response), ended_at_head) == Action::Pause;
    assert!(!(paused && ended_at_head), "nothing comes that could end the pause");
    let mut body = Vec::new();
    let empty = (end == End::EmptyPiece && !ended_at_head).then_some(b"".as_slice());
    let all: Vec<&[u8]> = pieces.iter().copied().chain(empty).collect();
    for (index, piece) in all.iter().enumerate() {
        let last = index + 1 == all.len() && end != End::Trailers;
        let action = stream.response_body(piece, last);
        assert!(paused || action == Action::Continue, "what was let go is not held again");
        assert!(!(last && action == Action::Pause), "the last piece is let go");
        paused = action == Action::Pause;
        if !paused {
            body.extend(double::response_body());
        }
    }
    if end == End::Trailers {
        assert_eq!(stream.response_trailers(), Action::Continue);
        if paused {
            body.extend(double::response_body());
        }
    }
    Received { fields: double::response_fields(), body }
}

/// `len` bytes of JSON that shrink well.
pub fn json(len: usize) -> Vec<u8> {
    (0..)
        .flat_map(|id| format!(r#"{{"id": {id}, "name": "item {id}", "status": "active"}}, "#).into_bytes())
        .take(len)
        .collect()
}

/// Bytes that do not shrink.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

pub fn outcome(filter: &Double<Compression>, outcome: &str) -> Option<i64> {
    filter.tick_after_ms(1_000);
    double::metric(&format!(
        "service=.=shop;.;route=.=items;.;outcome=.={outcome};.;slipstream_compression_total"
    ))
}
