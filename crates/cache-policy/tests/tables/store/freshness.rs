//! How long a response is fresh by its own word or the route's (RFC 9111 §4.2).

use cache_policy::{Lifetimes, RoutePolicy, StatusTtl, store::NotStored};

use super::{ETAG, MAX_AGE, NOW, Seconds, decide, seconds};
use crate::{Lines, test};

const A_MINUTE_AGO: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:48:37 GMT");
const IN_A_MINUTE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:50:37 GMT");
const EXPIRES_IN_A_MINUTE: (&str, &str) = ("expires", "Sun, 06 Nov 1994 08:50:37 GMT");
const EXPIRED: (&str, &str) = ("expires", "Sun, 06 Nov 1994 08:48:37 GMT");
const STALE: Seconds = Err(NotStored::Stale);

#[test]
fn lifetimes_and_ages() {
    let table: &[(&str, Lines, Option<u64>, Seconds)] = &[
        ("§4.2.1 max-age", &[NOW, MAX_AGE], None, Ok((600, 0))),
        (
            "§5.2.2.10 s-maxage over max-age",
            &[NOW, ("cache-control", "max-age=600, s-maxage=5")],
            None,
            Ok((5, 0)),
        ),
        (
            "§5.2.2.10 s-maxage over Expires",
            &[NOW, ("cache-control", "s-maxage=5"), EXPIRED],
            None,
            Ok((5, 0)),
        ),
        ("§5.3 max-age over Expires", &[NOW, MAX_AGE, EXPIRED], None, Ok((600, 0))),
        ("§4.2.1 Expires − Date", &[NOW, EXPIRES_IN_A_MINUTE], None, Ok((60, 0))),
        ("§4.2.1 Expires without Date", &[EXPIRES_IN_A_MINUTE], None, Ok((60, 0))),
        ("§4.2.1 Expires − an earlier Date", &[A_MINUTE_AGO, EXPIRES_IN_A_MINUTE], None, Ok((120, 60))),
        ("§4.2.1 the strictest Expires", &[NOW, EXPIRES_IN_A_MINUTE, EXPIRED], None, STALE),
        ("§5.3 Expires: 0", &[NOW, ("expires", "0")], Some(9), STALE),
        ("§5.3 Expires in the past", &[NOW, EXPIRED], Some(9), STALE),
        (
            "RFC 9110 §5.6.7 Expires in RFC 850's form",
            &[NOW, ("expires", "Sunday, 06-Nov-94 08:50:37 GMT")],
            None,
            Ok((60, 0)),
        ),
        ("RFC 9110 §5.6.7 in asctime's", &[NOW, ("expires", "Sun Nov  6 08:50:37 1994")], None, Ok((60, 0))),
        (
            "§4.2.1 invalid max-age",
            &[NOW, ("cache-control", "max-age=x"), EXPIRES_IN_A_MINUTE],
            Some(9),
            STALE,
        ),
        ("§5.2 a space beside =", &[NOW, ("cache-control", "max-age = 9")], Some(9), STALE),
        ("§4.2.1 the strictest max-age", &[NOW, ("cache-control", "max-age=9, max-age=5")], None, Ok((5, 0))),
        ("§4.2.1 max-age=0", &[NOW, ("cache-control", "max-age=0")], Some(9), STALE),
        ("§4.2.1 s-maxage=0", &[NOW, ("cache-control", "s-maxage=0, max-age=9")], Some(9), STALE),
        ("§4.2.2 nothing said", &[NOW], None, Err(NotStored::NoFreshness)),
        ("§4.2.2 the route's default", &[NOW, ("cache-control", "public")], Some(9), Ok((9, 0))),
        ("RFC 8246 immutable is no lifetime", &[NOW, ("cache-control", "immutable")], None, {
            Err(NotStored::NoFreshness)
        }),
        (
            "RFC 8246 nor does it change one",
            &[NOW, MAX_AGE, ("cache-control", "immutable")],
            None,
            Ok((600, 0)),
        ),
        ("the route's default of 0", &[NOW], Some(0), STALE),
        ("the response's word over the route's", &[NOW, MAX_AGE], Some(9), Ok((600, 0))),
        ("§4.2.3 Date: apparent age", &[A_MINUTE_AGO, MAX_AGE], None, Ok((600, 60))),
        ("§4.2.3 Date ahead of us", &[IN_A_MINUTE, MAX_AGE], None, Ok((600, 0))),
        ("§4.2.3 Age", &[NOW, MAX_AGE, ("age", "30")], None, Ok((600, 30))),
        ("§4.2.3 the larger of both", &[A_MINUTE_AGO, MAX_AGE, ("age", "30")], None, Ok((600, 60))),
        ("§4.2.3 the larger of both", &[A_MINUTE_AGO, MAX_AGE, ("age", "90")], None, Ok((600, 90))),
        ("§4.2.3 no Date", &[MAX_AGE], None, Ok((600, 0))),
        ("§4.2.3 invalid Date", &[("date", "now"), MAX_AGE], None, Ok((600, 0))),
        ("§4.2 stale on arrival", &[NOW, MAX_AGE, ("age", "600")], None, STALE),
        ("§4.2 one second left", &[NOW, MAX_AGE, ("age", "599")], None, Ok((600, 599))),
        ("§5.1 the first Age counts", &[NOW, MAX_AGE, ("age", "5, 30")], None, Ok((600, 5))),
        ("§5.1 also over lines", &[NOW, MAX_AGE, ("age", "5"), ("age", "30")], None, Ok((600, 5))),
        ("§5.1 an invalid Age is ignored", &[NOW, MAX_AGE, ("age", "-30")], None, Ok((600, 0))),
        ("§5.1 a decimal Age is ignored", &[NOW, MAX_AGE, ("age", "30.5")], None, Ok((600, 0))),
        ("§1.2.2 a huge Age", &[NOW, MAX_AGE, ("age", "99999999999999999999")], None, STALE),
        ("the cap", &[NOW, ("cache-control", "max-age=99999")], None, Ok((1000, 0))),
        (
            "the cap counts from arrival",
            &[NOW, ("cache-control", "max-age=99999"), ("age", "5000")],
            None,
            Ok((6000, 5000)),
        ),
        ("the cap on the route's default", &[NOW], Some(u64::MAX), Ok((1000, 0))),
    ];
    for (case, response, default_ttl, expected) in table {
        let mut route = RoutePolicy::cautious();
        route.lifetimes.max_ttl_seconds = 1000;
        let ttl = default_ttl.map(|seconds| StatusTtl { first: 200, last: 200, seconds });
        route.lifetimes.defaults.extend(ttl);
        assert_eq!(seconds(decide(&[], 200, response, &route)), *expected, "{case}");
        if let Ok((lifetime, age)) = *expected {
            assert_eq!(
                seconds(decide(&[], 200, response, &all_allowed(&route))),
                Ok((lifetime, age)),
                "{case}"
            );
        }
    }
}

