//! A request's lookup depends on no field but those that are said to count.

use cache_policy::{
    Condition, Policy, RoutePolicy,
    condition::Part,
    conditional,
    key::{self, Coding, Template},
    range,
    request::{self, DECIDING_FIELDS, RequestDecision},
};
use proptest::{collection::vec, prelude::*, sample::select};

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// Every field that has ever meant anything to a cache, and some that have not.
fn any_request() -> impl Strategy<Value = Vec<(String, &'static str)>> {
    const NAMES: [&str; 35] = [
        ":path",
        "accept",
        "accept-encoding",
        "accept-language",
        "age",
        "cache-control",
        "cdn-cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "expect",
        "expires",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "pragma",
        "range",
        "set-cookie",
        "te",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "vary",
        "via",
        "x-key",
        "x-no-compression",
        "x-place",
        "x-preview",
        "x-request-id",
    ];
    const VALUES: [&str; 15] = [
        "",
        "0",
        "5",
        "/p?nocache&a=1",
        "gzip",
        "no-cache",
        "max-age=0",
        "no-store, only-if-cached",
        "application/grpc",
        "\"a\"",
        "*",
        "bytes=0-1",
        "a=1; lang=de",
        "draft=",
        DATE,
    ];
    // Those that are of consequence.
    const FITTING: [(&str, &str); 16] = [
        (":path", "/p?nocache"),
        ("accept-encoding", "gzip"),
        ("authorization", "a"),
        ("cache-control", "no-cache"),
        ("cookie", "a=1; lang=de"),
        ("cookie", "draft="),
        ("if-modified-since", DATE),
        ("if-none-match", "\"a\""),
        ("if-range", "\"a\""),
        ("if-range", "\"b\""),
        ("pragma", "no-cache"),
        ("range", "bytes=0-1"),
        ("x-key", "1"),
        ("x-no-compression", ""),
        ("x-place", "1"),
        ("x-preview", "1"),
    ];
    let names = NAMES.into_iter().map(String::from);
    let name = select(names.chain(Policy::default().credential_headers).collect::<Vec<_>>());
    let fitting = select(FITTING.to_vec()).prop_map(|(name, value)| (name.to_owned(), value));
    vec(prop_oneof![(name, select(VALUES.to_vec())), fitting], 0..6)
}

/// The presets, with whatever a route may read of a request besides.
fn route() -> impl Strategy<Value = RoutePolicy> {
    let condition = |part| Condition { part, value: None };
    let presets = select(vec![RoutePolicy::cautious(), RoutePolicy::rfc9111()]);
    (presets, any::<[bool; 8]>()).prop_map(move |(mut route, has)| {
        let add = |names: &mut Vec<String>, name: &str, has: bool| names.extend(has.then(|| name.to_owned()));
        add(&mut route.key.headers, "X-Key", has[0]);
        add(&mut route.key.headers, "Authorization", has[1]);
        add(&mut route.key.cookies, "lang", has[2]);
        let template = Template::parse("{query:a}{header:X-Place}{cookie:a}").unwrap();
        route.key.template = has[3].then_some(template);
        route.bypass_when.extend(has[4].then(|| condition(Part::Header("X-Preview".to_owned()))));
        route.bypass_when.extend(has[5].then(|| condition(Part::Cookie("draft".to_owned()))));
        route.bypass_when.extend(has[6].then(|| condition(Part::Query("nocache".to_owned()))));
        route.ignore_client_directives = has[7];
        route
    })
}

type Outcome = (RequestDecision, key::Key, bool, bool, range::Parts);

fn outcome(fields: &Vec<(String, &str)>, policy: &Policy, route: &RoutePolicy) -> Outcome {
    let stored = [("etag", "\"a\""), ("last-modified", DATE), ("date", "Sun, 06 Nov 1994 08:49:38 GMT")];
    let target = b"/p?a=2";
    let is_conditional = conditional::is_conditional(fields);
    let not_modified = conditional::not_modified(fields, &stored);
    assert!(is_conditional || !not_modified);
    (
        request::decide(b"GET", fields, policy, route),
        key::of_request(b"a", target, Coding::of_request(fields, &policy.codings), "r", &route.key, fields),
        is_conditional,
        not_modified,
        range::decide(fields, 200, &stored, 10),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn nothing_decides_but_the_fields_that_are_said_to(
        all in any_request(), route in route(), has_credentials in any::<bool>(),
    ) {
        let mut policy = Policy::default();
        policy.credential_headers.retain(|_| has_credentials);
        let decides = |name: &String| {
            DECIDING_FIELDS.contains(&name.as_str())
                || policy.credential_headers.contains(name)
                || route.deciding_fields().any(|deciding| deciding.eq_ignore_ascii_case(name))
        };
        let deciding: Vec<_> = all.iter().filter(|(name, _)| decides(name)).cloned().collect();
        prop_assert_eq!(outcome(&all, &policy, &route), outcome(&deciding, &policy, &route));
    }
}
