//! Conditional requests (RFC 9110 §13).

use cache_policy::conditional::not_modified;

use crate::{Lines, test};

const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

/// The value of a field of the stored response.
type Stored = Option<&'static str>;

#[test]
fn preconditions() {
    let tag = Some(r#""a""#);
    let date = Some(MODIFIED);
    let table: &[(&str, Lines, Stored, Stored, bool)] = &[
        ("unconditional", &[], tag, date, false),
        ("§13.1.2 equal", &[("if-none-match", r#""a""#)], tag, date, true),
        ("§13.1.2 weak comparison", &[("if-none-match", r#"W/"a""#)], tag, date, true),
        ("§13.1.2 *", &[("if-none-match", "*")], None, None, true),
        ("§13.1.2 unequal", &[("if-none-match", r#""b""#)], tag, date, false),
        ("§13.1.2 nothing to compare with", &[("if-none-match", r#""a""#)], None, date, false),
        ("§13.1.2 a malformed stored tag", &[("if-none-match", r#""a""#)], Some("a"), date, false),
        ("§13.1.3 same second", &[("if-modified-since", MODIFIED)], tag, date, true),
        ("§13.1.3 later", &[("if-modified-since", LATER)], tag, date, true),
        (
            "§13.1.3 obsolete form",
            &[("if-modified-since", "Sunday, 06-Nov-94 08:49:38 GMT")],
            tag,
            date,
            true,
        ),
        ("§13.1.3 earlier", &[("if-modified-since", EARLIER)], tag, date, false),
        ("§13.1.3 not a date", &[("if-modified-since", "yesterday")], tag, date, false),
        ("§13.1.3 nothing to compare with", &[("if-modified-since", LATER)], tag, None, false),
        (
            "§13.2.2 If-Modified-Since does not count beside If-None-Match",
            &[("if-none-match", r#""b""#), ("if-modified-since", LATER)],
            tag,
            date,
            false,
        ),
        (
            "§13.2.2 If-None-Match decides",
            &[("if-modified-since", EARLIER), ("if-none-match", r#""a""#)],
            tag,
            date,
            true,
        ),
    ];
    for (case, request, etag, last_modified, expected) in table {
        let bytes = |value: &Stored| value.map(str::as_bytes);
        assert_eq!(not_modified(*request, bytes(etag), bytes(last_modified)), *expected, "{case}");
    }
}
