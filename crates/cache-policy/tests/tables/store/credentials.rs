//! Requests with credentials (RFC 9111 §3.5), and cookies (§7.3).

use cache_policy::{
    Policy, RoutePolicy,
    store::{self, NotStored},
};

use super::{MAX_AGE, NOW, NOW_MS, decide};
use crate::{Lines, strings, test};

type Names = &'static [&'static str];

const AUTHORIZATION: Lines = &[("Authorization", "Bearer a")];
const NO: Option<NotStored> = Some(NotStored::Credentials);

#[test]
fn cautiously() {
    // Whether Authorization and Cookie count as credentials, what the key holds, what the response says.
    let table: &[(&str, Names, Names, &str, Option<NotStored>)] = &[
        ("not in the key", &["authorization"], &[], "max-age=9", NO),
        ("not in the key: public does not help", &["authorization"], &[], "public, max-age=9", NO),
        ("in the key", &["authorization"], &["Authorization"], "max-age=9", None),
        ("§3.5 though the operator allows it", &[], &[], "max-age=9", NO),
        ("§3.5 public", &[], &[], "public, max-age=9", None),
        ("§3.5 s-maxage", &[], &[], "s-maxage=9", None),
        ("§3.5 must-revalidate", &[], &[], "must-revalidate, max-age=9", None),
        ("§3.5 proxy-revalidate is not enough", &[], &[], "proxy-revalidate, max-age=9", NO),
        ("another credential", &["x-api-key"], &["authorization"], "public, max-age=9", NO),
    ];
    let request: Lines = &[("Authorization", "Bearer a"), ("X-Api-Key", "b")];
    for (case, credential_headers, key_headers, cache_control, expected) in table {
        let policy = Policy { credential_headers: strings(credential_headers), ..Policy::default() };
        let mut route = RoutePolicy::cautious();
        route.key.headers = strings(key_headers);
        let response = [("cache-control", cache_control)];
        let actual = store::decide(request, 200, &response, &policy, &route, NOW_MS);
        assert_eq!(actual.err(), *expected, "{case}");
    }
    let cookie = decide(&[("cookie", "a=1")], 200, &[NOW, MAX_AGE], &RoutePolicy::cautious());
    assert_eq!(cookie.err(), NO, "cookies count as credentials");
}

#[test]
fn by_rfc9111() {
    let table: &[(&str, Lines, Lines, Option<NotStored>)] = &[
        ("§3.5 nothing allows it", AUTHORIZATION, &[MAX_AGE], NO),
        ("§3.5 public", AUTHORIZATION, &[MAX_AGE, ("cache-control", "public")], None),
        ("§3.5 s-maxage", AUTHORIZATION, &[("cache-control", "s-maxage=9")], None),
        ("§3.5 must-revalidate", AUTHORIZATION, &[MAX_AGE, ("cache-control", "must-revalidate")], None),
        ("§3.5 not proxy-revalidate", AUTHORIZATION, &[MAX_AGE, ("cache-control", "proxy-revalidate")], NO),
        ("§3.5 not Expires", AUTHORIZATION, &[("expires", "Sun, 06 Nov 1994 08:50:37 GMT")], NO),
        ("§3.5 not immutable", AUTHORIZATION, &[MAX_AGE, ("cache-control", "immutable")], NO),
        ("§4.1 not Vary", AUTHORIZATION, &[MAX_AGE, ("vary", "authorization")], NO),
        ("§5.2.2.7 private over public", AUTHORIZATION, &[MAX_AGE, ("cache-control", "public, private")], {
            Some(NotStored::Private)
        }),
        (
            "RFC 9213 §2.2 public in a targeted field",
            AUTHORIZATION,
            &[("cdn-cache-control", "public, max-age=9")],
            { None },
        ),
        (
            "RFC 9213 §2.2 public beside one",
            AUTHORIZATION,
            &[("cache-control", "public"), ("cdn-cache-control", "max-age=9")],
            NO,
        ),
        ("an API key", &[("x-api-key", "a")], &[MAX_AGE], NO),
        ("an API key, public", &[("x-api-key", "a")], &[MAX_AGE, ("cache-control", "public")], None),
        ("an empty Authorization", &[("authorization", "")], &[MAX_AGE], NO),
        ("§7.3 cookies are none", &[("cookie", "a=1")], &[MAX_AGE], None),
        ("§7.3 cookies beside them", &[("cookie", "a=1"), ("authorization", "b")], &[MAX_AGE], NO),
    ];
    for (case, request, response, expected) in table {
        let response = [*response, &[NOW]].concat();
        assert_eq!(decide(request, 200, &response, &RoutePolicy::rfc9111()).err(), *expected, "{case}");
    }
    let none = Policy { credential_headers: Vec::new(), ..Policy::default() };
    let uncounted =
        store::decide(AUTHORIZATION, 200, &[NOW, MAX_AGE], &none, &RoutePolicy::rfc9111(), NOW_MS);
    assert_eq!(uncounted.err(), NO, "§3.5 whatever the operator counts");
    let mut keyed = RoutePolicy::rfc9111();
    keyed.key.headers = strings(&["Authorization"]);
    assert_eq!(decide(AUTHORIZATION, 200, &[NOW, MAX_AGE], &keyed).err(), None, "each has their own");
}
