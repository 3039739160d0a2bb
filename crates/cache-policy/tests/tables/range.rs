//! Parts of stored representations (RFC 9110 §13.1.5, §14; RFC 9111 §3.3, §3.4).

use cache_policy::range::{Parts, decide};
use http_semantics::ContentRange;

use crate::{Lines, test};

mod bytes;
mod held;

const TIME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
const TAG: (&str, &str) = ("etag", "\"a\"");

/// A part of ten bytes.
const fn part(first: u64, last: u64) -> ContentRange {
    ContentRange { first, last, complete: Some(10) }
}

#[test]
fn of_a_whole() {
    use Parts::{One, Several, Unsatisfiable, Whole};
    let table = [
        ("§14.2 no Range", None, Whole),
        ("§14.1.2", Some("bytes=0-4"), One(part(0, 4))),
        ("§14.1.2 all of it", Some("bytes=0-9"), One(part(0, 9))),
        ("§14.1.2 one byte", Some("bytes=9-9"), One(part(9, 9))),
        ("§14.1.2 past the end", Some("bytes=5-99"), One(part(5, 9))),
        ("§14.1.2 far past the end", Some("bytes=5-99999999999999999999999"), One(part(5, 9))),
        ("§14.1.2 to the end", Some("bytes=5-"), One(part(5, 9))),
        ("§14.1.2 a suffix", Some("bytes=-3"), One(part(7, 9))),
        ("§14.1.2 a suffix longer than all", Some("bytes=-99"), One(part(0, 9))),
        ("§15.5.17 none there", Some("bytes=10-"), Unsatisfiable(10)),
        ("§15.5.17 no suffix", Some("bytes=-0"), Unsatisfiable(10)),
        ("§15.5.17 several, none there", Some("bytes=10-, 20-30"), Unsatisfiable(10)),
        ("§14.2 malformed", Some("bytes=5-4"), Whole),
        ("§14.2 another unit", Some("lines=1-2"), Whole),
        ("§14.6 several", Some("bytes=0-1, 8-"), Several(vec![part(0, 1), part(8, 9)])),
        ("§15.3.7.2 in the order asked for", Some("bytes=-1,0-0"), Several(vec![part(9, 9), part(0, 0)])),
        ("§15.3.7.2 one of several is there", Some("bytes=0-1, 20-"), One(part(0, 1))),
        (
            "§17.15 overlapping, but less than all",
            Some("bytes=0-2,1-3"),
            Several(vec![part(0, 2), part(1, 3)]),
        ),
        ("§17.15 as much as all", Some("bytes=0-4,5-9"), Several(vec![part(0, 4), part(5, 9)])),
        ("§17.15 more than all", Some("bytes=0-5,5-9"), Whole),
        ("§17.15 repeated", Some("bytes=0-,0-,0-"), Whole),
        (
            "§17.15 too many",
            Some("bytes=0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0"),
            Whole,
        ),
    ];
    for (case, range, expected) in table {
        let request: Vec<_> = range.iter().map(|range| ("Range", *range)).collect();
        assert_eq!(decide(&request, 200, &[TAG], 10), expected, "{case}: {range:?}");
    }
}

#[test]
fn what_has_no_parts() {
    let table: &[(&str, u16, Lines, u64)] = &[
        ("gzip is answered whole", 200, &[("content-encoding", "gzip")], 10),
        ("one of two codings", 200, &[("content-encoding", "identity, br")], 10),
        ("§14.2 only what would be a 200", 404, &[], 10),
        ("§14.2 nor a 203", 203, &[], 10),
        ("no content", 200, &[], 0),
    ];
    for (case, status, stored, bytes) in table {
        assert_eq!(decide(&[("range", "bytes=0-1")], *status, *stored, *bytes), Parts::Whole, "{case}");
    }
    let plain = decide(&[("range", "bytes=0-1")], 200, &[("content-encoding", "Identity")], 10);
    assert_eq!(plain, Parts::One(part(0, 1)), "§8.4.1 identity is none");
}

#[test]
fn if_range() {
    const MODIFIED: (&str, &str) = ("last-modified", TIME);
    const STRONG: Lines = &[TAG, MODIFIED, ("date", LATER)];
    let table: &[(&str, &str, Lines, bool)] = &[
        ("the same tag", "\"a\"", STRONG, true),
        ("spaces around", " \"a\" ", STRONG, true),
        ("another tag", "\"b\"", STRONG, false),
        ("a weak one", "W/\"a\"", STRONG, false),
        ("a weak one stored", "\"a\"", &[("etag", "W/\"a\"")], false),
        ("both weak", "W/\"a\"", &[("etag", "W/\"a\"")], false),
        ("no tag stored", "\"a\"", &[MODIFIED, ("date", LATER)], false),
        ("the same date", TIME, STRONG, true),
        ("a later date", LATER, STRONG, false),
        ("an earlier date", "Sun, 06 Nov 1994 08:49:36 GMT", STRONG, false),
        ("the same date in another form", "Sunday, 06-Nov-94 08:49:37 GMT", STRONG, false),
        ("§8.8.2.2 a date that is weak", TIME, &[MODIFIED, ("date", TIME)], false),
        ("§8.8.2.2 nobody knows whether it is", TIME, &[MODIFIED], false),
        ("no date stored", TIME, &[TAG, ("date", LATER)], false),
        ("neither a tag nor a date", "a", &[("last-modified", "a"), ("date", LATER)], false),
        ("empty", "", &[("last-modified", ""), ("date", LATER)], false),
    ];
    for (case, condition, stored, is_parted) in table {
        let request = [("range", "bytes=0-1"), ("If-Range", condition)];
        let expected = if *is_parted { Parts::One(part(0, 1)) } else { Parts::Whole };
        assert_eq!(decide(&request, 200, *stored, 10), expected, "§13.1.5 {case}");
        assert_eq!(
            decide(&request[1..], 200, *stored, 10),
            Parts::Whole,
            "§13.1.5 not without Range: {case}"
        );
    }
    let unsatisfiable = [("range", "bytes=10-"), ("if-range", "\"b\"")];
    assert_eq!(decide(&unsatisfiable, 200, STRONG, 10), Parts::Whole, "§14.2 If-Range first");
}
