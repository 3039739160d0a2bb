//! Keys of different resources differ, and no input makes a decision panic or contradict itself.
#![cfg(not(target_family = "wasm"))]

use cache_policy::{
    Policy, RoutePolicy, conditional,
    key::{self, Coding},
    request::{self, RequestDecision},
    reuse, store,
};
use http_semantics::CacheControl;
use proptest::{collection::vec, prelude::*, sample::select};

/// Text of few characters, so that two of them often nearly agree.
fn text(characters: &'static str, longest: usize) -> impl Strategy<Value = String> {
    vec(select(characters.chars().collect::<Vec<_>>()), 0..=longest).prop_map(String::from_iter)
}

fn query() -> impl Strategy<Value = Option<Vec<String>>> {
    proptest::option::of(vec(text("ab=%61+?", 3), 0..4))
}

fn path_and_query(path: &str, query: Option<&[String]>) -> String {
    query.map_or_else(|| format!("/{path}"), |query| format!("/{path}?{}", query.join("&")))
}

fn name(parameter: &str) -> &str {
    parameter.split('=').next().unwrap_or_default()
}

/// What two requests must agree in to ask for the same thing: parameters may stand in any order, but not those of one
/// name. No query, and a query that is empty, differ; a query of one empty parameter is an empty query.
fn resource(
    method: &str,
    authority: &str,
    path: &str,
    query: Option<&[String]>,
) -> impl PartialEq + std::fmt::Debug {
    let query = query.map(|query| {
        let mut query = if query.is_empty() { vec![String::new()] } else { query.to_vec() };
        query.sort_by(|left, right| name(left).cmp(name(right)));
        query
    });
    (method.replace("HEAD", "GET"), authority.to_ascii_lowercase(), path.to_string(), query)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn different_resources_have_different_primary_keys(
        methods in [select(vec!["GET", "HEAD", "PUT"]), select(vec!["GET", "HEAD", "PUT"])],
        authorities in [text("aA/?#% ", 2), text("aA/?#% ", 2)],
        paths in [text("a/%2", 2), text("a/%2", 2)],
        queries in [query(), query()],
    ) {
        let key_of = |index: usize| {
            let target = path_and_query(&paths[index], queries[index].as_deref());
            assert!(key::is_valid_target(target.as_bytes()));
            key::primary(methods[index].as_bytes(), authorities[index].as_bytes(), target.as_bytes())
        };
        let resource_of = |index: usize| {
            resource(methods[index], &authorities[index], &paths[index], queries[index].as_deref())
        };
        if key_of(0) == key_of(1) {
            prop_assert_eq!(resource_of(0), resource_of(1));
        }
    }

    #[test]
    fn the_order_of_differently_named_parameters_does_not_matter(
        values in vec(text("ab=%6", 3), 0..5), rotation in 0_usize..5
    ) {
        let query: Vec<_> = values.iter().enumerate().map(|(index, value)| format!("n{index}={value}")).collect();
        let mut rotated = query.clone();
        rotated.rotate_left(rotation % query.len().max(1));
        let key_of = |query: &[String]| key::primary(b"GET", b"a", path_and_query("", Some(query)).as_bytes());
        prop_assert_eq!(key_of(&query), key_of(&rotated));
    }

    #[test]
    fn a_key_is_a_fixed_point(path in text("a/%2", 3), query in query()) {
        let target = path_and_query(&path, query.as_deref());
        let key = key::primary(b"GET", b"host", target.as_bytes());
        let again = key.strip_prefix("GET host").unwrap();
        prop_assert_eq!(key::primary(b"GET", b"host", again.as_bytes()), key.clone());
    }

    #[test]
    fn different_variants_have_different_full_keys(
        codings in [0_usize..3, 0..3],
        routes in [text("a:;=#%", 3), text("a:;=#%", 3)],
        first in [vec(text("a;=#%,", 3), 0..3), vec(text("a;=#%,", 3), 0..3)],
        second in [vec(text("a;=#%,", 3), 0..3), vec(text("a;=#%,", 3), 0..3)],
    ) {
        let names = ["a".to_string(), "b".to_string()];
        let key_of = |index: usize| {
            let coding = [Coding::Gzip, Coding::Identity, Coding::NoCompression][codings[index]];
            let lines = first[index].iter().map(|value| ("a", value));
            let lines: Vec<_> = lines.chain(second[index].iter().map(|value| ("b", value))).collect();
            key::full("GET a/", coding, &routes[index], &names, &lines)
        };
        let same = codings[0] == codings[1] && routes[0] == routes[1] && first[0] == first[1] && second[0] == second[1];
        prop_assert_eq!(key_of(0) == key_of(1), same);
    }

    #[test]
    fn keys_of_any_bytes_are_visible_ascii(
        method in vec(any::<u8>(), 0..4), authority in vec(any::<u8>(), 0..4), target in vec(any::<u8>(), 0..8),
        value in vec(any::<u8>(), 0..8),
    ) {
        let primary = key::primary(&method, &authority, &target);
        let full = key::full(&primary, Coding::Gzip, "r", &["x".to_string()], &[("x", &value)]);
        prop_assert!(full.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
        prop_assert_eq!(full.matches(' ').count(), 1);
        prop_assert_eq!(full.matches('#').count(), 1);
        prop_assert_eq!(invalidation::primary_key(&full), primary);
    }
}

const NAMES: [&str; 16] = [
    "accept-encoding",
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-range",
    "cookie",
    "date",
    "expires",
    "if-modified-since",
    "if-none-match",
    "pragma",
    "set-cookie",
    "vary",
    "x-no-compression",
];

fn fields() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let piece = select(vec![
        "max-age=60",
        "max-age=",
        "s-maxage=99999999999",
        "no-store",
        "private",
        "public",
        "\"",
        ",",
        ";",
        "=",
        "*",
        "gzip",
        "identity;q=0",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "5",
        "-1",
        "\"a\"",
        "accept-encoding",
        "\u{e9}",
        "no-cache",
        "",
    ]);
    let value = prop_oneof![
        vec(piece, 0..4).prop_map(|pieces| pieces.concat().into_bytes()),
        vec(any::<u8>(), 0..6),
    ];
    vec((select(NAMES.to_vec()), value), 0..8)
}

