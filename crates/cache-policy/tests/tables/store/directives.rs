//! What the directives of a response and its request forbid (RFC 9111 §3, §5.2).

use cache_policy::{Policy, RoutePolicy, store, store::NotStored};

use super::{ETAG, MAX_AGE, NOW, NOW_MS, decide};
use crate::{Lines, test};

#[test]
fn forbidden() {
    use NotStored::{NoCache, NoStore, Private};
    // What the cautious preset says, and what RFC 9111 says.
    let table: &[(&str, Lines, Lines, [Option<NotStored>; 2])] = &[
        ("§5.2.2.5 no-store", &[], &[("cache-control", "no-store")], [Some(NoStore); 2]),
        ("§5.2.2.5 on another line", &[], &[MAX_AGE, ("cache-control", "No-Store")], [Some(NoStore); 2]),
        ("§5.2.2.5 over public", &[], &[("cache-control", "public, no-store")], [Some(NoStore); 2]),
        ("§5.2.1.5 of the request", &[("cache-control", "no-store")], &[], [Some(NoStore); 2]),
        ("§5.2.2.7 private", &[], &[("cache-control", "private")], [Some(Private); 2]),
        ("§5.2.2.7 over public", &[], &[("cache-control", "public, private")], [Some(Private); 2]),
        ("§5.2.2.7 over s-maxage", &[], &[("cache-control", "private, s-maxage=9")], [Some(Private); 2]),
        ("§5.2.2.7 with names", &[], &[("cache-control", "private=\"x\"")], [Some(Private), None]),
        ("§5.2.2.7 with names and without", &[], &[("cache-control", "private=\"x\", private")], {
            [Some(Private); 2]
        }),
        ("§5.2.2.7 a space beside =", &[], &[("cache-control", "private = \"x\"")], [Some(Private); 2]),
        ("§5.2.2.4 no-cache", &[], &[("cache-control", "no-cache"), ETAG], [Some(NoCache), None]),
        ("§5.2.2.4 nothing to validate with", &[], &[("cache-control", "no-cache")], {
            [Some(NoCache), Some(NotStored::Stale)]
        }),
        ("§5.2.2.4 with names", &[], &[("cache-control", "no-cache=\"x\"")], [Some(NoCache), None]),
        ("§5.2.2.2 must-revalidate", &[], &[("cache-control", "must-revalidate")], [None; 2]),
        ("§5.2.2.8 proxy-revalidate", &[], &[("cache-control", "proxy-revalidate")], [None; 2]),
        ("§5.2.2.6 no-transform", &[], &[("cache-control", "no-transform")], [None; 2]),
        ("§5.2.3 unknown", &[], &[("cache-control", "x=\"no-store\", y")], [None; 2]),
        ("§5.4 Pragma means nothing in a response", &[], &[("pragma", "no-cache")], [None; 2]),
        ("§5.2.1.4 the request's no-cache", &[("cache-control", "no-cache")], &[], [None; 2]),
        ("§5.2.1.6 the request's no-transform", &[("cache-control", "no-transform")], &[], [None; 2]),
        ("§5.2.1.1 the request's max-age", &[("cache-control", "max-age=0")], &[], [None; 2]),
        ("§5.2 private says nothing in a request", &[("cache-control", "private")], &[], [None; 2]),
    ];
    for (case, request, response, expected) in table {
        let response = [*response, &[NOW, MAX_AGE]].concat();
        let presets = [RoutePolicy::cautious(), RoutePolicy::rfc9111()];
        let actual = presets.map(|route| decide(request, 200, &response, &route).err());
        assert_eq!(actual, *expected, "{case}");
    }
}

#[test]
fn a_deaf_route_stores_what_its_clients_forbid() {
    let request: Lines = &[("cache-control", "no-store")];
    for preset in [RoutePolicy::cautious(), RoutePolicy::rfc9111()] {
        let deaf = RoutePolicy { ignore_client_directives: true, ..preset };
        assert_eq!(
            decide(request, 200, &[NOW, MAX_AGE], &deaf).err(),
            None,
            "the operator's word over §5.2.1.5"
        );
        let decided = decide(request, 200, &[NOW, MAX_AGE, ("cache-control", "no-store")], &deaf);
        assert_eq!(decided.err(), Some(NotStored::NoStore), "§5.2.2.5 the origin is heard all the same");
    }
}

#[test]
fn targeted() {
    const STORED: (&str, &str) = ("cdn-cache-control", "max-age=9");
    let table: &[(&str, Lines, Result<u64, NotStored>)] = &[
        ("its lifetime", &[NOW, MAX_AGE, STORED], Ok(9)),
        ("over no-store", &[NOW, ("cache-control", "no-store"), STORED], Ok(9)),
        ("over private", &[NOW, ("cache-control", "private"), STORED], Ok(9)),
        ("over Expires", &[NOW, ("expires", "0"), STORED], Ok(9)),
        ("its no-store", &[NOW, MAX_AGE, ("cdn-cache-control", "no-store")], Err(NotStored::NoStore)),
        ("its private", &[NOW, MAX_AGE, ("cdn-cache-control", "private")], Err(NotStored::Private)),
        ("no lifetime of its own", &[NOW, MAX_AGE, ("cdn-cache-control", "public")], {
            Err(NotStored::NoFreshness)
        }),
        (
            "no lifetime of its own, nor Expires",
            &[NOW, ("expires", "Sun, 06 Nov 1994 08:50:37 GMT"), ("cdn-cache-control", "public")],
            Err(NotStored::NoFreshness),
        ),
        ("one that does not parse", &[NOW, MAX_AGE, ("cdn-cache-control", "max-age=\"9\"")], Ok(600)),
        ("another's", &[NOW, MAX_AGE, ("other-cache-control", "no-store")], Ok(600)),
        ("s-maxage within it", &[NOW, ("cdn-cache-control", "max-age=9, s-maxage=5")], Ok(5)),
    ];
    for (case, response, expected) in table {
        for route in [RoutePolicy::cautious(), RoutePolicy::rfc9111()] {
            let decided =
                decide(&[], 200, response, &route).map(|stored| stored.freshness_lifetime_ms / 1000);
            assert_eq!(decided, *expected, "RFC 9213 §2.2: {case}");
        }
    }
    let none = Policy { targeted_fields: Vec::new(), ..Policy::default() };
    let decided =
        store::decide(&[("a", "")], 200, &[NOW, MAX_AGE, STORED], &none, &RoutePolicy::cautious(), NOW_MS);
    assert_eq!(decided.map(|stored| stored.freshness_lifetime_ms), Ok(600_000), "none is listened to");
}
