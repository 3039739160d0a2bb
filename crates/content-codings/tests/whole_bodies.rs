//! What is encoded at a stroke decodes to what it was, whatever it was.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use content_codings::{Encoder, Step};
use http_semantics::ContentCoding;
use proptest::prelude::*;
use std::io::Read;

fn encode(encoder: &mut Encoder, body: &[u8]) -> Vec<u8> {
    let mut output = b"before".to_vec();
    encoder.begin(Some(body.len())).unwrap();
    encoder.encode(body, Step::Finish, &mut output).unwrap();
    assert!(output.starts_with(b"before"), "what was there before is still there");
    output.split_off(6)
}

/// By a decoder that is not ours, which looks at the checksum and, for gzip, at the length.
fn decode(coding: ContentCoding, encoded: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let (mut rest, mut rest_of_zlib) = (encoded, flate2::bufread::ZlibDecoder::new(encoded));
    match coding {
        ContentCoding::Gzip => {
            flate2::bufread::GzDecoder::new(&mut rest).read_to_end(&mut decoded).unwrap();
            assert!(rest.is_empty(), "nothing follows the trailer");
        }
        _ => {
            rest_of_zlib.read_to_end(&mut decoded).unwrap();
            assert_eq!(rest_of_zlib.total_in(), encoded.len() as u64, "nothing follows the checksum");
        }
    }
    decoded
}

/// Some piece of a body, to be put beside others.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let length = || prop_oneof![4 => 0_usize..300, 2 => 250_usize..270, 1 => 0_usize..9_000];
    let words = prop::sample::select(vec![
        "{\"id\":",
        "\"name\":\"",
        "item",
        "\"},",
        "null",
        "a",
        "ab",
        "abc",
        "abcd",
        "<div class=\"",
        "</div>\n",
        "0123456789",
    ]);
    prop_oneof![
        // Bytes that do not shrink.
        2 => prop::collection::vec(any::<u8>(), 0..600),
        // One byte, over and over.
        2 => (any::<u8>(), length()).prop_map(|(byte, length)| vec![byte; length]),
        // A few bytes, over and over.
        2 => (prop::collection::vec(any::<u8>(), 1..40), length())
            .prop_map(|(unit, length)| unit.into_iter().cycle().take(length).collect()),
        // Bytes of a small alphabet.
        2 => (2_u8..6, prop::collection::vec(any::<u8>(), 0..2_000))
            .prop_map(|(size, bytes)| bytes.into_iter().map(|byte| b'a' + byte % size).collect()),
        // Something like text.
        4 => prop::collection::vec(words, 0..300).prop_map(|words| words.concat().into_bytes()),
        // A few frequent bytes and rarer and rarer others: codes as long as they get.
        1 => (1_usize..18).prop_map(|count| {
            let runs = (0..count as u8).map(|byte| vec![byte; 1 << byte.min(12)]);
            runs.flatten().enumerate().map(|(place, byte)| byte ^ ((place * 7 % 3) as u8)).collect()
        }),
    ]
}

/// Pieces, some of which come again after a gap that may be near the edge of the window.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let gap = prop_oneof![4 => Just(0_usize), 1 => 32_700_usize..32_840, 1 => 65_400_usize..65_700];
    (prop::collection::vec((piece(), gap), 0..6), any::<u64>()).prop_map(|(pieces, seed)| {
        let mut body = Vec::new();
        for (piece, gap) in pieces {
            body.extend_from_slice(&piece);
            if gap > 0 {
                body.extend(noise(seed, gap.saturating_sub(piece.len())));
                body.extend_from_slice(&piece);
            }
        }
        body
    })
}

fn noise(seed: u64, length: usize) -> impl Iterator<Item = u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(length)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// One encoder does all bodies, and does each as a new one would.
    #[test]
    fn bodies_come_back(bodies in prop::collection::vec(body(), 1..4), level in 1_u8..=9, is_gzip: bool) {
        let coding = if is_gzip { ContentCoding::Gzip } else { ContentCoding::Deflate };
        let mut used = Encoder::new(coding, level);
        for body in &bodies {
            let encoded = encode(&mut used, body);
            prop_assert!(decode(coding, &encoded) == *body);
            prop_assert!(encode(&mut Encoder::new(coding, level), body) == encoded);
            // Stored blocks bound what is added, but for level 1, which is by zlib-rs.
            prop_assert!(level == 1 || encoded.len() <= body.len() + body.len() / 1_000 + 40, "{} of {}", encoded.len(), body.len());
        }
    }
}

#[test]
fn all_lengths_around_borders() {
    let text: Vec<u8> = (0_u32..30_000).flat_map(|number| format!("{number:x},").into_bytes()).collect();
    let noise: Vec<u8> = noise(7, 100_000).collect();
    let same = vec![b'x'; 100_000];
    let borders = [0..300, 32_764..32_772, 65_532..65_540, 98_302..98_306];
    for level in [2, 6, 9] {
        let mut encoder = Encoder::new(ContentCoding::Gzip, level);
        for body in [&text, &noise, &same] {
            for length in borders.iter().cloned().flatten() {
                let body = &body[..length];
                let encoded = encode(&mut encoder, body);
                assert!(decode(ContentCoding::Gzip, &encoded) == body, "level {level}, {length} bytes");
            }
        }
    }
}

