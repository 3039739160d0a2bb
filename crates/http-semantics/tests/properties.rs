//! Whatever a stranger writes into a field, reading it neither panics nor makes things up.
#![cfg(not(target_family = "wasm"))]

use http_semantics::{
    AcceptEncoding, CacheControl, EntityTag, Vary, date, delta_seconds, etag, list, media_type,
};
use proptest::{collection::vec, prelude::*};

/// Bytes that are often near a grammar's edges, and sometimes any at all.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "\"", "\\", ",", ";", "=", " ", "\t", "*", "W/", "q=", "0.5", "9", "gzip", "identity", "max-age",
            "private", "no-cache", "max-stale", "stale-while-revalidate", "Sun, 06 Nov 1994 08:49:37 GMT",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_panics(values in vec(value(), 0..4)) {
        for name in ["cache-control", "accept-encoding", "if-none-match", "vary"] {
            let fields: Vec<_> = values.iter().map(|value| (name, value)).collect();
            CacheControl::parse(&fields);
            let accepted = AcceptEncoding::parse(&fields);
            accepted.prefers_gzip();
            let _ = (accepted.quality("gzip"), accepted.quality("identity"), accepted.quality("*"));
            etag::if_none_match(&fields, Some(EntityTag { weak: false, opaque: b"a" }));
            Vary::parse(&fields);
        }
        for value in &values {
            let _ = (date::parse(value), delta_seconds::parse(value), media_type::essence(value));
            let _ = (list::unquote(value), list::name_value(value), list::parameters(value).count());
        }
    }

    #[test]
    fn list_members_are_trimmed_pieces_of_the_value(value in value()) {
        for member in list::split(&value) {
            prop_assert!(!member.is_empty());
            prop_assert_eq!(list::trim(member), member);
            prop_assert!(value.windows(member.len()).any(|window| window == member));
        }
    }

    #[test]
    fn entity_tags_survive_writing(value in value()) {
        for tag in etag::tags(&value) {
            let written = tag.to_bytes();
            prop_assert_eq!(EntityTag::parse(&written), Some(tag));
        }
    }

    #[test]
    fn dates_survive_writing(unix_seconds in 0_u64..253_402_300_800) {
        let written = date::format(unix_seconds).unwrap();
        prop_assert_eq!(date::parse(written.as_bytes()), Some(unix_seconds));
    }

    #[test]
    fn one_more_directive_never_lengthens_a_lifetime(first in value(), second in value()) {
        let parse = |lines: &[&[u8]]| {
            let fields: Vec<_> = lines.iter().map(|line| ("cache-control", line)).collect();
            CacheControl::parse(&fields)
        };
        let alone = parse(&[&first]);
        let both = parse(&[&first, &second]);
        prop_assert!(alone.max_age.is_none_or(|age| both.max_age.is_some_and(|shorter| shorter <= age)));
        prop_assert!(!alone.private.is_present() || both.private.is_present());
    }
}
