//! How long past its lifetime a response may be served (RFC 9111 §4.2.4, §5.2.1.2; RFC 5861).

use cache_policy::{Lifetimes, Policy, RoutePolicy, stale::Windows};
use http_semantics::CacheControl;

use crate::{Lines, test};

fn route(if_error: Option<u64>, while_revalidate: Option<u64>) -> RoutePolicy {
    let lifetimes = Lifetimes {
        stale_if_error_seconds: if_error,
        stale_while_revalidate_seconds: while_revalidate,
        keep_stale_seconds: 100,
        ..Lifetimes::default()
    };
    RoutePolicy { lifetimes, ..RoutePolicy::rfc9111() }
}

fn windows(directives: &str, route: &RoutePolicy) -> Windows {
    Windows::of(&[("cache-control", directives)], &Policy::default(), route)
}

#[test]
fn of_a_response() {
    const ANY: u64 = u64::MAX;
    // What the response says; then when the origin fails, while it is refreshed, and for clients that ask for it: by the
    // response's own word, and where the route says 7 and 8 seconds.
    let table: &[(&str, &str, [u64; 3], [u64; 3])] = &[
        ("§4.2.4 nothing said", "max-age=1", [0, 0, ANY], [7, 8, ANY]),
        ("RFC 5861 §4", "max-age=1, stale-if-error=60", [60, 0, ANY], [60, 8, ANY]),
        ("RFC 5861 §3", "max-age=1, stale-while-revalidate=60", [0, 60, ANY], [7, 60, ANY]),
        (
            "RFC 5861 the response's word",
            "stale-if-error=0, stale-while-revalidate=0",
            [0, 0, ANY],
            [0, 0, ANY],
        ),
        ("RFC 5861 not a number", "stale-if-error=x", [0, 0, ANY], [0, 8, ANY]),
        ("§5.2.2.2 must-revalidate", "must-revalidate", [0; 3], [0; 3]),
        ("§5.2.2.2 over all", "must-revalidate, stale-if-error=9, stale-while-revalidate=9", [0; 3], [0; 3]),
        ("§5.2.2.8 proxy-revalidate", "proxy-revalidate", [0; 3], [0; 3]),
        ("§5.2.2.8 over all", "proxy-revalidate, stale-if-error=9, stale-while-revalidate=9", [0; 3], [0; 3]),
        ("§5.2.2.4 no-cache", "no-cache", [0; 3], [0; 3]),
        ("§5.2.2.4 over all", "no-cache, stale-if-error=9, stale-while-revalidate=9", [0; 3], [0; 3]),
        ("§5.2.2.4 no-cache of fields only", "no-cache=\"x\"", [0, 0, ANY], [7, 8, ANY]),
        ("§5.2.2.4 beside what it says", "no-cache=\"x\", stale-if-error=9", [9, 0, ANY], [9, 8, ANY]),
        ("§5.2.2.10 s-maxage", "s-maxage=1", [0; 3], [0; 3]),
        ("§5.2.2.10 what it says beside s-maxage", "s-maxage=1, stale-if-error=9", [9, 0, 0], [9, 0, 0]),
        ("§5.2.2.10 the other", "s-maxage=1, stale-while-revalidate=9", [0, 9, 0], [0, 9, 0]),
        ("§5.2.2.10 and must-revalidate", "s-maxage=1, must-revalidate, stale-if-error=9", [0; 3], [0; 3]),
        ("RFC 8246 immutable says nothing of it", "immutable", [0, 0, ANY], [7, 8, ANY]),
    ];
    for (case, directives, alone, with_defaults) in table {
        let of = |route| {
            let Windows { if_error, while_revalidate, max_stale } = windows(directives, &route);
            [if_error, while_revalidate, max_stale]
        };
        assert_eq!(of(route(None, None)), *alone, "{case}");
        assert_eq!(of(route(Some(7), Some(8))), *with_defaults, "{case}, with the route's");
    }
    let presets = [RoutePolicy::cautious(), RoutePolicy::rfc9111()].map(|route| windows("max-age=1", &route));
    assert_eq!(presets.map(|windows| windows.if_error), [0, 3600], "§4.2.4 disconnected");
    assert_eq!(
        presets.map(|windows| windows.while_revalidate),
        [0, 0],
        "RFC 5861 §3 only if somebody says so"
    );
}

