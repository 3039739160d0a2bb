//! What a route's settings keep from the cache and let into it, and how it is told.

use crate::support::*;
use cache_protocol::Entry;
use serde_json::{Value, json};
use slipstream_host::Action;
use slipstream_host::double::metric;

const CONFIG: &str = r#"{"companion": {"cluster": "companion"}, "max_entry_bytes": 100}"#;

type Fields<'a> = &'a [(&'a str, &'a str)];

fn counted(proxy: &Proxy, name: &str, reason: &str) -> i64 {
    count(proxy, &format!("service=.=shop;.;route=.=items;.;reason=.={reason};.;"), name)
}

#[test]
fn requests_that_a_condition_names_bypass_the_cache() {
    let route = json!({
        "default_ttl_seconds": 300,
        "bypass_when": [
            {"header": "x-preview"}, {"header": "x-mode", "value": "draft"}, {"query": "nocache"},
            {"query": "b", "value": "3"}, {"cookie": "admin"},
        ],
        "store_credentialed": true,
    });
    let cases: [(Fields<'_>, bool); 8] = [
        (&[], false),
        (&[("x-preview", "")], true),
        (&[("x-mode", "live")], false),
        (&[("x-mode", "draft")], true),
        (&[(":path", "/api/items?a=1&nocache")], true),
        (&[(":path", "/api/items?a=1&b=3")], true),
        (&[("cookie", "a=b; admin=1")], true),
        (&[("cookie", "a=admin; badmin=1")], false),
    ];
    for (more, bypasses) in cases {
        let proxy = leased_proxy();
        settings(&route);
        let request = GET.iter().filter(|(name, _)| more.iter().all(|(own, _)| own != name)).chain(more);
        let request: Vec<_> = request.into_iter().copied().collect();
        for _ in 0..2 {
            let mut stream = proxy.stream();
            assert_eq!(stream.request(&request, b"") == Action::Continue, bypasses, "{more:?}");
            if bypasses {
                stream.response_headers(OK_JSON, true);
                assert_eq!(told(), "slipstream; fwd=bypass; detail=condition", "{more:?}");
            }
        }
        assert_eq!(counted(&proxy, "bypasses", "condition"), 2 * i64::from(bypasses), "{more:?}");
        assert_eq!(find_callout("PUT /v1/responses"), None, "{more:?}");
    }
}

#[test]
fn a_condition_on_a_field_is_heeded_after_a_request_without_it() {
    for config in [CONFIG, r#"{"companion": {"cluster": "companion"}, "route_fields": []}"#] {
        let proxy = leased_proxy_with(config);
        settings(&json!({"default_ttl_seconds": 300, "bypass_when": [{"header": "x-preview"}]}));
        fetched(&proxy, &[], OK_JSON, "public");
        assert_eq!(proxy.stream().request(&get(&[("x-preview", "1")]), b""), Action::Continue);
        assert_eq!(answered(&proxy, &[]).body, b"public");
    }
}

#[test]
fn what_a_route_does_not_store_is_told_and_counted() {
    let cases: [(Value, Fields<'_>, Fields<'_>, &str); 13] = [
        (json!({"no_store_when": [{"header": "x-debug"}]}), &[("x-debug", "1")], &[], "condition"),
        (
            json!({"no_store_when": [{"response_header": "x-draft", "value": "yes"}]}),
            &[],
            &[("x-draft", "yes")],
            "condition",
        ),
        (
            json!({"no_store_when": [{"response_header": "x-draft", "value": "yes"}]}),
            &[],
            &[("x-draft", "no")],
            "",
        ),
        (json!({"content_types": ["text/*"]}), &[], &[], "content-type"),
        (json!({"content_types": ["text/*", "application/json"]}), &[], &[], ""),
        (json!({"max_entry_bytes": 10}), &[], &[("content-length", "11")], "size"),
        (json!({"max_entry_bytes": 10}), &[], &[("content-length", "10")], ""),
        (json!({"max_entry_bytes": 1000}), &[], &[("content-length", "101")], "size"),
        (
            json!({"store_unfresh": true, "keep_stale_seconds": 0}),
            &[],
            &[("cache-control", "no-cache"), ("etag", "\"v1\"")],
            "stale",
        ),
        (json!({"max_ttl_seconds": 60}), &[], &[("cache-control", "max-age=5"), ("age", "6")], "stale"),
        (json!({"store_set_cookie": true}), &[], &[("set-cookie", "a=b")], ""),
        (json!({"preset": "rfc9111"}), &[], &[("set-cookie", "a=b")], ""),
        (json!({"preset": "rfc9111"}), &[], &[("cache-control", "no-cache")], "stale"),
    ];
    for (mut route, request, response, reason) in cases {
        let proxy = leased_proxy_with(CONFIG);
        let lifetime = response.iter().all(|(name, _)| *name != "cache-control");
        if lifetime {
            route["default_ttl_seconds"] = json!(300);
        }
        settings(&route);
        let mut stream = forwarded(&proxy, request);
        stream.response_headers(&ok(response), false);
        let detail = told();
        assert_eq!(detail.contains("detail"), !reason.is_empty(), "{route} {response:?}: {detail}");
        if !reason.is_empty() {
            assert_eq!(detail, format!("slipstream; fwd=miss; detail={reason}"), "{route} {response:?}");
            assert_eq!(counted(&proxy, "not_stored", reason), 1, "{route} {response:?}");
        }
    }
}

#[test]
fn a_body_that_grows_past_the_route_s_limit_is_not_stored() {
    for (limit, is_stored) in [(9, false), (10, true)] {
        let proxy = leased_proxy();
        settings(&json!({"default_ttl_seconds": 300, "max_entry_bytes": limit}));
        fetched(&proxy, &[], OK_JSON, "0123456789");
        assert_eq!(find_callout("PUT /v1/responses").is_some(), is_stored, "{limit}");
        assert_eq!(counted(&proxy, "not_stored", "size"), i64::from(!is_stored), "{limit}");
    }
}

#[test]
fn credentials_share_only_what_the_origin_lets_them() {
    let bearer: Fields<'_> = &[("authorization", "Bearer me")];
    let cases: [(&str, Fields<'_>, &str, &str); 12] = [
        ("rfc9111", bearer, "max-age=60", "credentials"),
        ("rfc9111", bearer, "public, max-age=60", ""),
        ("rfc9111", bearer, "max-age=60, must-revalidate", ""),
        ("rfc9111", bearer, "s-maxage=60", ""),
        ("rfc9111", bearer, "private, s-maxage=60", "private"),
        ("rfc9111", &[("x-api-key", "mine")], "max-age=60", "credentials"),
        ("rfc9111", &[("x-api-key", "mine")], "public, max-age=60", ""),
        // Cookies are no credentials to RFC 9111.
        ("rfc9111", &[("cookie", "a=b")], "max-age=60", ""),
        ("rfc9111", &[("cookie", "a=b")], "private, max-age=60", "private"),
        ("cautious", bearer, "public, max-age=60", "bypass"),
        ("cautious", &[("cookie", "a=b")], "public, max-age=60", "bypass"),
        ("cautious", &[("x-api-key", "mine")], "s-maxage=60", "bypass"),
    ];
    for (preset, credentials, directives, detail) in cases {
        let proxy = leased_proxy();
        settings(&json!({"preset": preset}));
        fetched(&proxy, credentials, &ok(&[("cache-control", directives)]), "x");
        assert_eq!(find_callout("PUT /v1/responses").is_some(), detail.is_empty(), "{preset} {directives}");
        let expected = match detail {
            "" => "slipstream; fwd=miss; stored".to_owned(),
            "bypass" => "slipstream; fwd=bypass; detail=credentials".to_owned(),
            reason => format!("slipstream; fwd=miss; detail={reason}"),
        };
        assert_eq!(told(), expected, "{preset} {credentials:?} {directives}");
    }
}

#[test]
fn what_has_to_be_validated_each_time_is_stored_and_validated_each_time() {
    let proxy = leased_proxy();
    settings(&json!({"preset": "rfc9111"}));
    fetched(&proxy, &[], &ok(&[("cache-control", "no-cache"), ("etag", "\"v1\"")]), "x");
    let kept: Entry = stored(&proxy);
    assert_eq!(kept.freshness_lifetime_ms, 0);
    for _ in 0..2 {
        let mut stream = proxy.stream();
        assert_eq!(stream.request(GET, b""), Action::Pause);
        answer_hit(&mut stream, &kept);
        assert_eq!((reply(), resumed()), (None, 1));
        stream.response_headers(&[(":status", "304"), ("cache-control", "no-cache")], true);
        assert_eq!(reply().unwrap().body, b"x");
        stored(&proxy);
    }
    export(&proxy);
    assert_eq!(metric("outcome=.=not_modified;.;slipstream_cache_validations_total"), Some(2));
}
