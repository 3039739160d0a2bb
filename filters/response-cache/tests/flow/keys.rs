//! What a route makes part of its keys, and by what a key that leaves something out is found.

use crate::support::*;
use serde_json::{Value, json};

type Fields<'a> = &'a [(&'a str, &'a str)];

/// The key of a GET on a route with these settings, and the tags under which its response is stored.
fn stored_under(route: &Value, path: &str, more: Fields<'_>) -> (String, Vec<String>) {
    let proxy = leased_proxy();
    settings(route);
    let request = [&[(":method", "GET"), (":authority", "Shop.Example"), (":path", path)], more].concat();
    let mut stream = proxy.stream();
    stream.request(&request, b"");
    answer_miss(&mut stream);
    stream.response_headers(&ok(&[("cache-control", "max-age=60")]), true);
    let entry = stored(&proxy);
    (entry.key, entry.tags)
}

#[test]
fn a_route_says_what_makes_keys_of_their_own() {
    let only = json!({"key_query": {"only": ["page"]}});
    let except = json!({"key_query": {"except": ["utm_*", "fbclid"]}});
    let cases: [(Value, &str, Fields<'_>, &str, Option<&str>); 14] = [
        (json!({}), "/a?b=2&a=1", &[], "shop.example/a?a=1&b=2#identity:items", None),
        (
            only.clone(),
            "/a?x=1&page=2",
            &[],
            "shop.example/a?page=2#identity:items",
            Some("path:shop.example/a"),
        ),
        (only.clone(), "/a?x=1", &[], "shop.example/a#identity:items", Some("path:shop.example/a")),
        (only, "/a", &[], "shop.example/a#identity:items", Some("path:shop.example/a")),
        (
            except.clone(),
            "/a?utm_source=x&b=1&fbclid=9",
            &[],
            "shop.example/a?b=1#identity:items",
            Some("path:shop.example/a"),
        ),
        (except, "/a?UTM_medium=x", &[], "shop.example/a#identity:items", Some("path:shop.example/a")),
        (
            json!({"key_query_order": true}),
            "/a?b=2&a=1",
            &[],
            "shop.example/a?a=1&b=2#identity:items;:query=b%3D2&a%3D1",
            None,
        ),
        (json!({"key_host": false}), "/a?b=1", &[], "*/a?b=1#identity:items", Some("path:*/a")),
        (
            json!({"key_host": false, "key_query": {"only": []}}),
            "/a?b=1",
            &[],
            "*/a#identity:items",
            Some("path:*/a"),
        ),
        (json!({"key_prefix": "v;2"}), "/a", &[], "shop.example/a#identity:items;:prefix=v%3B2", None),
        (
            json!({"key_headers": ["X-Tenant"]}),
            "/a",
            &[("x-tenant", "7")],
            "shop.example/a#identity:items;x-tenant=7",
            None,
        ),
        (
            json!({"key_cookies": ["lang", "cart"], "store_credentialed": true}),
            "/a",
            &[("cookie", "id=1; lang=de")],
            "shop.example/a#identity:items;cookie:lang=de;cookie:cart",
            None,
        ),
        (
            json!({"key_template": "p{query:page}{header:x-tenant}"}),
            "/a?page=2&x=1",
            &[("x-tenant", "7")],
            "shop.example/a#identity:items;:key=p{1:2}{1:7}",
            Some("path:shop.example/a"),
        ),
        (
            json!({"key_template": "p{query:page}{header:x-tenant}"}),
            "/a?page=2%7D%7B1:7",
            &[],
            "shop.example/a#identity:items;:key=p{10:2%257D%257B1:7}{}",
            Some("path:shop.example/a"),
        ),
    ];
    for (route, path, more, key, tag) in cases {
        let (stored_key, tags) = stored_under(&route, path, more);
        assert_eq!(stored_key, format!("GET {key}"), "{route} {path}");
        assert_eq!(tags, tag.into_iter().collect::<Vec<_>>(), "{route} {path}");
    }
}

#[test]
fn the_tag_of_the_path_stands_behind_the_others() {
    let route = json!({"key_host": false, "tags": ["items"]});
    assert_eq!(stored_under(&route, "/a", &[]).1, ["items", "path:*/a"]);
}

#[test]
fn an_invalidation_of_any_of_its_urls_finds_what_leaves_something_out() {
    let next = invalidation::Position { seq: 8, ..POSITION };
    for (route, key, is_hit) in [
        (json!({"key_query": {"only": ["b"]}}), "GET shop.example/api/items?a=1&b=2", true),
        (json!({"key_query": {"only": ["b"]}}), "GET shop.example/api/items", true),
        (json!({"key_query": {"only": ["b"]}}), "GET shop.example/api/items?b=9", true),
        (json!({"key_query": {"only": ["b"]}}), "GET shop.example/api/item", false),
        (json!({"key_host": false}), "GET other.example/api/items?a=1&b=2", true),
        (json!({}), "GET shop.example/api/items", false),
    ] {
        let vary =
            [&[("cache-control", "max-age=60")][..], &[("cache-control", "max-age=60"), ("vary", "accept")]];
        for response in vary {
            let proxy = leased_proxy();
            settings(&route);
            fetched(&proxy, &[], &ok(response), "old");
            answer_poll(&proxy, next, false, &format!(r#"[{{"seq":8,"kind":"key","value":"{key}"}}]"#));
            proxy.stream().request(GET, b"");
            assert_eq!(reply().is_none(), is_hit, "{route} {key} {response:?}");
        }
    }
}

#[test]
fn a_marker_of_variants_is_found_by_the_tag_of_the_path_too() {
    let proxy = leased_proxy();
    settings(&json!({"key_host": false, "tags": ["items"], "default_ttl_seconds": 300}));
    fetched(&proxy, &[], &ok(&[("vary", "accept")]), "x");
    assert_eq!(stored(&proxy).tags, ["items", "path:*/api/items"]);
    assert_eq!(stored(&proxy).tags, ["path:*/api/items"]);
}
