//! What was encoded decodes to what it was, by decoders of their own.

use content_codings::{Encoder, Step};
use http_semantics::ContentCoding;
use std::io::Read;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Decodes as much as there is; what ends in the middle is an error only if it is to be `whole`.
fn decode(coding: ContentCoding, encoded: &[u8], whole: bool) -> Vec<u8> {
    let mut decoded = Vec::new();
    let result = match coding {
        ContentCoding::Gzip => flate2::read::GzDecoder::new(encoded).read_to_end(&mut decoded),
        ContentCoding::Deflate => flate2::read::ZlibDecoder::new(encoded).read_to_end(&mut decoded),
        ContentCoding::Br => brotli::Decompressor::new(encoded, 4_096).read_to_end(&mut decoded),
        ContentCoding::Zstd => {
            // This decoder gives nothing of what is not whole; an empty last block makes it so (RFC 8878 §3.1.1.2).
            let last: &[u8] = if whole { b"" } else { &[1, 0, 0] };
            let encoded = [encoded, last].concat();
            structured_zstd::decoding::StreamingDecoder::new(encoded.as_slice()).read_to_end(&mut decoded)
        }
    };
    assert!(!whole || result.is_ok(), "{coding:?}: {result:?}");
    decoded
}

fn levels(coding: ContentCoding) -> &'static [u8] {
    match coding {
        ContentCoding::Gzip | ContentCoding::Deflate => &[0, 1, 6, 9, 99],
        ContentCoding::Br => &[0, 2, 5, 9],
        ContentCoding::Zstd => &[0, 1, 3, 7],
    }
}

/// Bytes that do not shrink.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Bytes that do.
fn json(len: usize) -> Vec<u8> {
    let items = (0..)
        .flat_map(|id| format!(r#"{{"id": {id}, "name": "item {}"}}, "#, id * 7_919 % 1_000).into_bytes());
    items.take(len).collect()
}

fn bodies() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        b"a".to_vec(),
        json(1_024),
        json(70_000),
        noise(5_000),
        [noise(3_000), json(3_000)].concat(),
    ]
}

#[test]
fn one_encoder_serves_many_bodies() {
    for coding in ContentCoding::ALL {
        for level in levels(coding) {
            let mut encoder = Encoder::new(coding, *level);
            for body in bodies().iter().chain(bodies().iter().rev()) {
                for length in [Some(body.len()), None] {
                    let mut encoded = Vec::new();
                    encoder.begin(length).unwrap();
                    encoder.encode(body, Step::Finish, &mut encoded).unwrap();
                    assert!(decode(coding, &encoded, true) == *body, "{coding:?} {level} {}", body.len());
                }
            }
        }
    }
}

#[test]
fn what_was_flushed_can_be_read_at_once() {
    for coding in ContentCoding::ALL {
        let mut encoder = Encoder::new(coding, 5);
        for size in [1, 700, 40_000] {
            let body = json(size * 7);
            let mut encoded = Vec::new();
            encoder.begin(None).unwrap();
            for (number, piece) in body.chunks(size).enumerate() {
                encoder.encode(piece, Step::Flush, &mut encoded).unwrap();
                let read = decode(coding, &encoded, false);
                assert!(read == body[..(number + 1) * size], "{coding:?} by {size}: {} read", read.len());
            }
            let before = encoded.len();
            encoder.encode(b"", Step::Finish, &mut encoded).unwrap();
            assert!((1..=20).contains(&(encoded.len() - before)), "{coding:?} {}", encoded.len() - before);
            assert!(decode(coding, &encoded, true) == body, "{coding:?} by {size}");
        }
    }
}

#[test]
fn what_was_broken_off_leaves_nothing_behind() {
    for coding in ContentCoding::ALL {
        let mut encoder = Encoder::new(coding, 5);
        for _ in 0..3 {
            for length in [None, Some(10_000)] {
                encoder.begin(length).unwrap();
                encoder.encode(&json(5_000), Step::Flush, &mut Vec::new()).unwrap();
            }
            let mut encoded = Vec::new();
            encoder.begin(Some(2_000)).unwrap();
            encoder.encode(&json(2_000), Step::Finish, &mut encoded).unwrap();
            assert!(decode(coding, &encoded, true) == json(2_000), "{coding:?}");
        }
    }
}

#[test]
fn levels_make_a_difference() {
    let body = json(70_000);
    for coding in ContentCoding::ALL {
        let size = |level| {
            let (mut encoder, mut encoded) = (Encoder::new(coding, level), Vec::new());
            encoder.begin(Some(body.len())).unwrap();
            encoder.encode(&body, Step::Finish, &mut encoded).unwrap();
            encoded.len()
        };
        assert!(size(9) != size(1) && size(1) < body.len() / 2, "{coding:?}: {} {}", size(1), size(9));
    }
}
