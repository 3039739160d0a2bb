//! Conditions on requests and responses.

use cache_policy::{
    Condition,
    condition::Part::{self, Cookie, Header, Query, ResponseHeader},
};

use crate::{Lines, test};

#[test]
fn conditions() {
    const REQUEST: Lines = &[
        (":path", "/p?a=1&b=&c&a=2&%44=3&e=%31"),
        ("X-A", "1"),
        ("x-a", "2"),
        ("x-empty", ""),
        ("cookie", "a=1; b=2"),
        ("cookie", "a=3"),
    ];
    const RESPONSE: Lines = &[("X-A", "9"), ("cookie", "z=1")];
    let table: &[(&str, fn(String) -> Part, &str, Option<&str>, bool)] = &[
        ("a field", Header, "x-a", None, true),
        ("a field, whatever its case", Header, "X-a", None, true),
        ("no field", Header, "x-b", None, false),
        ("one of the response", Header, "x-a", Some("9"), false),
        ("its value", Header, "x-a", Some("1"), true),
        ("its value on another line", Header, "x-a", Some("2"), true),
        ("another value", Header, "x-a", Some("12"), false),
        ("an empty field", Header, "x-empty", None, true),
        ("an empty value", Header, "x-empty", Some(""), true),
        ("an empty value of one that has another", Header, "x-a", Some(""), false),
        ("a cookie", Cookie, "a", None, true),
        ("a cookie's value", Cookie, "b", Some("2"), true),
        ("of two cookies of a name the first", Cookie, "a", Some("3"), false),
        ("cookies differ by case", Cookie, "A", None, false),
        ("one of the response", Cookie, "z", None, false),
        ("a parameter", Query, "a", None, true),
        ("its value", Query, "a", Some("1"), true),
        ("its second value", Query, "a", Some("2"), true),
        ("another value", Query, "a", Some("3"), false),
        ("an empty value", Query, "b", Some(""), true),
        ("no value is an empty one", Query, "c", Some(""), true),
        ("no parameter", Query, "p", None, false),
        ("a name that is encoded", Query, "d", Some("3"), true),
        ("a value as it stands", Query, "e", Some("%31"), true),
        ("a value as it stands", Query, "e", Some("1"), false),
        ("a field of the response", ResponseHeader, "x-a", Some("9"), true),
        ("a field of the request", ResponseHeader, "x-empty", None, false),
    ];
    let none: Option<&Lines> = None;
    for (case, part, name, value, expected) in table {
        let condition = Condition { part: part(name.to_string()), value: value.map(String::from) };
        assert_eq!(condition.holds(REQUEST, Some(RESPONSE)), *expected, "{case}: {condition:?}");
        let is_of_request = !matches!(condition.part, ResponseHeader(_));
        assert_eq!(condition.holds(REQUEST, none), *expected && is_of_request, "{case}: before the response");
        assert!(!condition.holds(&[("", "")], none), "{case}: without anything");
    }
}
