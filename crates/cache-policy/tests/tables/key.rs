//! Primary and full keys, and what goes into them.

use cache_policy::key::{self, Coding};
use compression_policy::Codings;
use http_semantics::ContentCoding;

use crate::{Lines, test};

mod query;
mod request;
mod template;

#[test]
fn primary_keys() {
    let table = [
        (
            "the documented one",
            "GET",
            "Shop.Example",
            "/api/items?page=2&category=tools",
            "GET shop.example/api/items?category=tools&page=2",
        ),
        ("HEAD shares GET's", "HEAD", "a", "/", "GET a/"),
        ("a method is case-sensitive (RFC 9110 §9.1)", "get", "a", "/", "get a/"),
        ("other methods have their own", "POST", "a", "/", "POST a/"),
        ("a port is part of the authority", "GET", "A:8080", "/", "GET a:8080/"),
        ("a path is case-sensitive (RFC 9110 §4.2.3)", "GET", "a", "/B", "GET a/B"),
        ("no query is not an empty one", "GET", "a", "/p?", "GET a/p?"),
        ("empty parameters are kept", "GET", "a", "/p?b=1&&a=1&", "GET a/p?&&a=1&b=1"),
        ("a parameter without = is not an empty one", "GET", "a", "/p?b=&a", "GET a/p?a&b="),
        ("parameters of one name keep their order", "GET", "a", "/p?b=2&b=1&a=0", "GET a/p?a=0&b=2&b=1"),
        ("a name that begins another comes first", "GET", "a", "/p?aa=1&a=2", "GET a/p?a=2&aa=1"),
        ("one name, percent-encoded", "GET", "a", "/p?b=1&%62=2&a=3&%61=4", "GET a/p?a=3&%61=4&b=1&%62=2"),
        ("one name, in another case", "GET", "a", "/p?b=1&B=2&%42=0&a=3", "GET a/p?a=3&b=1&B=2&%42=0"),
        ("one name, with a space", "GET", "a", "/p?b+c=2&b%20c=1&a", "GET a/p?a&b+c=2&b%20c=1"),
        (
            "a broken percent-encoding stands for itself",
            "GET",
            "a",
            "/p?%6=1&%=2&%zz=3",
            "GET a/p?%=2&%6=1&%zz=3",
        ),
        ("percent-encoding is kept as it is", "GET", "a", "/%7e%2F?%41=%e9", "GET a/%7e%2F?%41=%e9"),
        ("a second ? belongs to the query", "GET", "a", "/p?b?c&a", "GET a/p?a&b?c"),
        ("an authority cannot reach into the path", "GET", "a/b?c#d%", "/", "GET a%2fb%3fc%23d%25/"),
        ("what may not stand in a URI", "GET", "a b", "/\u{e9} #\"?\n#", "GET a%20b/%C3%A9%20%23\"?%0A%23"),
    ];
    for (case, method, authority, path, expected) in table {
        let key = key::primary(method.as_bytes(), authority.as_bytes(), path.as_bytes());
        assert_eq!(key, expected, "{case}");
    }
}

#[test]
fn codings() {
    let table: &[(&str, Lines, Coding, &str)] = &[
        ("no field", &[], Coding::Identity, "identity"),
        ("gzip", &[("Accept-Encoding", "gzip, br")], Coding::Encoded(ContentCoding::Gzip), "gzip"),
        (
            "the one that is preferred here",
            &[("accept-encoding", "gzip, br, zstd")],
            { Coding::Encoded(ContentCoding::Zstd) },
            "zstd",
        ),
        (
            "the one that the client prefers",
            &[("accept-encoding", "gzip;q=0.1, br, zstd;q=0.9")],
            { Coding::Encoded(ContentCoding::Br) },
            "br",
        ),
        ("gzip refused", &[("accept-encoding", "gzip;q=0")], Coding::Identity, "identity"),
        ("another", &[("accept-encoding", "lzma")], Coding::Identity, "identity"),
        (
            "opted out",
            &[("accept-encoding", "gzip"), ("X-No-Compression", "")],
            Coding::NoCompression,
            "no-compression",
        ),
    ];
    for (case, request, expected, word) in table {
        let coding = Coding::of_request(*request, &Codings::default());
        assert_eq!((coding, coding.as_str()), (*expected, *word), "{case}");
    }
}

#[test]
fn valid_targets() {
    for (target, expected) in [
        ("/", true),
        ("/a%20b?c=d&e", true),
        ("/a\"<>\\^`{|}", true),
        ("", false),
        ("*", false),
        ("http://a/", false),
        ("/a b", false),
        ("/a#b", false),
        ("/a\u{e9}", false),
        ("/a\u{7f}", false),
        ("/a\n", false),
    ] {
        assert_eq!(key::is_valid_target(target.as_bytes()), expected, "RFC 3986 §3.3 {target:?}");
    }
}
