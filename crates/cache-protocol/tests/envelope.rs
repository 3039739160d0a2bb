//! The envelope keeps every entry, and no damage to it goes unnoticed.
#![cfg(not(target_arch = "wasm32"))]

use cache_protocol::{DecodeError, Entry, POSITION_END, View, stated_position, summary};
use invalidation::Position;
use proptest::prelude::*;

fn bytes(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=longest)
}

prop_compose! {
    fn entry()(
        key in ".{0,40}",
        (epoch, seq, response_time_ms, initial_age_ms, freshness_lifetime_ms, status) in any::<(u64, u64, u64, u64, u64, u16)>(),
        tags in prop::collection::vec(".{0,10}", 0..5),
        headers in prop::collection::vec((bytes(12), bytes(200)), 0..6),
        body in bytes(300),
    ) -> Entry {
        let position = Position { epoch, seq };
        Entry { key, position, response_time_ms, initial_age_ms, freshness_lifetime_ms, status, tags, headers, body }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_entry_survives_its_envelope(entry in entry()) {
        let envelope = entry.encode();
        let summary = summary(&envelope).unwrap();
        prop_assert_eq!(summary.key, &entry.key);
        prop_assert_eq!(summary.position, entry.position);
        prop_assert_eq!(&summary.tags, &entry.tags);
        let left_ms = entry.freshness_lifetime_ms.saturating_sub(entry.initial_age_ms);
        prop_assert_eq!(summary.fresh_until_ms, entry.response_time_ms.saturating_add(left_ms));
        prop_assert_eq!(stated_position(&envelope[..POSITION_END]), Some(entry.position));
        prop_assert_eq!(stated_position(&envelope[..POSITION_END - 1]), None);
        let cut = entry.body.len() / 2;
        let outline = View::outline(&envelope[..envelope.len() - cut]).unwrap().to_entry();
        let body = entry.body[..entry.body.len() - cut].to_vec();
        prop_assert_eq!(outline, Entry { body, ..entry.clone() });
        prop_assert!(View::outline(&envelope[..POSITION_END]).is_err());
        prop_assert_eq!(Entry::decode(&envelope), Ok(entry));
    }

    #[test]
    fn every_truncation_and_addition_is_an_error(entry in entry(), more in bytes(8)) {
        let envelope = entry.encode();
        for length in 0..envelope.len() {
            prop_assert!(Entry::decode(&envelope[..length]).is_err());
            prop_assert!(summary(&envelope[..length]).is_err());
        }
        if !more.is_empty() {
            prop_assert!(Entry::decode(&[envelope, more].concat()).is_err());
        }
    }

    #[test]
    fn every_changed_byte_is_an_error(entry in entry(), flip in 1..=255_u8) {
        let mut envelope = entry.encode();
        for place in 0..envelope.len() {
            envelope[place] ^= flip;
            prop_assert!(Entry::decode(&envelope).is_err());
            prop_assert!(summary(&envelope).is_err());
            envelope[place] ^= flip;
        }
    }

    #[test]
    fn no_input_panics(input in bytes(200)) {
        prop_assert!(Entry::decode(&input).is_err());
        // Behind a right head and checksum, the fields themselves are arbitrary.
        let checksum = xxhash_rust::xxh3::xxh3_64(&input).to_le_bytes();
        let sealed = [b"SLR\x01", &checksum[..], &input].concat();
        let (_, _) = (Entry::decode(&sealed), summary(&sealed));
    }
}

#[test]
fn an_error_tells_what_was_found() {
    for (input, message) in [
        (&b""[..], r#"no envelope: starts with "\x00\x00\x00\x00", expected "SLR\x01""#),
        (b"HTTP/1.1", r#"no envelope: starts with "HTTP", expected "SLR\x01""#),
        (b"SLR\x02", r#"no envelope: starts with "SLR\x02", expected "SLR\x01""#),
        (b"SLR\x01", "damaged envelope: field checksum does not fit into it"),
        (
            b"SLR\x01\0\0\0\0\0\0\0\0",
            "damaged envelope: checksum 2d06800538d394c2, expected 0000000000000000",
        ),
    ] {
        assert_eq!(Entry::decode(input).unwrap_err().to_string(), message);
    }
    assert_eq!(DecodeError::Text("key").to_string(), "damaged envelope: field key is no UTF-8");
}
