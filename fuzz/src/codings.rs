//! Content codings.

use crate::input::Input;
use content_codings::{Encoder, Step, decode as decode_within};
use http_semantics::ContentCoding;

const MAX_BYTES: usize = 64 << 10;

/// The first byte chooses the coding.
pub fn decode(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let coding = input.choice(&ContentCoding::ALL);
    if let Ok(body) = decode_within(coding, input.rest(), MAX_BYTES) {
        assert!(body.len() <= MAX_BYTES);
    }
}

/// Coding, level, whether the length is said, how often the rest is repeated; then pieces.
pub fn encode(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let coding = input.choice(&ContentCoding::ALL);
    // The strongest levels of br take long.
    let level = input.below(if coding == ContentCoding::Br { 7 } else { 12 }) as u8;
    let (whole, times) = (input.flag(), 1 + input.below(4));
    let mut encoder = Encoder::new(coding, level);
    // What is left of a body that was not finished must not show.
    for finishes in [false, true] {
        let mut input = Input::new(input.peek());
        let body = input.peek().repeat(times);
        encoder.begin(whole.then_some(body.len())).expect("it begins");
        let (mut encoded, mut rest) = (Vec::new(), body.as_slice());
        if !whole {
            while !rest.is_empty() && !input.is_empty() {
                let (piece, after) = rest.split_at(input.piece().len().clamp(1, rest.len()));
                encoder.encode(piece, Step::Flush, &mut encoded).expect("it takes the piece");
                rest = after;
            }
        }
        if finishes {
            encoder.encode(rest, Step::Finish, &mut encoded).expect("it finishes");
            let decoded = decode_within(coding, &encoded, body.len());
            assert!(
                decoded.as_deref() == Ok(body.as_slice()),
                "{coding:?} at level {level} of {} bytes",
                body.len()
            );
        }
    }
}
