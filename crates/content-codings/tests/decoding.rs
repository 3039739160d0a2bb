//! Decoding what strangers send.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use content_codings::{DecodeError, Encoder, Step, decode};
use http_semantics::ContentCoding;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn encoded(coding: ContentCoding, body: &[u8]) -> Vec<u8> {
    let (mut encoder, mut output) = (Encoder::new(coding, 3), Vec::new());
    encoder.begin(Some(body.len())).unwrap();
    encoder.encode(body, Step::Finish, &mut output).unwrap();
    output
}

fn body() -> Vec<u8> {
    (0..2_000_u32).flat_map(|number| format!("{},", number * 7_919 % 1_000).into_bytes()).collect()
}

#[test]
fn up_to_the_limit() {
    let body = body();
    for coding in ContentCoding::ALL {
        let sent = encoded(coding, &body);
        assert_eq!(decode(coding, &sent, body.len()).as_ref(), Ok(&body), "{coding:?}");
        assert_eq!(decode(coding, &sent, body.len() - 1), Err(DecodeError::TooLong), "{coding:?}");
        assert_eq!(decode(coding, &encoded(coding, b""), 0), Ok(Vec::new()), "{coding:?}");
    }
}

#[test]
fn bombs_burst_nothing() {
    let zeros = vec![0; 16 << 20];
    for coding in ContentCoding::ALL {
        let sent = encoded(coding, &zeros);
        assert!(sent.len() < 100_000, "{coding:?}: {} bytes", sent.len());
        assert_eq!(decode(coding, &sent, 1 << 20), Err(DecodeError::TooLong), "{coding:?}");
    }
}

#[test]
fn what_breaks_off_is_malformed() {
    let sent = |coding| encoded(coding, &body());
    for coding in ContentCoding::ALL {
        let sent = sent(coding);
        for length in [0, 1, 2, 5, sent.len() / 2, sent.len() - 1] {
            let decoded = decode(coding, &sent[..length], 1 << 20);
            assert_eq!(decoded, Err(DecodeError::Malformed), "{coding:?}: {length} of {}", sent.len());
        }
    }
}

/// Whatever comes: an answer, no panic, and no more than was allowed.
#[test]
fn garbage_is_survived() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end as u64) as usize
    };
    for coding in ContentCoding::ALL {
        let good = encoded(coding, &body());
        for round in 0..500 {
            let mut bad = good.clone();
            for _ in 0..=next(4) {
                let at = if round % 2 == 0 { next(20) } else { next(bad.len()) };
                bad[at] = next(256) as u8;
            }
            if let Ok(decoded) = decode(coding, &bad, 50_000) {
                assert!(decoded.len() <= 50_000);
            }
        }
    }
}
