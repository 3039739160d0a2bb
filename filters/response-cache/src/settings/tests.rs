//! What each setting resolves to, and how a mistake is named.

use super::*;
use serde_json::{Value, json};

fn load(route: &Value, defaults: &Value) -> Result<RoutePolicy, ConfigError> {
    let defaults = serde_json::from_value(defaults.clone()).unwrap();
    Settings::load(route.to_string().as_bytes(), &defaults)
}

fn loaded(route: &Value) -> RoutePolicy {
    load(route, &json!({})).unwrap()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn condition(part: Part, value: Option<&str>) -> Condition {
    Condition { part, value: value.map(str::to_owned) }
}

#[test]
fn a_preset_is_where_a_route_starts() {
    for (settings, expected) in [
        (json!({}), RoutePolicy::cautious()),
        (json!({"preset": "cautious"}), RoutePolicy::cautious()),
        (json!({"preset": "rfc9111"}), RoutePolicy::rfc9111()),
        (json!({"enabled": false}), RoutePolicy { enabled: false, ..RoutePolicy::cautious() }),
    ] {
        assert_eq!(loaded(&settings), expected, "{settings}");
    }
}

/// A setting, and the part of a policy that it changes.
type Case = (Value, fn(&mut RoutePolicy));

#[test]
fn a_setting_changes_what_it_is_about_and_nothing_else() {
    let cases: [Case; 27] = [
        (json!({"min_ttl_seconds": 5}), |route| route.lifetimes.min_ttl_seconds = 5),
        (json!({"max_ttl_seconds": 50}), |route| route.lifetimes.max_ttl_seconds = 50),
        (json!({"keep_stale_seconds": 0}), |route| route.lifetimes.keep_stale_seconds = 0),
        (json!({"stale_if_error_seconds": 7}), |route| route.lifetimes.stale_if_error_seconds = Some(7)),
        (json!({"stale_while_revalidate_seconds": 8}), |route| {
            route.lifetimes.stale_while_revalidate_seconds = Some(8);
        }),
        (json!({"heuristic_freshness": true}), |route| route.lifetimes.heuristic = true),
        (json!({"heuristic_freshness": false}), |route| route.lifetimes.heuristic = false),
        (json!({"store_every_status": true}), |route| route.storing.every_status = true),
        (json!({"store_unfresh": true}), |route| route.storing.unfresh = true),
        (json!({"store_partial": false}), |route| route.storing.partial = false),
        (json!({"store_set_cookie": false}), |route| route.storing.set_cookie = false),
        (json!({"store_credentialed": true}), |route| route.storing.credentialed = true),
        (json!({"content_types": ["text/*", "application/json"]}), |route| {
            route.storing.content_types = texts(&["text/*", "application/json"]);
        }),
        (json!({"max_entry_bytes": 9}), |route| route.storing.max_entry_bytes = Some(9)),
        (json!({"ignore_client_directives": true}), |route| route.ignore_client_directives = true),
        (json!({"methods": ["GET"]}), |route| route.bypass_head = true),
        (json!({"methods": ["HEAD", "GET"]}), |route| route.bypass_head = false),
        (json!({"tags": ["a"], "invalidates": ["b"]}), |route| {
            (route.tags, route.invalidates) = (texts(&["a"]), texts(&["b"]));
        }),
        (json!({"key_headers": ["x-a", "X-B"]}), |route| route.key.headers = texts(&["x-a", "X-B"])),
        (json!({"key_cookies": ["lang"]}), |route| route.key.cookies = texts(&["lang"])),
        (json!({"key_query": {"only": ["page"]}}), |route| route.key.query = Query::Only(texts(&["page"]))),
        (json!({"key_query": {"except": ["utm_*"]}}), |route| {
            route.key.query = Query::Except(texts(&["utm_*"]));
        }),
        (json!({"key_query_order": true}), |route| route.key.keeps_query_order = true),
        (json!({"key_host": false}), |route| route.key.without_host = true),
        (json!({"key_host": true}), |route| route.key.without_host = false),
        (json!({"key_prefix": "v2"}), |route| route.key.prefix = Some("v2".into())),
        (json!({"key_template": "{query:page}/{header:x-tenant}"}), |route| {
            route.key.template = Template::parse("{query:page}/{header:x-tenant}").ok();
        }),
    ];
    for (settings, change) in cases {
        for preset in ["cautious", "rfc9111"] {
            let mut expected = loaded(&json!({"preset": preset}));
            change(&mut expected);
            let mut given = settings.clone();
            given["preset"] = json!(preset);
            assert_eq!(loaded(&given), expected, "{given}");
        }
    }
}

#[test]
fn lifetimes_by_status_go_from_the_narrow_to_the_wide() {
    let settings = json!({
        "default_ttl_seconds": 300,
        "status_ttl_seconds": {"2xx": 4, "404": 10, "5xx": 1, "599": 2},
    });
    let ttls: Vec<_> = loaded(&settings).lifetimes.defaults;
    let expected = [(200, 200, 300), (404, 404, 10), (599, 599, 2), (200, 299, 4), (500, 599, 1)];
    assert_eq!(ttls, expected.map(|(first, last, seconds)| StatusTtl { first, last, seconds }));
    // Of two for one status the route's general one counts.
    let twice = loaded(&json!({"default_ttl_seconds": 1, "status_ttl_seconds": {"200": 2}}));
    assert_eq!(twice.lifetimes.defaults.first().map(|ttl| ttl.seconds), Some(1));
}

#[test]
fn conditions_name_one_thing_and_maybe_its_value() {
    let route = loaded(&json!({
        "bypass_when": [{"header": "x-preview"}, {"cookie": "admin", "value": "1"}, {"query": "nocache"}],
        "no_store_when": [{"response_header": "x-draft", "value": "yes"}, {"header": "x-debug"}],
    }));
    assert_eq!(
        route.bypass_when,
        [
            condition(Part::Header("x-preview".into()), None),
            condition(Part::Cookie("admin".into()), Some("1")),
            condition(Part::Query("nocache".into()), None),
        ]
    );
    assert_eq!(
        route.storing.except_when,
        [
            condition(Part::ResponseHeader("x-draft".into()), Some("yes")),
            condition(Part::Header("x-debug".into()), None),
        ]
    );
}

#[test]
fn a_route_goes_before_the_defaults_setting_by_setting() {
    let defaults = json!({
        "preset": "rfc9111", "default_ttl_seconds": 60, "tags": ["all"], "store_set_cookie": false,
        "status_ttl_seconds": {"404": 5}, "key_query": {"only": ["page"]}, "enabled": false,
    });
    let route = json!({"default_ttl_seconds": 10, "tags": ["own"], "enabled": true, "store_partial": false});
    let together = load(&route, &defaults).unwrap();
    let expected = loaded(&json!({
        "preset": "rfc9111", "default_ttl_seconds": 10, "tags": ["own"], "store_set_cookie": false,
        "status_ttl_seconds": {"404": 5}, "key_query": {"only": ["page"]}, "enabled": true,
        "store_partial": false,
    }));
    assert_eq!(together, expected);
    assert_eq!(load(&json!({}), &defaults).unwrap(), loaded(&defaults));
    // A preset of the route's own is not undone by what the defaults start from, but by what they set.
    let cautious = load(&json!({"preset": "cautious"}), &json!({"preset": "rfc9111", "store_unfresh": true}));
    assert_eq!(cautious.unwrap(), loaded(&json!({"store_unfresh": true})));
}

#[test]
fn every_setting_may_stand_in_the_defaults() {
    let all = json!({
        "enabled": false, "preset": "rfc9111", "default_ttl_seconds": 1, "status_ttl_seconds": {"404": 1},
        "min_ttl_seconds": 1, "max_ttl_seconds": 2, "keep_stale_seconds": 3, "stale_if_error_seconds": 4,
        "stale_while_revalidate_seconds": 5, "heuristic_freshness": false, "methods": ["GET"],
        "content_types": ["a/b"], "max_entry_bytes": 6, "store_every_status": false, "store_unfresh": false,
        "store_partial": false, "store_set_cookie": false, "store_credentialed": false,
        "ignore_client_directives": true, "bypass_when": [{"query": "q"}], "no_store_when": [{"cookie": "c"}],
        "tags": ["t"], "invalidates": ["i"], "key_headers": ["h"], "key_cookies": ["c"],
        "key_query": {"only": ["q"]}, "key_query_order": true, "key_host": false, "key_prefix": "p",
        "key_template": "{query:q}",
    });
    assert_eq!(load(&json!({}), &all).unwrap(), loaded(&all));
}

#[test]
fn a_mistake_is_named_with_its_path() {
    const STATUS: &str = "expected a status from 200 to 599, or 2xx, 3xx, 4xx or 5xx";
    const ONE_OF: &str = "expected exactly one of header, cookie, query and response_header";
    let cases = [
        (json!({"ttl": 1}), "ttl", "unknown field `ttl`, expected one of `enabled`, `preset`"),
        (json!({"enabled": "yes"}), "enabled", "expected a boolean"),
        (json!({"preset": "bold"}), "preset", "unknown variant `bold`, expected `cautious` or `rfc9111`"),
        (json!({"default_ttl_seconds": -1}), "default_ttl_seconds", "expected u64"),
        (json!({"status_ttl_seconds": {"404": "1h"}}), "status_ttl_seconds.404", "expected u64"),
        (json!({"status_ttl_seconds": {"9xx": 1}}), "status_ttl_seconds.9xx", STATUS),
        (json!({"status_ttl_seconds": {"1xx": 1}}), "status_ttl_seconds.1xx", STATUS),
        (json!({"status_ttl_seconds": {"199": 1}}), "status_ttl_seconds.199", STATUS),
        (json!({"status_ttl_seconds": {"600": 1}}), "status_ttl_seconds.600", STATUS),
        (json!({"status_ttl_seconds": {"ok": 1}}), "status_ttl_seconds.ok", STATUS),
        (json!({"status_ttl_seconds": {"+404": 1}}), "status_ttl_seconds.+404", STATUS),
        (json!({"status_ttl_seconds": {"04xx": 1}}), "status_ttl_seconds.04xx", STATUS),
        (json!({"max_ttl_seconds": 0}), "max_ttl_seconds", "0 is out of range, expected 1 to 31536000"),
        (json!({"max_ttl_seconds": 31_536_001}), "max_ttl_seconds", "expected 1 to 31536000"),
        (
            json!({"min_ttl_seconds": 61, "max_ttl_seconds": 60}),
            "min_ttl_seconds",
            "61 is out of range, expected 0 to 60",
        ),
        (json!({"min_ttl_seconds": 86_401}), "min_ttl_seconds", "expected 0 to 86400"),
        (json!({"keep_stale_seconds": 31_536_001}), "keep_stale_seconds", "expected 0 to 31536000"),
        (json!({"methods": ["HEAD"]}), "methods", "expected GET among them"),
        (json!({"methods": []}), "methods", "expected GET among them"),
        (json!({"methods": ["GET", "POST"]}), "methods[1]", "unknown variant `POST`"),
        (json!({"content_types": ["json"]}), "content_types[0]", "expected a type as application/json"),
        (json!({"content_types": ["text/*", "/json"]}), "content_types[1]", "expected a type"),
        (json!({"content_types": ["text/"]}), "content_types[0]", "expected a type"),
        (json!({"max_entry_bytes": 1.5}), "max_entry_bytes", "expected u64"),
        (json!({"tags": "items"}), "tags", "expected a sequence"),
        (json!({"key_headers": ["a b"]}), "key_headers[0]", "\"a b\" is not the name of a header field"),
        (json!({"key_headers": ["a", ""]}), "key_headers[1]", "\"\" is not the name of a header field"),
        (json!({"key_query": {"sorted": []}}), "key_query", "unknown variant `sorted`"),
        (json!({"key_template": "{page}"}), "key_template", "\"page\" is no place: expected {query:NAME}"),
        (json!({"key_template": "a{query:b"}), "key_template", "is no place"),
        (json!({"bypass_when": [{}]}), "bypass_when[0]", ONE_OF),
        (json!({"bypass_when": [{"value": "1"}]}), "bypass_when[0]", ONE_OF),
        (json!({"bypass_when": [{"query": "a"}, {"header": "a", "cookie": "b"}]}), "bypass_when[1]", ONE_OF),
        (json!({"no_store_when": [{"header": "a", "response_header": "b"}]}), "no_store_when[0]", ONE_OF),
        (
            json!({"bypass_when": [{"response_header": "a"}]}),
            "bypass_when[0]",
            "a request has no response_header",
        ),
        (
            json!({"bypass_when": [{"header": "x y"}]}),
            "bypass_when[0]",
            "expected the name of a header field",
        ),
        (
            json!({"no_store_when": [{"response_header": ""}]}),
            "no_store_when[0]",
            "the name of a header field",
        ),
        (json!({"bypass_when": [{"query": "a"}, {"cookie": ""}]}), "bypass_when[1]", "expected a name"),
        (json!({"bypass_when": [{"query": ""}]}), "bypass_when[0]", "expected a name"),
        (json!({"bypass_when": [{"method": "GET"}]}), "bypass_when[0].method", "unknown field `method`"),
    ];
    for (settings, path, message) in cases {
        let error = load(&settings, &json!({})).unwrap_err();
        assert_eq!(error.path, path, "{settings}: {error}");
        assert!(error.message.contains(message), "{settings}: {error}");
    }
}

#[test]
fn the_schema_is_the_codes() {
    testbed::assert_generated(
        "envoy/schemas/response-cache.route.json",
        &format!("{:#}\n", schemars::schema_for!(Settings).to_value()),
    );
}
