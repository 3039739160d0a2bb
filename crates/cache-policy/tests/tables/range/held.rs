//! What a stored part answers (RFC 9111 §3.3; RFC 9110 §14, §15.3.7).

use cache_policy::range::{Parts, decide, is_whole_part};

use super::{TAG, part};
use crate::{Lines, test};

#[test]
fn of_a_part() {
    use Parts::{Missing, One, Several, Unsatisfiable, Whole};
    const HELD: Lines = &[("content-range", "bytes 2-6/10"), TAG];
    const ALL: Lines = &[("content-range", "bytes 0-9/10"), TAG];
    let table: &[(&str, Lines, u64, Lines, Parts)] = &[
        ("RFC 9111 §3.3 the same", HELD, 5, &[("range", "bytes=2-6")], One(part(2, 6))),
        ("RFC 9111 §3.3 within it", HELD, 5, &[("range", "bytes=3-4")], One(part(3, 4))),
        ("RFC 9111 §3.3 several within it", HELD, 5, &[("range", "bytes=2-2,4-4")], {
            Several(vec![part(2, 2), part(4, 4)])
        }),
        (
            "RFC 9111 §3.3 a suffix that is there",
            &[("content-range", "bytes 7-9/10")],
            3,
            &[("range", "bytes=-3")],
            { One(part(7, 9)) },
        ),
        ("RFC 9111 §3.3 begins before it", HELD, 5, &[("range", "bytes=1-4")], Missing),
        ("RFC 9111 §3.3 ends behind it", HELD, 5, &[("range", "bytes=3-7")], Missing),
        ("RFC 9111 §3.3 elsewhere", HELD, 5, &[("range", "bytes=8-9")], Missing),
        ("RFC 9111 §3.3 one of two elsewhere", HELD, 5, &[("range", "bytes=2-3,8-9")], Missing),
        ("RFC 9111 §3.3 the whole", HELD, 5, &[], Missing),
        ("RFC 9111 §3.3 the whole, by a range", HELD, 5, &[("range", "bytes=0-")], Missing),
        ("RFC 9111 §3.3 the whole, for Range is not heeded", HELD, 5, &[("range", "lines=2-3")], Missing),
        (
            "§13.1.5 another representation",
            HELD,
            5,
            &[("range", "bytes=2-3"), ("if-range", "\"b\"")],
            Missing,
        ),
        ("§13.1.5 the same", HELD, 5, &[("range", "bytes=2-3"), ("if-range", "\"a\"")], One(part(2, 3))),
        ("§15.5.17 none there", HELD, 5, &[("range", "bytes=10-")], Unsatisfiable(10)),
        ("a part that is all", ALL, 10, &[], Whole),
        ("part of a part that is all", ALL, 10, &[("range", "bytes=1-2")], One(part(1, 2))),
        ("a part that is all, Range not heeded", ALL, 10, &[("range", "bytes=2-1")], Whole),
        ("a part that is shorter than it says", HELD, 4, &[("range", "bytes=2-3")], Missing),
        (
            "a part of unknown length",
            &[("content-range", "bytes 2-6/*")],
            5,
            &[("range", "bytes=2-3")],
            Missing,
        ),
        ("no Content-Range", &[], 5, &[("range", "bytes=2-3")], Missing),
    ];
    for (case, stored, bytes, request, expected) in table {
        assert_eq!(decide(*request, 206, *stored, *bytes), *expected, "{case}");
    }
}

#[test]
fn parts_that_are_as_long_as_they_say() {
    for (value, bytes, expected) in [
        ("bytes 2-6/10", 5, true),
        ("bytes 2-6/10", 4, false),
        ("bytes 2-6/10", 6, false),
        ("bytes 2-6/10", 10, false),
        ("bytes 2-6/*", 5, false),
        ("bytes 0-18446744073709551615/*", 0, false),
        ("bytes */10", 0, false),
        ("", 0, false),
    ] {
        assert_eq!(
            is_whole_part(&[("content-range", value)], bytes),
            expected,
            "RFC 9111 §3.3 {value} {bytes}"
        );
    }
    assert!(!is_whole_part(&[("", "")], 5), "RFC 9111 §3.3 no Content-Range");
}
