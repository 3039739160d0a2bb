//! What a response is, and what it was chosen by (RFC 9111 §4.1; RFC 9110 §8).

use cache_policy::{
    Condition, RoutePolicy,
    condition::Part,
    store::{NotStored, Storable},
};

use super::{MAX_AGE, NOW, decide};
use crate::{Lines, strings, test};

#[test]
fn kinds() {
    use NotStored::{ContentType, SetCookie};
    // What the cautious preset says, and what RFC 9111 says.
    let table: &[(&str, Lines, [Option<NotStored>; 2])] = &[
        ("§7.3 Set-Cookie", &[("Set-Cookie", "a=b")], [Some(SetCookie), None]),
        ("§7.3 empty", &[("set-cookie", "")], [Some(SetCookie), None]),
        ("gRPC", &[("content-type", "application/grpc-web+proto")], [Some(ContentType); 2]),
        (
            "server-sent events",
            &[("content-type", "Text/Event-Stream; charset=utf-8")],
            [Some(ContentType); 2],
        ),
        (
            "one of two",
            &[("content-type", "a/b"), ("content-type", "text/event-stream")],
            [Some(ContentType); 2],
        ),
        ("anything else", &[("content-type", "text/events")], [None; 2]),
        ("no type", &[], [None; 2]),
    ];
    for (case, response, expected) in table {
        let response = [*response, &[NOW, MAX_AGE]].concat();
        let presets = [RoutePolicy::cautious(), RoutePolicy::rfc9111()];
        let actual = presets.map(|route| decide(&[], 200, &response, &route).err());
        assert_eq!(actual, *expected, "{case}");
    }
}

#[test]
fn types_that_the_route_stores() {
    let table: &[(&str, &[&str], Lines, bool)] = &[
        ("the one", &["application/json"], &[("content-type", "Application/JSON; charset=utf-8")], true),
        ("another", &["application/json"], &[("content-type", "text/html")], false),
        ("a range", &["application/json", "text/*"], &[("content-type", "text/html")], true),
        ("any", &["*/*"], &[("content-type", "image/png")], true),
        ("none", &["*/*"], &[], false),
        ("what streams", &["*/*"], &[("content-type", "text/event-stream")], false),
        (
            "two, one of them another",
            &["text/*"],
            &[("content-type", "text/a"), ("content-type", "b/c")],
            false,
        ),
    ];
    for (case, types, response, is_stored) in table {
        let mut route = RoutePolicy::cautious();
        route.storing.content_types = strings(types);
        let response = [*response, &[NOW, MAX_AGE]].concat();
        let expected = (!is_stored).then_some(NotStored::ContentType);
        assert_eq!(decide(&[], 200, &response, &route).err(), expected, "RFC 9110 §12.5.1 {case}");
    }
}

#[test]
fn conditions() {
    let condition = |part, value: Option<&str>| Condition { part, value: value.map(String::from) };
    let mut route = RoutePolicy::rfc9111();
    route.storing.except_when = vec![
        condition(Part::ResponseHeader("x-error".to_owned()), None),
        condition(Part::Header("x-preview".to_owned()), Some("1")),
        condition(Part::Cookie("session".to_owned()), None),
    ];
    let table: &[(&str, Lines, Lines, bool)] = &[
        ("none holds", &[("x-error", "1"), ("x-preview", "0")], &[("x-preview", "1")], true),
        ("one of the response", &[], &[("X-Error", "")], false),
        ("one of the request", &[("x-preview", "1")], &[], false),
        ("a cookie", &[("cookie", "a=1; session=2")], &[], false),
    ];
    for (case, request, response, is_stored) in table {
        let response = [*response, &[NOW, MAX_AGE]].concat();
        let expected = (!is_stored).then_some(NotStored::Condition);
        assert_eq!(decide(request, 200, &response, &route).err(), expected, "{case}");
    }
}

#[test]
fn chosen_by() {
    const GZIP: Lines = &[("accept-encoding", "gzip")];
    type Names = &'static [&'static str];
    let table: &[(&str, Lines, Lines, Option<Names>)] = &[
        ("§4.1 no Vary", &[], &[], Some(&[])),
        ("§4.1 *", &[], &[("vary", "*")], None),
        ("§4.1 * among others", &[], &[("vary", "accept-encoding"), ("vary", "a, *")], None),
        ("§4.1 what is always in the key", &[], &[("Vary", "Accept-Encoding, X-No-Compression")], Some(&[])),
        ("§4.1 what the route has in the key", &[], &[("vary", "X-Tenant")], Some(&[])),
        ("§4.1 anything else", &[], &[("vary", "x-tenant, Origin"), ("vary", "Accept")], {
            Some(&["accept", "origin"])
        }),
        ("§4.1 each once", &[], &[("vary", "a, b, A")], Some(&["a", "b"])),
        ("§4.1 cookies", &[], &[("vary", "Cookie")], Some(&["cookie"])),
        ("as many as can be", &[], &[("vary", "a,b,c,d,e,f,g,h")], {
            Some(&["a", "b", "c", "d", "e", "f", "g", "h"])
        }),
        ("too many", &[], &[("vary", "a,b,c,d,e,f,g,h,i")], None),
        ("gzip for gzip", GZIP, &[("content-encoding", "GZIP")], Some(&[])),
        ("RFC 9110 §8.4.1.3 x-gzip for gzip", GZIP, &[("content-encoding", "x-gzip")], Some(&[])),
        ("identity for gzip", GZIP, &[("content-encoding", "identity")], Some(&[])),
        ("gzip for identity", &[], &[("content-encoding", "gzip")], Some(&["accept-encoding"])),
        (
            "br for gzip, which this client took",
            &[("accept-encoding", "gzip, br")],
            &[("content-encoding", "br"), ("vary", "accept-encoding")],
            Some(&["accept-encoding"]),
        ),
        ("br over gzip for gzip", GZIP, &[("content-encoding", "gzip, br")], Some(&["accept-encoding"])),
        (
            "gzip for one who opted out",
            &[("accept-encoding", "gzip"), ("x-no-compression", "1")],
            &[("content-encoding", "gzip")],
            Some(&["accept-encoding"]),
        ),
        ("beside others", &[], &[("content-encoding", "br"), ("vary", "b, a")], {
            Some(&["a", "accept-encoding", "b"])
        }),
    ];
    for (case, request, response, expected) in table {
        let response = [*response, &[NOW, MAX_AGE]].concat();
        for mut route in [RoutePolicy::cautious(), RoutePolicy::rfc9111()] {
            route.key.headers = strings(&["x-tenant"]);
            let vary = decide(request, 200, &response, &route).map(|Storable { vary, .. }| vary);
            assert_eq!(vary, expected.map(strings).ok_or(NotStored::Vary), "{case}");
        }
    }
}