/// What is like the lists of an API.
fn json(items: usize) -> Vec<u8> {
    let words = "adds after alert audit backlog batch billing cache client currency dashboard duplicate exports fails \
                 filters history import index invoice large ledger limits mobile order partner payment portfolio prices \
                 queue refund report retries review search settles slow stale sync timezone user";
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut random = noise(11, 1 << 20);
    let mut number = || usize::from(random.next().unwrap());
    let mut json = String::new();
    for id in 0..items {
        let mut text =
            |count: usize| (0..count).map(|_| words[number() % words.len()]).collect::<Vec<_>>().join(" ");
        let (title, description, status) = (text(4), text(14), text(1));
        let (price, day) = (number() * number(), number() % 28 + 1);
        json.push_str(&format!(
            r#"{{"id":{id},"title":"{title}","description":"{description}","status":"{status}","price":{price},"at":"2025-04-{day:02}"}},"#
        ));
    }
    json.into_bytes()
}

/// Eight words again and again, in ever other orders.
fn few_words(lines: usize) -> Vec<u8> {
    let words = ["alpha ", "beta ", "gamma ", "delta ", "omega ", "sigma ", "kappa ", "zeta "];
    let mut random = noise(13, 6 * lines);
    let line = |_| (0..6).map(|_| words[usize::from(random.next().unwrap()) % 8]).collect::<String>() + "\n";
    (0..lines).map(line).collect::<String>().into_bytes()
}

fn by_zlib_rs(body: &[u8], level: u8) -> usize {
    let mut encoded = Vec::new();
    let mut encoder = flate2::bufread::GzEncoder::new(body, flate2::Compression::new(u32::from(level)));
    encoder.read_to_end(&mut encoded).unwrap();
    encoded.len()
}

/// Beside the library that this is used instead of; the files are made here, so that the figures do not change.
#[test]
fn as_small_as_zlib_rs() {
    for (what, body, percent) in [
        ("20 kB of JSON", json(95), 102),
        ("50 kB of JSON", json(240), 102),
        ("a list of few words", few_words(400), 106),
        ("a short list of few words", few_words(100), 106),
    ] {
        for level in 2..=9 {
            let size = encode(&mut Encoder::new(ContentCoding::Gzip, level), &body).len();
            let most = by_zlib_rs(&body, level) * percent / 100;
            assert!(size <= most, "{what}, level {level}: {size} bytes, at most {most} expected");
        }
    }
}

#[test]
fn no_level_makes_more_of_a_body_than_the_one_below() {
    for (what, body) in [
        ("2 kB of JSON", json(10)),
        ("20 kB of JSON", json(95)),
        ("50 kB of JSON", json(240)),
        ("few words", few_words(400)),
        ("noise", noise(3, 20_000).collect()),
        ("zeros", vec![0; 70_000]),
    ] {
        let size = |level| encode(&mut Encoder::new(ContentCoding::Gzip, level), &body).len();
        let sizes: Vec<usize> = (2..=9).map(size).collect();
        assert!(sizes.is_sorted_by(|lower, higher| lower >= higher), "{what}: {sizes:?}");
    }
}

/// Repeated bodies, blocks of all three kinds, and a second code where the first does not fit any more.
#[test]
fn sizes_tell_what_was_done() {
    let noise = |length| noise(5, length).collect::<Vec<u8>>();
    let digits = |length: usize| noise(length).iter().map(|byte| b'0' + byte % 10).collect::<Vec<u8>>();
    let capitals = |length: usize| noise(length).iter().map(|byte| b'A' + byte % 16).collect::<Vec<u8>>();
    let far = |gap: usize| [noise(2_000), vec![0; gap], noise(2_000)].concat();
    for (what, body, least, most) in [
        ("nothing: a fixed block without content", Vec::new(), 20, 20),
        ("few bytes: a fixed block", b"hello hello hello".to_vec(), 20, 30),
        ("noise: stored blocks", noise(200_000), 200_000, 200_060),
        ("one byte for all", vec![b'x'; 1 << 20], 1_000, 1_100),
        ("all digits: near the entropy of 3.32 bits", digits(100_000), 41_500, 47_500),
        ("two alphabets: a block for each", [digits(100_000), capitals(100_000)].concat(), 91_000, 103_000),
        ("two short ones: a block for each", [digits(20_000), capitals(20_000)].concat(), 18_000, 21_200),
        ("noise again within the window", far(30_000), 2_020, 2_250),
        ("noise again beyond the window", far(40_000), 4_020, 4_250),
    ] {
        let encoded = encode(&mut Encoder::new(ContentCoding::Gzip, 6), &body);
        assert!((least..=most).contains(&encoded.len()), "{what}: {} bytes", encoded.len());
        assert!(decode(ContentCoding::Gzip, &encoded) == body, "{what}");
    }
}
