//! Lifetimes that nobody names (RFC 9111 §4.2.2), and those that a route names by status.

use cache_policy::{RoutePolicy, StatusTtl, store::NotStored};

use super::{ETAG, MAX_AGE, NOW, Seconds, decide, seconds};
use crate::{Lines, test};

const MODIFIED: (&str, &str) = ("last-modified", "Sun, 06 Nov 1994 08:32:57 GMT");
const A_YEAR_AGO: (&str, &str) = ("last-modified", "Sat, 06 Nov 1993 08:49:37 GMT");
const LATER: (&str, &str) = ("last-modified", "Sun, 06 Nov 1994 08:50:37 GMT");
const PUBLIC: (&str, &str) = ("cache-control", "public");
const PART: (&str, &str) = ("content-range", "bytes 0-1/2");
const NONE: Seconds = Err(NotStored::NoFreshness);

#[test]
fn a_tenth_of_the_time_since_the_last_change() {
    let table: &[(&str, u16, Lines, Seconds)] = &[
        ("a tenth", 200, &[NOW, MODIFIED], Ok((100, 0))),
        ("at most a day", 200, &[NOW, A_YEAR_AGO], Ok((86_400, 0))),
        ("without Date", 200, &[MODIFIED], Ok((100, 0))),
        ("§4.2.3 aged on the way", 200, &[NOW, MODIFIED, ("age", "40")], Ok((100, 40))),
        ("counted from Date", 200, &[("date", "Sun, 06 Nov 1994 08:48:37 GMT"), MODIFIED], Ok((94, 60))),
        ("modified after it was made", 200, &[NOW, LATER], Ok((0, 0))),
        ("no date", 200, &[NOW, ("last-modified", "yesterday")], NONE),
        ("not beside max-age", 200, &[NOW, MODIFIED, MAX_AGE], Ok((600, 0))),
        (
            "not beside a lifetime that is over",
            200,
            &[NOW, MODIFIED, ("cache-control", "max-age=0")],
            Ok((0, 0)),
        ),
        ("not beside Expires", 200, &[NOW, MODIFIED, ("expires", "0")], Ok((0, 0))),
        ("not beside no-cache", 200, &[NOW, MODIFIED, ("cache-control", "no-cache")], Ok((0, 0))),
        ("RFC 9110 §15.1 cacheable by default", 404, &[NOW, MODIFIED], Ok((100, 0))),
        ("RFC 9110 §15.4.9", 308, &[NOW, MODIFIED], Ok((100, 0))),
        ("RFC 9110 §15.1 not cacheable by default", 302, &[NOW, MODIFIED], NONE),
        ("RFC 9110 §15.1 nor is an error", 500, &[NOW, MODIFIED], NONE),
        ("RFC 9110 §15.1 to be validated neither", 302, &[NOW, ETAG], NONE),
        ("§4.2.2 unless public", 302, &[NOW, MODIFIED, PUBLIC], Ok((100, 0))),
        ("§5.2.2.9 public alone is no lifetime", 302, &[NOW, PUBLIC], NONE),
        ("a part is not guessed at", 206, &[NOW, MODIFIED, PART], NONE),
        ("§4.2.2 unless public", 206, &[NOW, MODIFIED, PART, PUBLIC], Ok((100, 0))),
    ];
    for (case, status, response, expected) in table {
        let decided = decide(&[], *status, response, &RoutePolicy::rfc9111());
        assert_eq!(seconds(decided), *expected, "§4.2.2 {case}");
    }
    let cautious = decide(&[], 200, &[NOW, MODIFIED], &RoutePolicy::cautious());
    assert_eq!(seconds(cautious), NONE, "nobody guesses but who is told to");
}

#[test]
fn the_routes_lifetime_by_status() {
    let defaults =
        [(404, 404, 10), (400, 499, 5), (200, 299, 60), (500, 599, 1), (100, 199, 9), (304, 304, 9)];
    let defaults = defaults.map(|(first, last, seconds)| StatusTtl { first, last, seconds }).to_vec();
    let table: &[(&str, u16, Lines, Seconds)] = &[
        ("the first that matches", 404, &[NOW], Ok((10, 0))),
        ("the range's first", 400, &[NOW], Ok((5, 0))),
        ("the range's last", 499, &[NOW], Ok((5, 0))),
        ("a status that is not cacheable by default", 503, &[NOW], Ok((1, 0))),
        ("over a guess", 200, &[NOW, A_YEAR_AGO], Ok((60, 0))),
        ("the response's word over it", 404, &[NOW, MAX_AGE], Ok((600, 0))),
        ("§5.2.2.4 no-store over it", 200, &[NOW, ("cache-control", "no-store")], Err(NotStored::NoStore)),
        ("none for this", 301, &[NOW], NONE),
        ("§3 interim", 103, &[NOW], Err(NotStored::Status)),
        ("§3 304 is not stored", 304, &[NOW], Err(NotStored::Status)),
        ("416 is not stored", 416, &[NOW], Err(NotStored::Status)),
        ("§3.3 a part without Content-Range", 206, &[NOW], Err(NotStored::Partial)),
    ];
    for (case, status, response, expected) in table {
        for mut route in [RoutePolicy::cautious(), RoutePolicy::rfc9111()] {
            route.lifetimes.defaults.clone_from(&defaults);
            assert_eq!(seconds(decide(&[], *status, response, &route)), *expected, "{case}");
        }
    }
}
