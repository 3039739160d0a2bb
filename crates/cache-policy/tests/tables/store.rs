//! What may be stored, and for how long (RFC 9111 §3, §4.2, §5).

use cache_policy::{
    Policy, RoutePolicy,
    store::{NotStored, Storable, decide},
};

use crate::{Lines, test};

/// Sun, 06 Nov 1994 08:49:37 GMT, and a little.
const NOW_MS: u64 = 784_111_777_500;
const NOW: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
const A_MINUTE_AGO: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:48:37 GMT");
const IN_A_MINUTE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:50:37 GMT");
const EXPIRES_IN_A_MINUTE: (&str, &str) = ("expires", "Sun, 06 Nov 1994 08:50:37 GMT");
const EXPIRED: (&str, &str) = ("expires", "Sun, 06 Nov 1994 08:48:37 GMT");
const MAX_AGE: (&str, &str) = ("cache-control", "max-age=600");

fn route(default_ttl_seconds: Option<u64>, key_headers: &[&str]) -> RoutePolicy {
    let key_headers = key_headers.iter().map(ToString::to_string).collect();
    RoutePolicy { enabled: true, default_ttl_seconds, key_headers, ..RoutePolicy::default() }
}

/// Lifetime and initial age in seconds.
type Seconds = Result<(u64, u64), NotStored>;

#[test]
fn freshness() {
    let table: &[(&str, Lines, Option<u64>, Seconds)] = &[
        ("§4.2.1 max-age", &[NOW, MAX_AGE], None, Ok((600, 0))),
        (
            "§4.2.1 s-maxage over max-age",
            &[NOW, ("cache-control", "max-age=600, s-maxage=5")],
            None,
            Ok((5, 0)),
        ),
        ("§4.2.1 max-age over Expires", &[NOW, MAX_AGE, EXPIRED], None, Ok((600, 0))),
        ("§4.2.1 Expires − Date", &[NOW, EXPIRES_IN_A_MINUTE], None, Ok((60, 0))),
        ("§4.2.1 Expires without Date", &[EXPIRES_IN_A_MINUTE], None, Ok((60, 0))),
        ("§4.2.1 Expires − an earlier Date", &[A_MINUTE_AGO, EXPIRES_IN_A_MINUTE], None, Ok((120, 60))),
        ("§4.2.1 the strictest Expires", &[NOW, EXPIRES_IN_A_MINUTE, EXPIRED], None, Err(NotStored::Stale)),
        ("§5.3 Expires: 0", &[NOW, ("expires", "0")], Some(9), Err(NotStored::Stale)),
        ("§5.3 Expires in the past", &[NOW, EXPIRED], Some(9), Err(NotStored::Stale)),
        (
            "§4.2.1 invalid max-age",
            &[NOW, ("cache-control", "max-age=x"), EXPIRES_IN_A_MINUTE],
            Some(9),
            Err(NotStored::Stale),
        ),
        ("§4.2.1 max-age=0", &[NOW, ("cache-control", "max-age=0")], Some(9), Err(NotStored::Stale)),
        (
            "§4.2.1 s-maxage=0",
            &[NOW, ("cache-control", "s-maxage=0, max-age=9")],
            Some(9),
            Err(NotStored::Stale),
        ),
        ("§4.2.2 nothing said", &[NOW], None, Err(NotStored::NoFreshness)),
        ("§4.2.2 the route's default", &[NOW, ("cache-control", "public")], Some(9), Ok((9, 0))),
        ("the route's default of 0", &[NOW], Some(0), Err(NotStored::Stale)),
        ("the response's word over the route's", &[NOW, MAX_AGE], Some(9), Ok((600, 0))),
        ("§4.2.3 Date: apparent age", &[A_MINUTE_AGO, MAX_AGE], None, Ok((600, 60))),
        ("§4.2.3 Date ahead of us", &[IN_A_MINUTE, MAX_AGE], None, Ok((600, 0))),
        ("§4.2.3 Age", &[NOW, MAX_AGE, ("age", "30")], None, Ok((600, 30))),
        (
            "§4.2.3 the larger of Age and apparent age",
            &[A_MINUTE_AGO, MAX_AGE, ("age", "30")],
            None,
            Ok((600, 60)),
        ),
        (
            "§4.2.3 the larger of apparent age and Age",
            &[A_MINUTE_AGO, MAX_AGE, ("age", "90")],
            None,
            Ok((600, 90)),
        ),
        ("§4.2.3 no Date", &[MAX_AGE], None, Ok((600, 0))),
        ("§4.2.3 invalid Date", &[("date", "now"), MAX_AGE], None, Ok((600, 0))),
        ("§4.2 stale on arrival", &[NOW, MAX_AGE, ("age", "600")], None, Err(NotStored::Stale)),
        ("§4.2 one second left", &[NOW, MAX_AGE, ("age", "599")], None, Ok((600, 599))),
        ("§5.1 the first Age counts", &[NOW, MAX_AGE, ("age", "5, 30")], None, Ok((600, 5))),
        ("§5.1 an invalid Age is ignored", &[NOW, MAX_AGE, ("age", "-30")], None, Ok((600, 0))),
        ("§1.2.2 a huge Age", &[NOW, MAX_AGE, ("age", "99999999999999999999")], None, Err(NotStored::Stale)),
        ("the cap", &[NOW, ("cache-control", "max-age=99999")], None, Ok((1000, 0))),
        (
            "the cap counts from arrival",
            &[NOW, ("cache-control", "max-age=99999"), ("age", "5000")],
            None,
            Ok((6000, 5000)),
        ),
        ("the cap on the route's default", &[NOW], Some(u64::MAX), Ok((1000, 0))),
    ];
    let policy = Policy { max_ttl_seconds: 1000, ..Policy::default() };
    let request: Lines = &[];
    for (case, response, default_ttl, expected) in table {
        let expected = expected.map(|(lifetime, age)| Storable {
            freshness_lifetime_ms: lifetime * 1000,
            initial_age_ms: age * 1000,
        });
        let actual = decide(request, 200, *response, &policy, &route(*default_ttl, &[]), NOW_MS);
        assert_eq!(actual, expected, "{case}");
    }
    assert_eq!(Storable { freshness_lifetime_ms: 600_000, initial_age_ms: 60_000 }.ttl_ms(), 540_000);
}