#[test]
fn targeted() {
    let table: &[(&str, Lines, u64)] = &[
        ("its word", &[("cdn-cache-control", "stale-if-error=9")], 9),
        (
            "not beside Cache-Control's",
            &[("cache-control", "must-revalidate"), ("cdn-cache-control", "max-age=1")],
            7,
        ),
        ("its must-revalidate", &[("cdn-cache-control", "must-revalidate, stale-if-error=9")], 0),
        ("invalid", &[("cdn-cache-control", "stale-if-error=x"), ("cache-control", "stale-if-error=9")], 9),
    ];
    for (case, stored, if_error) in table {
        let windows = Windows::of(*stored, &Policy::default(), &route(Some(7), None));
        assert_eq!(windows.if_error, *if_error, "RFC 9213 §2.2 {case}");
    }
}

#[test]
fn ends() {
    let windows = Windows { if_error: 60, while_revalidate: 30, max_stale: u64::MAX };
    for (stale_ms, on_error, while_revalidating) in [
        (0, true, true),
        (29_999, true, true),
        (30_000, true, false),
        (59_999, true, false),
        (60_000, false, false),
    ] {
        assert_eq!(windows.allow_on_error(stale_ms), on_error, "RFC 5861 §4 {stale_ms}");
        assert_eq!(windows.allow_while_revalidating(stale_ms), while_revalidating, "RFC 5861 §3 {stale_ms}");
    }
    let none = Windows { if_error: 0, while_revalidate: 0, max_stale: 0 };
    assert!(!none.allow_on_error(0) && !none.allow_while_revalidating(0), "nothing is allowed");
    let endless = Windows { if_error: u64::MAX, ..none };
    assert!(endless.allow_on_error(u64::MAX - 1), "no overflow");
}

#[test]
fn clients_that_take_what_is_stale() {
    let table = [
        ("§5.2.1.2 nobody asks", "max-age=9", u64::MAX, 1, false),
        ("§5.2.1.2 however long", "max-stale", u64::MAX, 999_999_999, true),
        ("§5.2.1.2 so long", "max-stale=60", u64::MAX, 60_000, true),
        ("§5.2.1.2 no longer", "max-stale=60", u64::MAX, 60_001, false),
        ("§5.2.1.2 not at all", "max-stale=0", u64::MAX, 1, false),
        ("§5.2.1.2 not a number", "max-stale=x", u64::MAX, 1, false),
        ("§4.2.4 the response forbids it", "max-stale", 0, 1, false),
        ("§4.2.4 from the first moment", "max-stale=60", 0, 0, false),
    ];
    for (case, directives, max_stale, stale_ms, expected) in table {
        let request = CacheControl::parse(&[("cache-control", directives)]);
        let windows = Windows { if_error: 0, while_revalidate: 0, max_stale };
        assert_eq!(windows.allow_for(&request, stale_ms), expected, "{case}");
    }
}

#[test]
fn keeping() {
    let table: &[(&str, Lines, u64)] = &[
        ("to validate it", &[("etag", "\"a\"")], 100),
        ("to validate it by its date", &[("last-modified", super::DATE)], 100),
        (
            "to validate it, although nothing else is allowed",
            &[("etag", "\"a\""), ("cache-control", "must-revalidate")],
            100,
        ),
        ("to serve it on errors", &[("cache-control", "stale-if-error=9")], 9),
        ("to serve it while it is refreshed", &[("cache-control", "stale-while-revalidate=9")], 9),
        ("for the longer of both", &[("cache-control", "stale-while-revalidate=9, stale-if-error=8")], 9),
        ("not for longer than the operator wants", &[("cache-control", "stale-if-error=999")], 100),
        ("for nothing", &[("cache-control", "max-age=9")], 0),
    ];
    let route = route(None, None);
    for (case, stored, seconds) in table {
        let windows = Windows::of(*stored, &Policy::default(), &route);
        assert_eq!(windows.keep_ms(*stored, &route), seconds * 1000, "{case}");
    }
}
