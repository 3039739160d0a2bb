//! Which statuses are stored (RFC 9111 §3, §3.3; RFC 9110 §15).

use cache_policy::{RoutePolicy, store::NotStored};

use super::{MAX_AGE, NOW, decide};
use crate::{Lines, test};

#[test]
fn with_a_lifetime() {
    for status in 100..600 {
        let decide = |route| decide(&[], status, &[NOW, MAX_AGE], &route).map(|_| ());
        let by_default = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501].contains(&status);
        let (cautious, all) = match status {
            206 => (Err(NotStored::Partial), Err(NotStored::Partial)),
            ..200 | 304 | 416 => (Err(NotStored::Status), Err(NotStored::Status)),
            _ if by_default => (Ok(()), Ok(())),
            _ => (Err(NotStored::Status), Ok(())),
        };
        assert_eq!(decide(RoutePolicy::cautious()), cautious, "RFC 9110 §15.1 {status}");
        assert_eq!(decide(RoutePolicy::rfc9111()), all, "§3 {status}");
    }
}

#[test]
fn must_understand() {
    // Neither in RFC 9110 §15, nor in any other that this cache knows.
    let unknown = |status: u16| matches!(status, 206..=299 | 306 | 309..=399 | 418..=420 | 423..=425 | 427..=499 | 506..);
    for status in (200..600).filter(|status| !matches!(status, 206 | 304 | 416)) {
        let decide = |value: &'static str| {
            let route = RoutePolicy::rfc9111();
            decide(&[], status, &[NOW, ("cache-control", value)], &route).map(|_| ())
        };
        let expected = if unknown(status) { Err(NotStored::Status) } else { Ok(()) };
        assert_eq!(decide("must-understand, max-age=9"), expected, "§3 {status}");
        assert_eq!(decide("must-understand, no-store, max-age=9"), expected, "§5.2.2.3 {status}");
        assert_eq!(decide("no-store, max-age=9"), Err(NotStored::NoStore), "§5.2.2.5 {status}");
    }
    let table: &[(&str, u16, &str, Option<NotStored>)] = &[
        ("§5.2.2.3 known", 200, "must-understand, no-store, max-age=9", None),
        (
            "§5.2.2.3 unknown, though nothing forbids it",
            299,
            "must-understand, max-age=9",
            Some(NotStored::Status),
        ),
        (
            "§5.2.2.3 it lifts nothing else",
            200,
            "must-understand, private, max-age=9",
            Some(NotStored::Private),
        ),
        ("§5.2.2.3 only the response's", 200, "no-store, max-age=9", Some(NotStored::NoStore)),
    ];
    for (case, status, value, expected) in table {
        let response = [NOW, ("cache-control", value)];
        assert_eq!(decide(&[], *status, &response, &RoutePolicy::rfc9111()).err(), *expected, "{case}");
    }
    let request: Lines = &[("cache-control", "no-store, must-understand")];
    let response = [NOW, ("cache-control", "must-understand, no-store, max-age=9")];
    let decided = decide(request, 200, &response, &RoutePolicy::rfc9111());
    assert_eq!(decided.err(), Some(NotStored::NoStore), "§5.2.1.5 the request's no-store is another");
}

#[test]
fn parts() {
    let no = Some(NotStored::Partial);
    let table: &[(&str, Lines, Option<NotStored>)] = &[
        ("§3.3 one part", &[("content-range", "bytes 0-1/2")], None),
        ("§3.3 of what is longer", &[("content-range", "bytes 5-9/100")], None),
        ("§3.3 no Content-Range", &[], no),
        ("§3.3 several parts", &[("content-type", "multipart/byteranges; boundary=a")], no),
        ("§3.3 of unknown length", &[("content-range", "bytes 0-1/*")], no),
        ("§3.3 another unit", &[("content-range", "lines 0-1/2")], no),
        ("§3.3 malformed", &[("content-range", "bytes 1-0/2")], no),
        ("§3 no-store", &[("content-range", "bytes 0-1/2"), ("cache-control", "no-store")], {
            Some(NotStored::NoStore)
        }),
        (
            "§5.2.2.3 must-understand does not lift it",
            &[("content-range", "bytes 0-1/2"), ("cache-control", "must-understand, no-store")],
            Some(NotStored::NoStore),
        ),
    ];
    for (case, part, expected) in table {
        let response = [*part, &[NOW, MAX_AGE]].concat();
        assert_eq!(decide(&[], 206, &response, &RoutePolicy::rfc9111()).err(), *expected, "{case}");
        assert_eq!(decide(&[], 206, &response, &RoutePolicy::cautious()).err(), no, "{case}, cautiously");
    }
    let odd = [NOW, MAX_AGE, ("content-range", "bytes 0-1/2")];
    assert_eq!(decide(&[], 200, &odd, &RoutePolicy::cautious()).err(), no, "nobody knows what that is");
    let stored = decide(&[], 200, &odd, &RoutePolicy::rfc9111());
    assert!(stored.is_ok(), "RFC 9110 §14.4 it means nothing in a 200");
}
