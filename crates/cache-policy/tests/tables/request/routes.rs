//! What a route says of its requests: credentials, conditions, and whether it listens to clients.

use cache_policy::{
    Condition, Policy, RoutePolicy,
    condition::Part,
    request::{BypassReason, RequestDecision, decide},
};

use crate::{Lines, strings, test};

fn reason(method: &str, request: Lines, policy: &Policy, route: &RoutePolicy) -> Option<BypassReason> {
    match decide(method.as_bytes(), request, policy, route) {
        RequestDecision::Bypass(reason) => Some(reason),
        _ => None,
    }
}

#[test]
fn credentials() {
    const BOTH: Lines = &[("Authorization", "a"), ("cookie", "b")];
    let policy = Policy::default();
    let in_key = |names: &[&str]| {
        let mut route = RoutePolicy::cautious();
        route.key.headers = strings(names);
        reason("GET", BOTH, &policy, &route)
    };
    assert_eq!(in_key(&["authorization"]), Some(BypassReason::Credentials), "one of two");
    assert_eq!(in_key(&["Authorization", "cookie"]), None, "both");
    let mut by_cookie = RoutePolicy::cautious();
    by_cookie.key.cookies = strings(&["b"]);
    let bypassed = reason("GET", &[("cookie", "b=1")], &policy, &by_cookie);
    assert_eq!(bypassed, Some(BypassReason::Credentials), "one cookie in the key is not all of them");
    assert_eq!(
        reason("GET", BOTH, &policy, &RoutePolicy::rfc9111()),
        None,
        "RFC 9111 §3.5: the answer decides"
    );
    let none = Policy { credential_headers: Vec::new(), ..policy.clone() };
    let uncounted = reason("GET", BOTH, &none, &RoutePolicy::cautious());
    assert_eq!(uncounted, None, "the operator counts nothing as credentials");
}

#[test]
fn what_routes_bypass() {
    use BypassReason as Why;
    let condition = |part, value: &str| Condition { part, value: Some(value.to_owned()) };
    let route = RoutePolicy {
        bypass_head: true,
        bypass_when: vec![
            condition(Part::Header("x-preview".to_owned()), "1"),
            condition(Part::Cookie("draft".to_owned()), "yes"),
            condition(Part::Query("nocache".to_owned()), ""),
            condition(Part::ResponseHeader("x-a".to_owned()), "1"),
        ],
        ..RoutePolicy::rfc9111()
    };
    let table: &[(&str, &str, Lines, Option<Why>)] = &[
        ("none holds", "GET", &[("x-preview", "0"), ("cookie", "draft=no"), (":path", "/?nocache=1")], None),
        ("a field", "GET", &[("X-Preview", "1")], Some(Why::Condition)),
        ("a cookie", "GET", &[("cookie", "a=1; draft=yes")], Some(Why::Condition)),
        ("a parameter", "GET", &[(":path", "/p?a&nocache")], Some(Why::Condition)),
        ("there is no response yet", "GET", &[("x-a", "1")], None),
        ("what comes first", "GET", &[("x-preview", "1"), ("upgrade", "a")], Some(Why::Upgrade)),
        (
            "what comes last",
            "GET",
            &[("x-preview", "1"), ("cache-control", "no-store")],
            Some(Why::Condition),
        ),
        ("HEAD", "HEAD", &[], Some(Why::Method)),
        ("RFC 9111 §4.4: writes are forwarded anyway", "POST", &[("x-preview", "1")], None),
    ];
    for (case, method, request, expected) in table {
        assert_eq!(reason(method, request, &Policy::default(), &route), *expected, "{case}");
    }
    assert_eq!(route.deciding_fields().collect::<Vec<_>>(), ["x-preview", "cookie"]);
}

#[test]
fn deaf_routes() {
    let deaf = RoutePolicy { ignore_client_directives: true, ..RoutePolicy::cautious() };
    let table: &[(&str, Lines)] = &[
        ("§5.2.1.5", &[("cache-control", "no-store")]),
        ("§5.2.1.4", &[("cache-control", "no-cache")]),
        ("§5.2.1.1", &[("cache-control", "max-age=0, min-fresh=9, max-stale")]),
        ("§5.2.1.7", &[("cache-control", "only-if-cached")]),
        ("§5.4", &[("pragma", "no-cache")]),
    ];
    for (case, request) in table {
        let plain = decide(b"GET", &[("", "")], &Policy::default(), &deaf);
        assert_eq!(decide(b"GET", *request, &Policy::default(), &deaf), plain, "{case} counts for nothing");
    }
}
