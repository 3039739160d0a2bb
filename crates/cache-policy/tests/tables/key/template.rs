//! Keys by a template of the operator's.

use cache_policy::{
    RoutePolicy,
    key::{self, Coding, KeyParts, Template},
};

use crate::{Lines, test};

fn of(target: &str, template: &str, request: Lines) -> key::Key {
    let template = Template::parse(template).unwrap();
    let parts = KeyParts { template: Some(template), ..KeyParts::default() };
    key::of_request(b"a", target.as_bytes(), Coding::Identity, "r", &parts, request)
}

#[test]
fn rendered() {
    const REQUEST: Lines = &[("X-Tenant", "t;"), ("x-two", "1"), ("x-two", "22"), ("cookie", "lang=de; x=")];
    let table = [
        ("text", "v1", "v1"),
        ("nothing", "", ""),
        ("a parameter", "{query:page}", "{1:2}"),
        ("several of a name", "{query:tag}", "{1:a2:bc}"),
        ("a name that is encoded", "{query:PAGE}", "{1:2}"),
        ("no parameter", "{query:none}", "{}"),
        ("without a value", "{query:flag}", "{0:}"),
        ("a field", "{header:x-tenant}", "{2:t%3B}"),
        ("every line", "{header:x-two}", "{1:12:22}"),
        ("no field", "{header:none}", "{}"),
        ("a cookie", "{cookie:lang}", "{2:de}"),
        ("an empty cookie", "{cookie:x}", "{0:}"),
        ("no cookie", "{cookie:none}", "{}"),
        ("among text", "a{query:page}b{cookie:lang}c", "a{1:2}b{2:de}c"),
        ("text with a colon", "a:b", "a:b"),
        ("a closing brace is text", "a}b", "a}b"),
        ("text that is encoded", "a;=# %", "a%3B%3D%23%20%25"),
    ];
    for (case, template, expected) in table {
        let key = of("/p?page=2&tag=a&flag&tag=bc", template, REQUEST);
        assert_eq!(key.full, format!("GET a/p#identity:r;:key={expected}"), "{case}");
        assert_eq!(key.path_tag.as_deref(), Some("path:a/p"), "{case}");
    }
}

#[test]
fn values_cannot_pass_for_others() {
    let table: &[(&str, &str, [&str; 2], [Lines; 2])] = &[
        (
            "where one ends",
            "{header:a}{header:b}",
            ["/", "/"],
            [&[("a", "12"), ("b", "")], &[("a", "1"), ("b", "2")]],
        ),
        ("absent and empty", "{header:a}", ["/", "/"], [&[], &[("a", "")]]),
        ("one line and two", "{header:a}", ["/", "/"], [&[("a", "1"), ("a", "2")], &[("a", "11:2")]]),
        ("braces", "{header:a}{header:b}", ["/", "/"], [&[("a", "}{1:2")], &[("b", "}{1:2")]]),
        ("text between", "{query:a}-{query:b}", ["/?a=1-&b=2", "/?a=1&b=-2"], [&[], &[]]),
    ];
    for (case, template, targets, requests) in table {
        let [left, right] = [0, 1].map(|index| of(targets[index], template, requests[index]).full);
        assert_ne!(left, right, "{case}");
    }
    let [left, right] = ["/?x=1&a=2", "/?a=2&y=3"].map(|target| of(target, "{query:a}", &[]).full);
    assert_eq!(left, right, "what the template leaves out does not count");
}

#[test]
fn what_is_no_template() {
    let table = [
        ("a place of nothing", "{}", ""),
        ("no name", "{query:}", "query:"),
        ("no kind", "{:a}", ":a"),
        ("another kind", "{method:a}", "method:a"),
        ("kinds have one case", "{Query:a}", "Query:a"),
        ("only a kind", "{query}", "query"),
        ("the second place", "{query:a}{b}", "b"),
        ("a place within another", "{query{header:a}", "query{header:a"),
        ("one that does not end", "{query:a", "{query:a"),
        ("one that does not end behind another", "a{query:a}b{c", "b{c"),
    ];
    for (case, text, place) in table {
        let error = Template::parse(text).unwrap_err();
        assert_eq!(error.place, place, "{case}");
        assert!(
            error.to_string().contains("expected {query:NAME}, {header:NAME} or {cookie:NAME}"),
            "{error}"
        );
    }
    let long = Template::parse(&format!("{{{}}}", "\u{e9}".repeat(1000))).unwrap_err();
    assert_eq!(long.place, "\u{e9}".repeat(64), "no more of it than a person reads");
}

#[test]
fn fields_that_it_reads() {
    let mut route = RoutePolicy::default();
    route.key.template = Some(Template::parse("{query:a}{header:X-B}{cookie:c}").unwrap());
    assert_eq!(route.deciding_fields().collect::<Vec<_>>(), ["X-B", "cookie"]);
}
