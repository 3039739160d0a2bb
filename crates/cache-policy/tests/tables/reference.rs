//! URI references in responses (RFC 3986 §5).

use cache_policy::reference::resolve;

use crate::test;

#[test]
fn references() {
    let table = [
        ("an absolute path", "/api/items/7", Some("/api/items/7")),
        ("with a query", "/api/items?page=2", Some("/api/items?page=2")),
        ("a URI of the same authority", "https://Shop.example/x?y#z", Some("/x?y")),
        ("the other scheme", "HTTP://shop.EXAMPLE/x", Some("/x")),
        ("without a path", "http://shop.example", Some("/")),
        ("without a path, with a query", "http://shop.example?a", Some("/?a")),
        ("of no scheme", "//shop.example/x", Some("/x")),
        ("another authority", "https://other.example/x", None),
        ("another port", "https://shop.example:81/x", None),
        ("an authority that only begins alike", "//shop.example.evil/x", None),
        ("somebody's name before it", "//shop.example@evil/x", None),
        ("another scheme", "mailto:someone", None),
        ("another scheme with an authority", "ftp://shop.example/x", None),
        ("relative to the folder", "7", Some("/api/items/7")),
        ("a colon after a slash is no scheme", "a/b:c", Some("/api/items/a/b:c")),
        ("up", "../stats", Some("/api/stats")),
        ("up beyond the root", "../../../../x", Some("/x")),
        ("here", ".", Some("/api/items/")),
        ("the folder above", "..", Some("/api/")),
        ("dots within", "/a/./b/../c", Some("/a/c")),
        ("only a query", "?page=2", Some("/api/items/new?page=2")),
        ("only a fragment", "#top", Some("/api/items/new?q=1")),
        ("nothing", "", Some("/api/items/new?q=1")),
        ("dots in a query stay", "/a?b=/../c", Some("/a?b=/../c")),
        ("a scheme-like query", "x?u=http://y", Some("/api/items/x?u=http://y")),
    ];
    for (case, reference, expected) in table {
        let found = resolve(reference.as_bytes(), b"shop.example", b"/api/items/new?q=1");
        assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{case}: {reference}");
    }
}
