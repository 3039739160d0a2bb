//! Keys of requests: what a route adds to them, and leaves out of them.

use cache_policy::key::{self, Coding, KeyParts};
use http_semantics::ContentCoding;

use crate::{Lines, strings, test};

fn of(target: &str, route: &str, parts: &KeyParts, request: Lines) -> key::Key {
    key::of_request(
        b"Shop.Example",
        target.as_bytes(),
        Coding::Encoded(ContentCoding::Gzip),
        route,
        parts,
        request,
    )
}

#[test]
fn fields() {
    let table: &[(&str, &[&str], Lines, &str)] = &[
        ("no fields in the key", &[], &[("x-tenant", "a")], ""),
        ("one", &["x-tenant"], &[("X-Tenant", "b")], ";x-tenant=b"),
        ("names in lower case", &["X-Tenant"], &[("x-tenant", "B")], ";x-tenant=B"),
        ("in the route's order", &["b", "a"], &[("a", "1"), ("b", "2")], ";b=2;a=1"),
        ("absent", &["a", "b"], &[("b", "2")], ";a;b=2"),
        ("empty is not absent", &["a", "b"], &[("a", ""), ("b", "2")], ";a=;b=2"),
        ("every line counts", &["a"], &[("a", "1"), ("a", "2")], ";a=1;a=2"),
        ("lines are not a list", &["a"], &[("a", "1,2")], ";a=1,2"),
        ("no value forges a part", &["a"], &[("a", "1;b=2#%")], ";a=1%3Bb%3D2%23%25"),
        ("no value forges a variant", &["a"], &[("a", ";;b")], ";a=%3B%3Bb"),
        ("bytes outside visible ASCII", &["a"], &[("a", "\u{e9} \t")], ";a=%C3%A9%20%09"),
    ];
    for (case, names, request, expected) in table {
        let parts = KeyParts { headers: strings(names), ..KeyParts::default() };
        let key = of("/", "r", &parts, request);
        assert_eq!(key.full, format!("GET shop.example/#gzip:r{expected}"), "{case}");
        assert_eq!(key.path_tag, None, "{case}");
        assert_eq!(invalidation::primary_key(&key.full), "GET shop.example/", "{case}");
    }
    for (route, expected) in [("", ""), ("r;a=1", "r%3Ba%3D1"), ("r s", "r%20s")] {
        let key = of("/", route, &KeyParts::default(), &[]);
        assert_eq!(key.full, format!("GET shop.example/#gzip:{expected}"), "route {route:?}");
    }
    assert_eq!(invalidation::primary_key("GET a/"), "GET a/", "a primary key is its own");
}

#[test]
fn cookies() {
    let table: &[(&str, &[&str], Lines, &str)] = &[
        ("one of several", &["lang"], &[("cookie", "a=1; lang=de; b=2")], ";cookie:lang=de"),
        ("on another line", &["lang"], &[("cookie", "a=1"), ("Cookie", "lang=de")], ";cookie:lang=de"),
        ("the first of a name", &["a"], &[("cookie", "a=1; a=2")], ";cookie:a=1"),
        ("absent", &["a"], &[("cookie", "b=1")], ";cookie:a"),
        ("empty is not absent", &["a"], &[("cookie", "a=")], ";cookie:a="),
        ("their case counts", &["Lang"], &[("cookie", "lang=de; Lang=en")], ";cookie:Lang=en"),
        ("in the route's order", &["b", "a"], &[("cookie", "a=1; b=2")], ";cookie:b=2;cookie:a=1"),
        ("no value forges a part", &["a", "b"], &[("cookie", "a=1=2#%;b=\u{e9}")], {
            ";cookie:a=1%3D2%23%25;cookie:b=%C3%A9"
        }),
        ("no field of that name", &["a"], &[("a", "1"), ("cookie:a", "2")], ";cookie:a"),
    ];
    for (case, names, request, expected) in table {
        let parts = KeyParts { cookies: strings(names), ..KeyParts::default() };
        assert_eq!(
            of("/", "r", &parts, request).full,
            format!("GET shop.example/#gzip:r{expected}"),
            "{case}"
        );
    }
}

#[test]
fn hosts_and_prefixes() {
    let with = |change: fn(&mut KeyParts)| {
        let mut parts = KeyParts::default();
        change(&mut parts);
        parts
    };
    let all = |parts: &mut KeyParts| parts.without_host = true;
    let table = [
        ("as it is", KeyParts::default(), "/p?b&a", "GET shop.example/p?a&b#gzip:r", None),
        ("all hosts share it", with(all), "/p?b&a", "GET */p?a&b#gzip:r", Some("path:*/p")),
        ("no query", with(all), "/p", "GET */p#gzip:r", Some("path:*/p")),
        ("no query is not an empty one", with(all), "/p?", "GET */p?#gzip:r", Some("path:*/p")),
        (
            "set apart",
            with(|parts| parts.prefix = Some("v2;a=#".to_owned())),
            "/p",
            "GET shop.example/p#gzip:r;:prefix=v2%3Ba%3D%23",
            None,
        ),
        (
            "by an empty one",
            with(|parts| parts.prefix = Some(String::new())),
            "/",
            "GET shop.example/#gzip:r;:prefix=",
            { None },
        ),
        (
            "all at once",
            with(|parts| {
                parts.headers = strings(&["a"]);
                parts.cookies = strings(&["b"]);
                parts.keeps_query_order = true;
                parts.prefix = Some("c".to_owned());
            }),
            "/p?z&y",
            "GET shop.example/p?y&z#gzip:r;a;cookie:b;:query=z&y;:prefix=c",
            None,
        ),
    ];
    for (case, parts, target, full, path_tag) in table {
        let key = of(target, "r", &parts, &[]);
        assert_eq!((key.full.as_str(), key.path_tag.as_deref()), (full, path_tag), "{case}");
    }
}
