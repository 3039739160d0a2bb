//! What is remembered from one request to the next is the same as what would be found out anew.

use crate::support::*;
use serde_json::json;
use slipstream_host::Property;
use slipstream_host::double::{advance_ms, set_property, set_route, with};

const ROUTES_BY_FIELDS: &str = r#"{"companion": {"cluster": "companion"}, "route_fields": ["x-canary"]}"#;

/// The key that a request is looked up under at the companion; none if it bypasses the cache.
fn key_of(proxy: &Proxy, more: &[(&str, &str)]) -> Option<String> {
    proxy.stream().request(&[GET, more].concat(), b"");
    find_callout("GET /v1/responses").map(|lookup| lookup.header("slipstream-key").unwrap().to_owned())
}

#[test]
fn every_field_of_the_key_still_makes_keys_of_its_own() {
    for config in [CONFIG, ROUTES_BY_FIELDS] {
        let proxy = leased_proxy_with(config);
        set_route("slipstream.response-cache", &json!({"key_headers": ["accept-language", "authorization"]}));
        for _ in 0..2 {
            for (field, value, end) in [
                ("accept-language", "de", ";accept-language=de;authorization"),
                ("accept-language", "fr", ";accept-language=fr;authorization"),
                ("authorization", "me", ";accept-language;authorization=me"),
                ("x-request-id", "7", ";accept-language;authorization"),
            ] {
                let key = key_of(&proxy, &[(field, value)]).unwrap();
                assert_eq!(key.strip_prefix(KEY), Some(end), "{field}: {value}");
            }
            let gzip = key_of(&proxy, &[("accept-encoding", "gzip")]).unwrap();
            assert!(gzip.contains("#gzip:"), "{gzip}");
            assert_eq!(key_of(&proxy, &[("cookie", "a=b")]), None);
            assert_eq!(key_of(&proxy, &[("cache-control", "no-store")]), None);
        }
    }
}

#[test]
fn another_route_is_another_key() {
    let route_of = |proxy: &Proxy, more: &[(&str, &str)], route: &str| {
        set_property(Property::ROUTE_NAME, route.as_bytes());
        key_of(proxy, more).unwrap().split_once("#identity:").unwrap().1.to_owned()
    };
    let canary: &[(&str, &str)] = &[("x-canary", "1")];
    let proxy = leased_proxy();
    for route in ["a", "b", "a"] {
        assert_eq!(route_of(&proxy, &[], route), route, "Envoy is asked every time");
    }
    let proxy = leased_proxy_with(ROUTES_BY_FIELDS);
    assert_eq!(route_of(&proxy, &[], "a"), "a");
    assert_eq!(route_of(&proxy, canary, "b"), "b");
    assert_eq!((route_of(&proxy, &[], "c"), route_of(&proxy, canary, "c")), ("a".into(), "b".into()));
    // Routes may change: what is remembered of them is not kept for long.
    advance_ms(1_000);
    assert_eq!((route_of(&proxy, &[], "c"), route_of(&proxy, canary, "d")), ("c".into(), "d".into()));
}

#[test]
fn settings_that_change_are_heeded() {
    for config in [CONFIG, ROUTES_BY_FIELDS] {
        let proxy = leased_proxy_with(config);
        assert!(key_of(&proxy, &[]).is_some());
        set_route("slipstream.response-cache", &json!({"enabled": false}));
        assert!(key_of(&proxy, &[]).is_some(), "{config}: they are read once a second");
        advance_ms(1_000);
        assert_eq!(key_of(&proxy, &[]), None, "{config}");
    }
}

#[test]
fn a_host_that_does_not_tell_the_route_is_asked_again() {
    for config in [CONFIG, ROUTES_BY_FIELDS] {
        let proxy = leased_proxy_with(config);
        with(|host| host.failing.insert("get_property"));
        assert_eq!(key_of(&proxy, &[]), None, "{config}");
        with(|host| host.failing.clear());
        assert!(key_of(&proxy, &[]).is_some(), "{config}");
    }
}
