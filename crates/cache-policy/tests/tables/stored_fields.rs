//! Which fields are stored (RFC 9111 §3.1).

use cache_policy::{Policy, RoutePolicy, store::stored_fields};

use crate::{Lines, test};

fn kept(response: Lines, route: &RoutePolicy) -> Vec<&'static str> {
    let policy = Policy::default();
    let fields = stored_fields(response, &policy, route);
    fields.map(|(name, _)| std::str::from_utf8(name).unwrap()).collect()
}

#[test]
fn kept_and_left_out() {
    let table: &[(&str, Lines, &[&str])] = &[
        (
            "RFC 9111 §3.1",
            &[("Content-Type", "a"), ("ETag", "b"), ("date", "c"), ("x-app", "")],
            &["Content-Type", "ETag", "date", "x-app"],
        ),
        (
            "RFC 9110 §7.6.1 hop-by-hop",
            &[
                ("Connection", "close"),
                ("Keep-Alive", "timeout=5"),
                ("TE", "trailers"),
                ("Transfer-Encoding", "chunked"),
                ("Upgrade", "h2c"),
                ("Trailer", "x"),
            ],
            &[],
        ),
        (
            "RFC 9110 §7.6.1 listed in Connection",
            &[
                ("X-One", "1"),
                ("connection", "close, x-ONE"),
                ("x-two", "2"),
                ("connection", "X-Two"),
                ("x-three", "3"),
            ],
            &["x-three"],
        ),
        (
            "RFC 9111 §3.1 proxy fields",
            &[("Proxy-Authenticate", "a"), ("proxy-connection", "a"), ("Proxy-Authentication-Info", "a")],
            &[],
        ),
        (
            "written anew for each answer",
            &[("Age", "1"), ("Cache-Status", "a"), ("X-Cache", "HIT"), ("Content-Length", "1")],
            &[],
        ),
        ("Envoy's own", &[(":status", "200"), ("X-Envoy-Upstream-Service-Time", "1")], &[]),
        (
            "no prefix of a name",
            &[("agent", ""), ("x-cached", ""), ("x-envoy", ""), ("proxy", ""), ("tea", "")],
            &["agent", "x-cached", "x-envoy", "proxy", "tea"],
        ),
    ];
    for (case, response, expected) in table {
        for route in [RoutePolicy::cautious(), RoutePolicy::rfc9111()] {
            assert_eq!(kept(response, &route), *expected, "{case}");
        }
    }
    let repeated: Lines = &[("link", "a"), ("x", "c"), ("link", "b")];
    let route = RoutePolicy::rfc9111();
    let values: Vec<_> =
        stored_fields(repeated, &Policy::default(), &route).map(|(_, value)| value).collect();
    assert_eq!(values, [b"a", b"c", b"b"], "RFC 9110 §5.3 order is kept");
}

#[test]
fn fields_that_directives_name() {
    const FIELDS: Lines = &[("X-A", "1"), ("x-b", "1")];
    let table: &[(&str, Lines, &[&str])] = &[
        ("§5.2.2.4 no-cache", &[("cache-control", "no-cache=\"x-a\"")], &["X-A"]),
        ("§5.2.2.7 private", &[("cache-control", "private=\"X-A, x-c\"")], &["X-A"]),
        ("both", &[("cache-control", "private=\"x-b\", no-cache=X-a")], &["X-A", "x-b"]),
        ("neither names any", &[("cache-control", "max-age=1")], &[]),
        ("RFC 9213 §2.2 targeted", &[("cdn-cache-control", "no-cache=\"x-a\"")], &["X-A"]),
        (
            "RFC 9213 §2.2 not beside a targeted one",
            &[("cache-control", "private=\"x-a\""), ("cdn-cache-control", "max-age=1")],
            &[],
        ),
    ];
    for (case, directives, left_out) in table {
        let response = [FIELDS, directives].concat();
        let route = RoutePolicy::rfc9111();
        let kept: Vec<_> =
            stored_fields(&response, &Policy::default(), &route).map(|(name, _)| name).collect();
        let all = response.iter().map(|(name, _)| *name);
        let expected: Vec<_> = all.filter(|name| !left_out.contains(name)).map(str::as_bytes).collect();
        assert_eq!(kept, expected, "{case}");
    }
}

#[test]
fn cookies() {
    const RESPONSE: Lines = &[("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("x", "")];
    assert_eq!(kept(RESPONSE, &RoutePolicy::cautious()), ["x"], "doubly sure");
    assert_eq!(kept(RESPONSE, &RoutePolicy::rfc9111()), ["Set-Cookie", "set-cookie", "x"], "§7.3");
    const NAMED: Lines = &[("set-cookie", "a=1"), ("cache-control", "private=\"Set-Cookie\"")];
    assert_eq!(kept(NAMED, &RoutePolicy::rfc9111()), ["cache-control"], "§5.2.2.7 private for one client");
}
