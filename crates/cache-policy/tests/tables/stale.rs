//! Stored responses that are no longer fresh (RFC 9111 §3.2, §4.2.4, §4.3; RFC 5861).

use cache_policy::{
    Policy, RoutePolicy,
    stale::{freshened, is_failure, keep_ms, may_serve_on_error, validators},
};

use crate::{Lines, test};

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
fn serving_when_the_origin_fails() {
    let table: &[(&str, &str, Option<u64>, u64, bool)] = &[
        ("RFC 5861 §4", "max-age=1, stale-if-error=60", None, 59_999, true),
        ("RFC 5861 §4 too old", "max-age=1, stale-if-error=60", None, 60_000, false),
        ("RFC 5861 §4 nothing said", "max-age=1", None, 0, false),
        ("the route's", "max-age=1", Some(60), 59_999, true),
        ("the response's word over the route's", "stale-if-error=0", Some(60), 0, false),
        ("§5.2.2.2", "stale-if-error=60, must-revalidate", None, 0, false),
        ("§5.2.2.8", "stale-if-error=60, proxy-revalidate", None, 0, false),
        ("§5.2.2.10", "stale-if-error=60, s-maxage=1", None, 0, false),
        ("§5.2.2.4", "stale-if-error=60, no-cache", None, 0, false),
        ("§4.2.4 over the route's", "must-revalidate", Some(60), 0, false),
    ];
    for (case, directives, stale_if_error_seconds, stale_ms, expected) in table {
        let route = RoutePolicy { stale_if_error_seconds: *stale_if_error_seconds, ..RoutePolicy::default() };
        let stored = [("cache-control", *directives)];
        assert_eq!(may_serve_on_error(&stored, &route, *stale_ms), *expected, "{case}");
    }
    for (status, expected) in [(500, true), (501, false), (502, true), (503, true), (504, true), (404, false)]
    {
        assert_eq!(is_failure(status), expected, "RFC 5861 §4 {status}");
    }
}

#[test]
fn keeping() {
    let policy = Policy { keep_stale_seconds: 100, ..Policy::default() };
    let table: &[(&str, Lines, u64)] = &[
        ("to validate it", &[("etag", "\"a\"")], 100),
        (
            "to validate it, although nothing else is allowed",
            &[("etag", "\"a\""), ("cache-control", "must-revalidate")],
            100,
        ),
        ("to serve it on errors", &[("cache-control", "stale-if-error=9")], 9),
        ("not for longer than the operator wants", &[("cache-control", "stale-if-error=999")], 100),
        ("for nothing", &[("cache-control", "max-age=9")], 0),
    ];
    for (case, stored, seconds) in table {
        assert_eq!(keep_ms(*stored, &policy, &RoutePolicy::default()), seconds * 1000, "{case}");
    }
}

#[test]
fn updating() {
    const STORED: Lines = &[
        ("content-type", "a"),
        ("content-encoding", "gzip"),
        ("etag", "W/\"a\""),
        ("cache-control", "max-age=1"),
        ("x-old", "1"),
        ("x-many", "1"),
        ("x-many", "2"),
    ];
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
            "§3.2 but not what describes the content",
            &[("content-type", "b"), ("content-length", "0"), ("etag", "\"a\""), ("vary", "x")],
            STORED,
        ),
        (
            "§3.1 nor what is not stored",
            &[("set-cookie", "a"), ("connection", "x-hop"), ("x-hop", "1"), ("age", "1")],
            STORED,
        ),
    ];
    for (case, not_modified, expected) in table {
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        assert_eq!(freshened(STORED, *not_modified), expected, "{case}");
    }
}
