//! Lookup, invalidation or bypass.

use cache_policy::{
    Policy, RoutePolicy,
    request::{BypassReason, Lookup, RequestDecision, decide, invalidates},
};

use crate::{Lines, test};

mod routes;

#[test]
fn bypasses() {
    use BypassReason as Why;
    let table: &[(&str, &str, Lines, Option<Why>)] = &[
        ("plain", "GET", &[(":path", "/a?b"), ("accept", "*/*"), ("content-length", "0")], None),
        ("RFC 9110 §9.3.7", "OPTIONS", &[(":path", "*")], Some(Why::Method)),
        ("RFC 9110 §9.3.8", "TRACE", &[], Some(Why::Method)),
        ("RFC 9110 §9.3.6", "CONNECT", &[], Some(Why::Method)),
        ("RFC 4918 §9.1: safe", "PROPFIND", &[], Some(Why::Method)),
        ("RFC 3986 §3.4: a fragment", "GET", &[(":path", "/a#b")], Some(Why::Target)),
        ("RFC 3986 §3.3: a space", "HEAD", &[(":path", "/a b")], Some(Why::Target)),
        ("gRPC", "POST", &[("content-type", "Application/gRPC+proto")], Some(Why::Grpc)),
        ("RFC 9110 §7.8", "GET", &[("Upgrade", "websocket"), ("Connection", "Upgrade")], Some(Why::Upgrade)),
        ("RFC 9110 §9.3.1: content", "GET", &[("content-length", "1")], Some(Why::Body)),
        ("RFC 9110 §9.3.1: content", "GET", &[("transfer-encoding", "chunked")], Some(Why::Body)),
        ("RFC 9110 §14.2: ours to answer", "GET", &[("range", "bytes=0-1"), ("if-range", "\"a\"")], None),
        ("RFC 9111 §4.3.2", "GET", &[("if-match", "\"a\"")], Some(Why::Precondition)),
        ("RFC 9111 §4.3.2", "GET", &[("if-unmodified-since", "x")], Some(Why::Precondition)),
        ("RFC 9111 §4.3.2: ours to judge", "GET", &[("if-none-match", "\"a\"")], None),
        ("RFC 9111 §3.5", "GET", &[("Authorization", "Bearer a")], Some(Why::Credentials)),
        ("cookies", "GET", &[("Cookie", "a=b")], Some(Why::Credentials)),
        ("API keys", "HEAD", &[("X-API-Key", "")], Some(Why::Credentials)),
        ("RFC 9111 §5.2.1.5", "GET", &[("cache-control", "no-store")], Some(Why::NoStore)),
    ];
    for (case, method, request, expected) in table {
        let decision = decide(method.as_bytes(), *request, &Policy::default(), &RoutePolicy::cautious());
        let reason = if let RequestDecision::Bypass(reason) = &decision { Some(*reason) } else { None };
        assert_eq!(reason, *expected, "{case}: {decision:?}");
        assert!(expected.is_some() || matches!(decision, RequestDecision::Lookup(_)), "{case}: {decision:?}");
        let off = decide(method.as_bytes(), *request, &Policy::default(), &RoutePolicy::default());
        assert_eq!(off, RequestDecision::Bypass(Why::Disabled), "{case}");
    }
}

#[test]
fn reasons_are_stable_words() {
    use BypassReason::{
        Body, Condition, Credentials, Disabled, Grpc, Method, NoStore, Precondition, Target, Upgrade,
    };
    let reasons =
        [Disabled, Method, Target, Grpc, Upgrade, Body, Precondition, Credentials, Condition, NoStore];
    assert_eq!(
        reasons.map(BypassReason::as_str),
        [
            "disabled",
            "method",
            "target",
            "grpc",
            "upgrade",
            "body",
            "precondition",
            "credentials",
            "condition",
            "no-store",
        ]
    );
}

#[test]
fn invalidations() {
    let policy = Policy::default();
    let credentials = [("authorization", "Bearer a"), ("cache-control", "no-store"), ("content-length", "9")];
    for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "get", ""] {
        let decision = decide(method.as_bytes(), &credentials, &policy, &RoutePolicy::cautious());
        assert_eq!(decision, RequestDecision::Invalidate, "RFC 9111 §4.4 {method}");
    }
    let writes_only = RoutePolicy { invalidates: vec!["items".into()], ..RoutePolicy::default() };
    let none: Lines = &[];
    assert_eq!(decide(b"POST", none, &policy, &writes_only), RequestDecision::Invalidate);
    assert_eq!(decide(b"GET", none, &policy, &writes_only), RequestDecision::Bypass(BypassReason::Disabled));
    for (status, expected) in
        [(199, false), (200, true), (204, true), (303, true), (399, true), (400, false), (500, false)]
    {
        assert_eq!(invalidates(status), expected, "RFC 9111 §4.4 {status}");
    }
}

#[test]
fn lookups() {
    // (store_allowed, may_use_stored, range, only_if_cached, head)
    let table: &[(&str, &str, Lines, [bool; 5])] = &[
        ("plain", "GET", &[], [true, true, false, false, false]),
        (
            "RFC 9111 §4: GET's response answers HEAD, not the other way",
            "HEAD",
            &[],
            [false, true, false, false, true],
        ),
        ("§5.2.1.4", "GET", &[("cache-control", "no-cache")], [true, false, false, false, false]),
        ("§5.2.1.1", "GET", &[("cache-control", "max-age=0")], [true, false, false, false, false]),
        ("§5.2.1.1", "GET", &[("cache-control", "max-age=1")], [true, true, false, false, false]),
        (
            "§5.2.1.1 not a number",
            "GET",
            &[("cache-control", "max-age =1")],
            [true, false, false, false, false],
        ),
        ("§5.4", "GET", &[("Pragma", "x, No-Cache")], [true, false, false, false, false]),
        ("§5.4 another word", "GET", &[("pragma", "no-caches")], [true, true, false, false, false]),
        (
            "§5.4 Pragma beside Cache-Control",
            "GET",
            &[("pragma", "no-cache"), ("cache-control", "max-age=1")],
            [true, true, false, false, false],
        ),
        ("§5.4 beside an empty one", "GET", &[("pragma", "no-cache"), ("cache-control", "")], {
            [true, true, false, false, false]
        }),
        ("§5.2.1.7", "GET", &[("cache-control", "only-if-cached")], [true, true, false, true, false]),
        ("RFC 9110 §14.2", "GET", &[("Range", "bytes=0-1")], [true, true, true, false, false]),
        ("RFC 9110 §14.2 only GET has ranges", "HEAD", &[("range", "bytes=0-1")], {
            [false, true, false, false, true]
        }),
        ("RFC 9213 §2.2 not in requests", "GET", &[("cdn-cache-control", "no-store, no-cache")], {
            [true, true, false, false, false]
        }),
        (
            "RFC 8246 not in requests",
            "GET",
            &[("cache-control", "immutable")],
            [true, true, false, false, false],
        ),
    ];
    for (case, method, request, expected) in table {
        for route in [RoutePolicy::cautious(), RoutePolicy::rfc9111()] {
            let decision = decide(method.as_bytes(), *request, &Policy::default(), &route);
            let RequestDecision::Lookup(lookup) = decision else { panic!("{case}: {decision:?}") };
            let Lookup { store_allowed, may_use_stored, range, only_if_cached, head, .. } = lookup;
            assert_eq!([store_allowed, may_use_stored, range, only_if_cached, head], *expected, "{case}");
        }
    }
}