#[test]
fn statuses() {
    let request: Lines = &[];
    let stored = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
    for status in 100..600 {
        let decide = |response: Lines, default_ttl| {
            decide(request, status, response, &Policy::default(), &route(default_ttl, &[]), NOW_MS)
                .map(|_| ())
        };
        let expected = match status {
            206 => Err(NotStored::Partial),
            _ if stored.contains(&status) => Ok(()),
            _ => Err(NotStored::Status),
        };
        assert_eq!(decide(&[MAX_AGE], None), expected, "RFC 9110 §15.1 {status}");
        if stored.contains(&status) && status != 200 {
            assert_eq!(
                decide(&[], Some(9)),
                Err(NotStored::NoFreshness),
                "the default is for 200 only: {status}"
            );
        }
    }
}

#[test]
fn obstacles() {
    let table: &[(&str, Lines, Lines, Option<NotStored>)] = &[
        ("§3 no-store", &[], &[("cache-control", "no-store")], Some(NotStored::NoStore)),
        (
            "§3 no-store beside max-age",
            &[],
            &[("cache-control", "max-age=9"), ("cache-control", "No-Store")],
            Some(NotStored::NoStore),
        ),
        ("§5.2.1.5 no-store of the request", &[("cache-control", "no-store")], &[], Some(NotStored::NoStore)),
        ("§3 private", &[], &[("cache-control", "private")], Some(NotStored::Private)),
        ("§5.2.2.7 private with names", &[], &[("cache-control", "private=\"x\"")], Some(NotStored::Private)),
        ("§5.2.2.4 no-cache", &[], &[("cache-control", "no-cache")], Some(NotStored::NoCache)),
        (
            "§5.2.2.4 no-cache with names",
            &[],
            &[("cache-control", "no-cache=\"x\"")],
            Some(NotStored::NoCache),
        ),
        ("§7.3 Set-Cookie", &[], &[("Set-Cookie", "a=b")], Some(NotStored::SetCookie)),
        ("§3.3 Content-Range", &[], &[("content-range", "bytes 0-1/2")], Some(NotStored::Partial)),
        ("§4.1 Vary: *", &[], &[("vary", "accept-encoding, *")], Some(NotStored::Vary)),
        (
            "§4.1 Vary on what is always in the key",
            &[],
            &[("Vary", "Accept-Encoding, X-No-Compression")],
            None,
        ),
        ("§4.1 Vary on what the route has in the key", &[], &[("vary", "Accept-Language")], None),
        (
            "§4.1 Vary on anything else",
            &[],
            &[("vary", "accept-language"), ("vary", "Origin")],
            Some(NotStored::Vary),
        ),
        ("gRPC", &[], &[("content-type", "application/grpc-web+proto")], Some(NotStored::ContentType)),
        (
            "server-sent events",
            &[],
            &[("content-type", "Text/Event-Stream; charset=utf-8")],
            Some(NotStored::ContentType),
        ),
        ("gzip for identity", &[], &[("content-encoding", "gzip")], Some(NotStored::ContentEncoding)),
        ("gzip for gzip", &[("accept-encoding", "gzip")], &[("content-encoding", "GZIP")], None),
        ("x-gzip for gzip", &[("accept-encoding", "gzip")], &[("content-encoding", "x-gzip")], None),
        ("identity for gzip", &[("accept-encoding", "gzip")], &[], None),
        (
            "br for gzip, though this client took it",
            &[("accept-encoding", "gzip, br")],
            &[("content-encoding", "br")],
            Some(NotStored::ContentEncoding),
        ),
        (
            "br over gzip for gzip",
            &[("accept-encoding", "gzip")],
            &[("content-encoding", "gzip, br")],
            Some(NotStored::ContentEncoding),
        ),
        (
            "gzip for one who opted out",
            &[("accept-encoding", "gzip"), ("x-no-compression", "1")],
            &[("content-encoding", "gzip")],
            Some(NotStored::ContentEncoding),
        ),
        ("§5.4 Pragma means nothing in a response", &[], &[("pragma", "no-cache")], None),
    ];
    for (case, request, response, expected) in table {
        let response = [*response, &[NOW, MAX_AGE]].concat();
        let route = route(Some(9), &["accept-language"]);
        let actual = decide(*request, 200, &response, &Policy::default(), &route, NOW_MS);
        assert_eq!(actual.err(), *expected, "{case}");
    }
}