proptest! {
    #[test]
    fn decisions_hold_whatever_the_input(
        method in select(vec!["GET", "HEAD", "POST", "TRACE", "\u{e9}"]),
        status in any::<u16>(),
        request_fields in fields(),
        response in fields(),
        now_ms in prop_oneof![Just(784_111_777_000_u64), any::<u64>()],
        later_ms in any::<u64>(),
        default_ttl_seconds in any::<Option<u64>>(),
        max_ttl_seconds in any::<u64>(),
    ) {
        let policy = Policy { max_ttl_seconds, ..Policy::default() };
        let route = RoutePolicy { enabled: true, default_ttl_seconds, ..RoutePolicy::default() };
        let decision = request::decide(method.as_bytes(), &request_fields, &policy, &route);
        conditional::not_modified(&request_fields, Some(b"\"a\""), Some(b"Sun, 06 Nov 1994 08:49:37 GMT"));
        prop_assert!(store::stored_fields(&response).all(|(name, _)| name != b"set-cookie" && name != b"age"));
        if let Ok(storable) = store::decide(&request_fields, status, &response, &policy, &route, now_ms) {
            let has = |name: &str| response.iter().any(|(present, _)| *present == name);
            let directives = CacheControl::parse(&response);
            prop_assert!(!has("set-cookie") && !has("content-range"));
            prop_assert!(!directives.no_store && !directives.private.is_present());
            prop_assert!(storable.ttl_ms() > 0 && storable.ttl_ms() / 1000 <= max_ttl_seconds);
            let times = reuse::Times {
                response_time_ms: now_ms,
                initial_age_ms: storable.initial_age_ms,
                freshness_lifetime_ms: storable.freshness_lifetime_ms,
            };
            let is_fresh = matches!(reuse::decide(&times, &CacheControl::default(), now_ms), reuse::Reuse::Fresh { .. });
            prop_assert!(is_fresh, "what is stored is fresh on arrival");
            if let RequestDecision::Lookup(lookup) = decision {
                reuse::decide(&times, &lookup.cache_control, later_ms);
            }
        }
    }
}

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// Every field that has ever meant anything to a cache, and some that have not.
fn any_request() -> impl Strategy<Value = Vec<(String, &'static str)>> {
    const OTHERS: [&str; 17] = [
        "accept",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "if-match",
        "if-range",
        "if-unmodified-since",
        "range",
        "te",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "x-request-id",
        "x-tenant",
    ];
    const VALUES: [&str; 10] = [
        "",
        "0",
        "5",
        "gzip",
        "no-cache",
        "no-store, only-if-cached",
        "application/grpc",
        "\"a\"",
        "*",
        DATE,
    ];
    let credentials = Policy::default().credential_headers;
    let names = NAMES.into_iter().chain(OTHERS).map(String::from);
    let name = select(names.chain(credentials).collect::<Vec<_>>());
    vec((name, select(VALUES.to_vec())), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn nothing_decides_but_the_fields_that_are_said_to(all in any_request(), has_key_header in any::<bool>()) {
        let policy = Policy::default();
        let key_headers = if has_key_header { vec!["x-tenant".to_owned()] } else { Vec::new() };
        let route = RoutePolicy { enabled: true, key_headers, ..RoutePolicy::default() };
        let decides = |name: &String| {
            request::DECIDING_FIELDS.contains(&name.as_str())
                || policy.credential_headers.contains(name)
                || route.key_headers.contains(name)
        };
        let outcome = |fields: &Vec<(String, &str)>| {
            let decision = request::decide(b"GET", fields, &policy, &route);
            let key = key::full("GET a/", Coding::of_request(fields), "r", &route.key_headers, fields);
            let not_modified = conditional::not_modified(fields, Some(b"\"a\""), Some(DATE.as_bytes()));
            assert!(conditional::is_conditional(fields) || !not_modified);
            (decision, key, not_modified)
        };
        let deciding: Vec<_> = all.iter().filter(|(name, _)| decides(name)).cloned().collect();
        prop_assert_eq!(outcome(&all), outcome(&deciding));
    }
}
