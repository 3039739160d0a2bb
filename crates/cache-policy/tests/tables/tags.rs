//! Tags of responses.

use cache_policy::tags::{BadTags, MAX_TAG_BYTES, MAX_TAGS, of_response};

use crate::{Lines, test};

#[test]
fn tags_of_a_response() {
    let table: &[(&str, Lines, Result<&[&str], BadTags>)] = &[
        ("the route's", &[], Ok(&["route"])),
        ("Surrogate-Key, by spaces", &[("Surrogate-Key", "a b  c")], Ok(&["route", "a", "b", "c"])),
        ("Cache-Tag, by commas", &[("cache-tag", "a,b , c,")], Ok(&["route", "a", "b", "c"])),
        ("several lines and fields", &[("cache-tag", "a"), ("surrogate-key", "b"), ("cache-tag", "c")], {
            Ok(&["route", "b", "a", "c"])
        }),
        ("each once", &[("cache-tag", "a, route, a")], Ok(&["route", "a"])),
        ("case matters", &[("cache-tag", "A, a")], Ok(&["route", "A", "a"])),
        ("other fields do not count", &[("x-tag", "a")], Ok(&["route"])),
        ("what no purge could name", &[("cache-tag", "caf\u{e9}")], Err(BadTags)),
        ("control characters", &[("cache-tag", "a\u{1}b")], Err(BadTags)),
    ];
    let fields = ["surrogate-key".to_owned(), "cache-tag".to_owned()];
    for (case, response, expected) in table {
        let tags = of_response(*response, &fields, &["route".to_owned()]);
        let expected = expected.map(|tags| tags.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(tags, expected, "{case}");
    }
}

#[test]
fn tags_are_bounded() {
    let fields = ["cache-tag".to_owned()];
    let many = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    for (value, is_kept) in [
        (many(MAX_TAGS), true),
        (many(MAX_TAGS + 1), false),
        ("x".repeat(MAX_TAG_BYTES), true),
        ("x".repeat(MAX_TAG_BYTES + 1), false),
    ] {
        let tags = of_response(&[("cache-tag", value.as_str())], &fields, &[]);
        assert_eq!(tags.is_ok(), is_kept, "{} bytes", value.len());
    }
}