type Names = &'static [&'static str];

#[test]
fn credentials() {
    let no = Some(NotStored::Credentials);
    // Whether Authorization and Cookie count as credentials, what the key holds, what the response says.
    let table: &[(&str, Names, Names, &str, Option<NotStored>)] = &[
        ("not in the key", &["authorization"], &[], "max-age=9", no),
        ("not in the key: public does not help", &["authorization"], &[], "public, max-age=9", no),
        ("in the key", &["authorization"], &["Authorization"], "max-age=9", None),
        ("§3.5 though the operator allows it", &[], &[], "max-age=9", no),
        ("§3.5 public", &[], &[], "public, max-age=9", None),
        ("§3.5 s-maxage", &[], &[], "s-maxage=9", None),
        ("§3.5 must-revalidate", &[], &[], "must-revalidate, max-age=9", None),
        ("§3.5 proxy-revalidate is not enough", &[], &[], "proxy-revalidate, max-age=9", no),
        ("another credential", &["x-api-key"], &["authorization"], "public, max-age=9", no),
    ];
    let request: Lines = &[("Authorization", "Bearer a"), ("X-Api-Key", "b")];
    for (case, credential_headers, key_headers, cache_control, expected) in table {
        let credential_headers = credential_headers.iter().map(ToString::to_string).collect();
        let policy = Policy { credential_headers, ..Policy::default() };
        let response = [("cache-control", cache_control)];
        let actual = decide(request, 200, &response, &policy, &route(None, key_headers), NOW_MS);
        assert_eq!(actual.err(), *expected, "{case}");
    }
}

#[test]
fn reasons_are_stable_words() {
    use NotStored::*;
    let reasons = [
        Status,
        Partial,
        SetCookie,
        NoStore,
        Private,
        NoCache,
        ContentType,
        ContentEncoding,
        Vary,
        Credentials,
        NoFreshness,
        Stale,
    ];
    assert_eq!(
        reasons.map(NotStored::as_str).join(" "),
        "status partial set-cookie no-store private no-cache \
        content-type content-encoding vary credentials no-freshness stale"
    );
}
