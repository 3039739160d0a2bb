//! Stored responses that are no longer fresh (RFC 9111 §4.2.4, §4.3.1; RFC 5861).

use cache_policy::stale::{is_failure, validators};

use crate::{Lines, test};

mod freshening;
mod windows;

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[test]
fn what_is_asked() {
    let table: &[(&str, Lines, Lines)] = &[
        ("§4.3.1 an entity tag", &[("etag", "\"a\"")], &[("if-none-match", "\"a\"")]),
        ("§4.3.1 a weak one", &[("ETag", "W/\"a\"")], &[("if-none-match", "W/\"a\"")]),
        ("§4.3.1 a date", &[("last-modified", DATE)], &[("if-modified-since", DATE)]),
        (
            "§4.3.1 both",
            &[("last-modified", DATE), ("etag", "\"a\"")],
            &[("if-none-match", "\"a\""), ("if-modified-since", DATE)],
        ),
        ("§4.3.1 no date", &[("last-modified", "yesterday")], &[]),
        ("§4.3.1 nothing", &[("date", DATE)], &[]),
    ];
    for (case, stored, expected) in table {
        let expected: Vec<_> = expected.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        assert_eq!(validators(*stored), expected, "{case}");
    }
}

#[test]
fn failures() {
    for (status, expected) in [
        (500, true),
        (501, false),
        (502, true),
        (503, true),
        (504, true),
        (505, false),
        (404, false),
        (304, false),
        (200, false),
    ] {
        assert_eq!(is_failure(status), expected, "RFC 5861 §4 {status}");
    }
}
