//! Whatever a stranger writes into a field, reading it neither panics nor makes things up.
#![cfg(not(target_family = "wasm"))]

use http_semantics::{
    AcceptEncoding, ByteRange, CacheControl, ContentCoding, ContentRange, EntityTag, Vary, cookie, date,
    delta_seconds, etag, list, media_type, range,
};
use proptest::{collection::vec, prelude::*};

/// Bytes that are often near a grammar's edges, and sometimes any at all.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "\"", "\\", ",", ";", "=", " ", "\t", "*", "W/", "q=", "0.5", "9", "gzip", "identity", "max-age",
            "private", "no-cache", "max-stale", "stale-while-revalidate", "Sun, 06 Nov 1994 08:49:37 GMT",
            "bytes", "-", "/", "18446744073709551615", "(", ")", "?0", "text/", "a", "sun, 06-nov-94 08:49:37 gmt",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// What is nearly an Accept-Encoding.
fn accept_encoding() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "gzip", "x-gzip", "br", "zstd", "deflate", "identity", "*", ",", ", ", ";q=", ";q=0", ";q=1",
        ";q=0.5", ";q=0.001", ";Q=0.50", " ", ";", "\"", "0", ".5", "\u{ff}", "compress",
    ]);
    vec(piece.prop_map(|text| text.as_bytes().to_vec()), 0..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_panics(values in vec(value(), 0..4)) {
        for name in ["cache-control", "accept-encoding", "cookie", "if-none-match", "vary"] {
            let fields: Vec<_> = values.iter().map(|value| (name, value)).collect();
            CacheControl::parse(&fields);
            CacheControl::parse_targeted(&fields, name);
            cookie::value(&fields, "a");
            let accepted = AcceptEncoding::parse(&fields);
            let _ = (accepted.quality("gzip"), accepted.quality("identity"), accepted.quality("*"));
            etag::if_none_match(&fields, Some(EntityTag { weak: false, opaque: b"a" }));
            Vary::parse(&fields);
        }
        for value in &values {
            let _ = (date::parse(value), delta_seconds::parse(value), media_type::essence(value));
            let _ = (list::unquote(value), list::name_value(value), list::parameters(value).count());
            let _ = (range::parse(value), ContentRange::parse(value), media_type::is_within(value, "text/*"));
        }
    }

    /// Whatever is written there: what is sent is something that the client has not ruled out, and nothing on offer is
    /// liked better.
    #[test]
    fn what_is_chosen_is_liked_best(
        values in vec(accept_encoding(), 0..4),
        offered in prop::sample::subsequence(ContentCoding::ALL.to_vec(), 0..=4).prop_shuffle(),
    ) {
        let fields: Vec<_> = values.iter().map(|value| ("accept-encoding", value)).collect();
        let accepted = AcceptEncoding::parse(&fields);
        let weight = |coding: &str| accepted.quality(coding).map_or(0, |quality| quality.thousandths());
        let best = offered.iter().map(|coding| weight(coding.as_str())).max().unwrap_or(0);
        match accepted.choose(&offered) {
            Some(chosen) => {
                prop_assert!(weight(chosen.as_str()) > 0 && offered.contains(&chosen) && !values.is_empty());
                prop_assert_eq!(weight(chosen.as_str()), best);
                let before = offered.iter().take_while(|coding| **coding != chosen);
                prop_assert!(before.into_iter().all(|coding| weight(coding.as_str()) < best));
                prop_assert!(best >= weight("identity"));
            }
            // Identity that is not listed has the least weight, and yields to anything.
            None => prop_assert!(values.is_empty() || best == 0 || best < weight("identity")),
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
    fn dates_are_read_in_whatever_case(unix_seconds in 0_u64..253_402_300_800, day in 0_usize..7) {
        let written = date::format(unix_seconds).unwrap();
        let (_, rest) = written.split_once(',').unwrap();
        let other_day = format!("{},{rest}", ["mon", "TUE", "Wed", "tHU", "fri", "SAT", "sun"][day]);
        for written in [written.to_ascii_lowercase(), written.to_ascii_uppercase(), other_day] {
            prop_assert_eq!(date::parse(written.as_bytes()), Some(unix_seconds), "{}", written);
        }
    }

    #[test]
    fn a_range_is_within_its_representation(first in any::<u64>(), last in any::<Option<u64>>(), length in any::<u64>()) {
        for range in [ByteRange::From { first, last }, ByteRange::Suffix(first)] {
            if let Some((start, end)) = range.within(length) {
                prop_assert!(start <= end || last.is_some_and(|last| last < first));
                prop_assert!(end < length);
            }
        }
    }

    #[test]
    fn what_is_a_content_range_does_not_contradict_itself(value in value()) {
        if let Some(part) = ContentRange::parse(&[b"bytes ".as_slice(), &value].concat()) {
            prop_assert!(part.first <= part.last);
            prop_assert!(part.complete.is_none_or(|complete| part.last < complete));
        }
    }

    #[test]
    fn a_targeted_field_says_what_cache_control_would(seconds in 0_u32.., has_no_store in any::<bool>()) {
        let value = format!("max-age={seconds}{}", if has_no_store { ", no-store" } else { "" });
        let fields = [("cache-control", &value), ("cdn-cache-control", &value)];
        prop_assert_eq!(
            CacheControl::parse_targeted(&fields, "cdn-cache-control"), Some(CacheControl::parse(&fields))
        );
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
