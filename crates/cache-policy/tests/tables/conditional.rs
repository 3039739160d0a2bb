//! Conditional requests (RFC 9110 §13, RFC 9111 §4.3.2).

use cache_policy::conditional::{is_conditional, not_modified};

use crate::{Lines, test};

const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const TIME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

const TAG: (&str, &str) = ("etag", r#""a""#);
const MODIFIED: (&str, &str) = ("last-modified", TIME);
const STORED: Lines = &[TAG, MODIFIED, ("date", LATER)];

#[test]
fn preconditions() {
    let table: &[(&str, Lines, Lines, bool)] = &[
        ("unconditional", &[], STORED, false),
        ("§13.1.2 equal", &[("If-None-Match", r#""a""#)], STORED, true),
        ("§13.1.2 weak comparison", &[("if-none-match", r#"W/"a""#)], STORED, true),
        ("§13.1.2 weak comparison", &[("if-none-match", r#""a""#)], &[("ETag", r#"W/"a""#)], true),
        ("§13.1.2 one of several", &[("if-none-match", r#""b", "a""#)], STORED, true),
        (
            "§13.1.2 on another line",
            &[("if-none-match", r#""b""#), ("if-none-match", r#""a""#)],
            STORED,
            true,
        ),
        ("§13.1.2 *", &[("if-none-match", "*")], &[], true),
        ("§13.1.2 unequal", &[("if-none-match", r#""b""#)], STORED, false),
        ("§13.1.2 nothing to compare with", &[("if-none-match", r#""a""#)], &[MODIFIED], false),
        ("§13.1.2 a malformed stored tag", &[("if-none-match", r#""a""#)], &[("etag", "a")], false),
        ("§13.1.3 same second", &[("if-modified-since", TIME)], STORED, true),
        ("§13.1.3 later", &[("If-Modified-Since", LATER)], STORED, true),
        ("§13.1.3 earlier", &[("if-modified-since", EARLIER)], STORED, false),
        ("§5.6.7 RFC 850's form", &[("if-modified-since", "Sunday, 06-Nov-94 08:49:38 GMT")], STORED, true),
        ("§5.6.7 asctime's", &[("if-modified-since", "Sun Nov  6 08:49:36 1994")], STORED, false),
        ("§13.1.3 not a date", &[("if-modified-since", "yesterday")], STORED, false),
        ("RFC 9111 §4.3.2 Date for Last-Modified", &[("if-modified-since", LATER)], &[("date", LATER)], true),
        ("RFC 9111 §4.3.2 a later Date", &[("if-modified-since", TIME)], &[TAG, ("date", LATER)], false),
        ("RFC 9111 §4.3.2 not Date beside it", &[("if-modified-since", TIME)], STORED, true),
        ("RFC 9111 §4.3.2 neither", &[("if-modified-since", LATER)], &[TAG], false),
        (
            "RFC 9111 §4.3.2 a malformed Last-Modified",
            &[("if-modified-since", LATER)],
            &[("last-modified", "x"), ("date", TIME)],
            false,
        ),
        (
            "§13.1.3 If-Modified-Since does not count beside If-None-Match",
            &[("if-none-match", r#""b""#), ("if-modified-since", LATER)],
            STORED,
            false,
        ),
        (
            "§13.2.2 If-None-Match decides",
            &[("if-modified-since", EARLIER), ("if-none-match", r#""a""#)],
            STORED,
            true,
        ),
        (
            "§13.2.2 even if it is malformed",
            &[("if-none-match", "a"), ("if-modified-since", LATER)],
            STORED,
            false,
        ),
        ("§13.1.5 If-Range is no such condition", &[("if-range", r#""a""#)], STORED, false),
    ];
    for (case, request, stored, expected) in table {
        assert_eq!(not_modified(*request, *stored), *expected, "{case}");
        let asks = request.iter().any(|(name, _)| !name.eq_ignore_ascii_case("if-range"));
        assert_eq!(is_conditional(*request), asks, "{case}");
    }
}