/// All that RFC 9111 allows, but for guesses, and with a route's lifetimes.
fn all_allowed(route: &RoutePolicy) -> RoutePolicy {
    RoutePolicy { lifetimes: route.lifetimes.clone(), ..RoutePolicy::rfc9111() }
}

#[test]
fn what_is_not_fresh_is_stored_to_be_validated() {
    const MODIFIED: (&str, &str) = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    let table: &[(&str, Lines, Seconds)] = &[
        ("§4.3.1 max-age=0", &[NOW, ETAG, ("cache-control", "max-age=0")], Ok((0, 0))),
        ("§4.3.1 by its date", &[NOW, MODIFIED, ("cache-control", "max-age=0")], Ok((0, 0))),
        ("§5.2.2.10 s-maxage=0", &[NOW, ETAG, ("cache-control", "s-maxage=0, max-age=9")], Ok((0, 0))),
        ("§5.2.2.4 no-cache", &[NOW, ETAG, ("cache-control", "no-cache, max-age=9")], Ok((0, 0))),
        ("§5.3 Expires: 0", &[NOW, ETAG, ("expires", "0")], Ok((0, 0))),
        ("§4.2.1 invalid max-age", &[NOW, ETAG, ("cache-control", "max-age=x")], Ok((0, 0))),
        ("§4.2 stale on arrival", &[NOW, ETAG, MAX_AGE, ("age", "600")], Ok((600, 600))),
        ("§3 nothing said", &[NOW, ETAG], Ok((0, 0))),
        ("§4.3.1 nothing to ask with", &[NOW, ("cache-control", "no-cache")], Err(NotStored::Stale)),
        ("§4.3.1 no date", &[NOW, ("last-modified", "x"), ("cache-control", "max-age=0")], STALE),
        ("§3 nothing said, nothing to ask with", &[NOW], Err(NotStored::NoFreshness)),
    ];
    for (case, response, expected) in table {
        assert_eq!(seconds(decide(&[], 200, response, &RoutePolicy::rfc9111())), *expected, "{case}");
        assert!(decide(&[], 200, response, &RoutePolicy::cautious()).is_err(), "{case}, cautiously");
    }
}

#[test]
fn the_route_bounds_lifetimes() {
    // The shortest and the longest lifetime.
    let table: &[(&str, Lines, u64, u64, Seconds)] = &[
        ("longer than its own", &[NOW, ("cache-control", "max-age=5")], 60, 1000, Ok((60, 0))),
        ("longer than Expires says", &[NOW, EXPIRES_IN_A_MINUTE], 90, 1000, Ok((90, 0))),
        ("its own is longer", &[NOW, MAX_AGE], 60, 1000, Ok((600, 0))),
        ("what is stale stays so", &[NOW, ("cache-control", "max-age=0")], 60, 1000, STALE),
        ("what is not a number stays so", &[NOW, ("cache-control", "max-age=x")], 60, 1000, STALE),
        ("what has expired stays so", &[NOW, EXPIRED], 60, 1000, STALE),
        ("it makes no lifetime", &[NOW], 60, 1000, Err(NotStored::NoFreshness)),
        ("the longest is stronger", &[NOW, ("cache-control", "max-age=5")], 60, 30, Ok((30, 0))),
        ("nothing at all", &[NOW, MAX_AGE], 0, 0, STALE),
        ("stale when it came", &[NOW, ("cache-control", "max-age=5"), ("age", "7")], 60, 90, STALE),
    ];
    for (case, response, min_ttl_seconds, max_ttl_seconds, expected) in table {
        let lifetimes = Lifetimes {
            min_ttl_seconds: *min_ttl_seconds,
            max_ttl_seconds: *max_ttl_seconds,
            ..Lifetimes::default()
        };
        let route = RoutePolicy { lifetimes, ..RoutePolicy::cautious() };
        assert_eq!(seconds(decide(&[], 200, response, &route)), *expected, "{case}");
    }
    let mut route = RoutePolicy::rfc9111();
    route.lifetimes.min_ttl_seconds = 60;
    let response = [NOW, ETAG, ("cache-control", "no-cache, max-age=5")];
    assert_eq!(seconds(decide(&[], 200, &response, &route)), Ok((0, 0)), "§5.2.2.4 no-cache stays so");
}
