//! What a 304, or the response to a HEAD, does to a stored response (RFC 9111 §3.2, §4.3.4, §4.3.5).

use cache_policy::{
    Policy, RoutePolicy,
    stale::{freshened, is_about, is_same_representation},
};

use super::DATE;
use crate::{Lines, test};

const STORED: Lines = &[
    ("content-type", "a"),
    ("content-encoding", "gzip"),
    ("etag", "W/\"a\""),
    ("cache-control", "max-age=1"),
    ("x-old", "1"),
    ("x-many", "1"),
    ("x-many", "2"),
];

fn check(case: &str, stored: Lines, not_modified: Lines, expected: Lines) {
    let expected: Vec<_> = expected.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let actual = freshened(stored, not_modified, &Policy::default(), &RoutePolicy::rfc9111());
    assert_eq!(actual, expected, "{case}");
}

#[test]
fn updating() {
    let table: &[(&str, Lines, Lines)] = &[
        ("§3.2 nothing new", &[(":status", "304")], STORED),
        (
            "§3.2 what is new takes its place",
            &[("Cache-Control", "max-age=2"), ("x-many", "3"), ("x-new", "1")],
            &[
                ("content-type", "a"),
                ("content-encoding", "gzip"),
                ("etag", "W/\"a\""),
                ("x-old", "1"),
                ("Cache-Control", "max-age=2"),
                ("x-many", "3"),
                ("x-new", "1"),
            ],
        ),
        (
            "§3.2 several lines for one",
            &[("X-Old", "2"), ("x-old", "3"), ("content-type", "b")],
            &[
                ("content-encoding", "gzip"),
                ("etag", "W/\"a\""),
                ("cache-control", "max-age=1"),
                ("x-many", "1"),
                ("x-many", "2"),
                ("X-Old", "2"),
                ("x-old", "3"),
                ("content-type", "b"),
            ],
        ),
        (
            "§3.2 but not what describes the bytes",
            &[
                ("Content-Encoding", "br"),
                ("content-length", "0"),
                ("content-range", "bytes 0-1/2"),
                ("content-md5", "a"),
                ("content-digest", "a"),
                ("repr-digest", "a"),
            ],
            STORED,
        ),
        ("§3.2 nor the tag of other bytes, nor what chose them", &[("etag", "\"a\""), ("vary", "x")], STORED),
        (
            "nor what the filters say of the bytes",
            &[("x-original-size", "9"), ("x-compression-ratio", "2")],
            STORED,
        ),
        (
            "§3.1 nor what is not stored",
            &[
                ("connection", "x-hop"),
                ("x-hop", "1"),
                ("age", "1"),
                ("Proxy-Authenticate", "a"),
                ("te", "a"),
            ],
            STORED,
        ),
    ];
    for (case, not_modified, expected) in table {
        check(case, STORED, not_modified, expected);
    }
    let cookies: Lines = &[("set-cookie", "b=2")];
    let keeps = |route| freshened(cookies, &[("Set-Cookie", "a=1")], &Policy::default(), &route).len();
    let kept = [RoutePolicy::cautious(), RoutePolicy::rfc9111()].map(keeps);
    assert_eq!(kept, [1, 1], "§7.3 one in place of the other");
    let fresh = freshened(cookies, &[("Set-Cookie", "a=1")], &Policy::default(), &RoutePolicy::cautious());
    assert_eq!(fresh, [(&b"set-cookie"[..], &b"b=2"[..])], "a cautious route takes no cookie");
}

#[test]
fn fields_that_directives_name() {
    const NAMING: (&str, &str) = ("cache-control", "no-cache=\"x-secret\"");
    const PRIVATE: (&str, &str) = ("cache-control", "private=\"X-Secret, x-other\"");
    const SECRET: (&str, &str) = ("x-secret", "1");
    let table: &[(&str, Lines, Lines, Lines)] = &[
        ("§5.2.2.4 named by the 304", &[("a", "1")], &[NAMING, SECRET], &[("a", "1"), NAMING]),
        ("§5.2.2.7 named by the 304", &[("x-other", "1")], &[PRIVATE, SECRET], &[PRIVATE]),
        ("§5.2.2.4 named by what is stored", &[NAMING, ("a", "1")], &[SECRET], &[NAMING, ("a", "1")]),
        ("§5.2.2.4 stored, and named by the 304", &[SECRET, ("a", "1")], &[NAMING], &[("a", "1"), NAMING]),
        ("§3.2 no longer named", &[NAMING], &[("cache-control", "max-age=1"), SECRET], {
            &[("cache-control", "max-age=1"), SECRET]
        }),
    ];
    for (case, stored, not_modified, expected) in table {
        check(case, stored, not_modified, expected);
    }
}

#[test]
fn responses_to_head() {
    let table: &[(&str, Lines, Lines, bool)] = &[
        ("nothing to tell them apart", &[], &[], true),
        ("the same tag", &[("etag", "\"a\"")], &[("ETag", "\"a\"")], true),
        ("another tag", &[("etag", "\"a\"")], &[("etag", "\"b\"")], false),
        ("a tag where there was none", &[], &[("etag", "\"a\"")], false),
        ("no tag now", &[("etag", "\"a\"")], &[], true),
        ("the same date", &[("last-modified", DATE)], &[("last-modified", DATE)], true),
        ("another date", &[("last-modified", "x")], &[("last-modified", DATE)], false),
        (
            "the same tag, another date",
            &[("etag", "\"a\""), ("last-modified", "x")],
            { &[("etag", "\"a\""), ("last-modified", DATE)] },
            false,
        ),
        ("the same length", &[], &[("content-length", "10")], true),
        ("another length", &[], &[("content-length", "11")], false),
        ("no length", &[("content-length", "11")], &[], true),
        ("other fields do not count", &[("x", "1")], &[("x", "2"), ("content-type", "a")], true),
    ];
    for (case, stored, head, expected) in table {
        assert_eq!(is_same_representation(*stored, 10, *head), *expected, "§4.3.5 {case}");
    }
}

#[test]
fn whose_304_it_is() {
    let table: &[(&str, Lines, Lines, bool)] = &[
        ("no tag", &[("etag", "\"a\"")], &[], true),
        ("the same strong tag", &[("etag", "\"a\"")], &[("etag", "\"a\"")], true),
        ("the strong tag of what is stored compressed", &[("etag", "W/\"a\"")], &[("etag", "\"a\"")], true),
        ("another strong tag", &[("etag", "\"a\"")], &[("etag", "\"b\"")], false),
        ("a strong tag where there was none", &[], &[("etag", "\"b\"")], false),
        ("another weak tag", &[("etag", "\"a\"")], &[("etag", "W/\"b\"")], true),
        ("no tag at all", &[("etag", "\"a\"")], &[("etag", "b")], true),
    ];
    for (case, stored, not_modified, expected) in table {
        assert_eq!(is_about(*stored, *not_modified), *expected, "§4.3.4 {case}");
    }
}
