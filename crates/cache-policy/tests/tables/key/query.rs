//! Which parameters of a query are part of the key, and whether their order is.

use cache_policy::key::{
    self, Coding, KeyParts,
    Query::{self, All, Except, Only},
};

use crate::{Lines, strings, test};

fn of(target: &str, query: &Query, keeps_query_order: bool) -> key::Key {
    const NONE: Lines = &[];
    let parts = KeyParts { query: query.clone(), keeps_query_order, ..KeyParts::default() };
    key::of_request(b"a", target.as_bytes(), Coding::Identity, "r", &parts, NONE)
}

#[test]
fn parameters() {
    let only = |names: &[&str]| Only(strings(names));
    let except = |names: &[&str]| Except(strings(names));
    let table = [
        ("all", All, "/p?b=2&a=1", "/p?a=1&b=2"),
        ("these", only(&["b"]), "/p?b=2&a=1", "/p?b=2"),
        ("these, sorted", only(&["b", "a"]), "/p?b=2&c=3&a=1", "/p?a=1&b=2"),
        ("every one of a name", only(&["a"]), "/p?a=2&b=1&a=1", "/p?a=2&a=1"),
        ("none of these", only(&["c"]), "/p?b=2&a=1", "/p"),
        ("these of no query", only(&["a"]), "/p", "/p"),
        ("these of an empty query", only(&["a"]), "/p?", "/p"),
        ("these at all", only(&[]), "/p?a=1", "/p"),
        ("no part of a name", only(&["a"]), "/p?aa=1&ba=2", "/p"),
        ("a name in another case", only(&["Page"]), "/p?PAGE=1", "/p?PAGE=1"),
        ("a name that is encoded", only(&["page"]), "/p?%70age=1", "/p?%70age=1"),
        ("a name with a space", only(&["a b"]), "/p?a+b=1&a%20b=2", "/p?a+b=1&a%20b=2"),
        ("without a value", only(&["a"]), "/p?a&b", "/p?a"),
        ("names that begin so", only(&["f_*"]), "/p?f_a=1&f=2&F_b=3", "/p?f_a=1&F_b=3"),
        ("but these", except(&["a"]), "/p?b=2&a=1&c=3", "/p?b=2&c=3"),
        ("but all of them", except(&["a", "b"]), "/p?b=2&a=1", "/p"),
        ("but none of them", except(&["c"]), "/p?b=2&a=1", "/p?a=1&b=2"),
        ("but names that begin so", except(&["utm_*"]), "/p?utm_source=x&utm=1&UTM_id=y", "/p?utm=1"),
        ("but one that is encoded", except(&["utm_*"]), "/p?%75tm_source=x&a=1", "/p?a=1"),
        ("but all", except(&["*"]), "/p?a=1&b=2", "/p"),
        ("a value that looks like a name", except(&["a"]), "/p?b=a&c=a=1", "/p?b=a&c=a=1"),
    ];
    for (case, query, target, expected) in table {
        let key = of(target, &query, false);
        assert_eq!(key.full, format!("GET a{expected}#identity:r"), "{case}");
        let path_tag = (query != All).then(|| "path:a/p".to_owned());
        assert_eq!(key.path_tag, path_tag, "{case}: an invalidation of the URL finds it");
    }
}

#[test]
fn order() {
    let table = [
        ("as it stands", All, "/p?b=2&a=1", "/p?a=1&b=2#identity:r;:query=b=2&a=1"),
        ("sorted already", All, "/p?a=1&b=2", "/p?a=1&b=2#identity:r;:query=a=1&b=2"),
        ("no query", All, "/p", "/p#identity:r"),
        ("an empty one", All, "/p?", "/p?#identity:r;:query="),
        ("of these", Only(strings(&["b", "a"])), "/p?b&x&a", "/p?a&b#identity:r;:query=b&a"),
        ("but these", Except(strings(&["x"])), "/p?b&x&a", "/p?a&b#identity:r;:query=b&a"),
        ("of nothing", Only(strings(&["c"])), "/p?b&x&a", "/p#identity:r"),
    ];
    for (case, query, target, expected) in table {
        let expected = expected.replace(":query=b=2&a=1", ":query=b%3D2&a%3D1");
        let expected = expected.replace(":query=a=1&b=2", ":query=a%3D1&b%3D2");
        assert_eq!(of(target, &query, true).full, format!("GET a{expected}"), "{case}");
    }
}
