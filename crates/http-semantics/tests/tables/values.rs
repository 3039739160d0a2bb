//! Delta-seconds, media types, cookies and Vary.

use http_semantics::{Vary, cookie, delta_seconds, media_type};

use crate::test;

#[test]
fn seconds() {
    for (value, expected) in [
        ("0", Some(0)),
        ("60", Some(60)),
        ("2147483649", Some(delta_seconds::MAX)),
        ("2147483648", Some(delta_seconds::MAX)),
        ("2147483647", Some(delta_seconds::MAX - 1)),
        ("-1", None),
        ("+1", None),
        ("1.0", None),
        ("1 ", None),
        ("", None),
    ] {
        assert_eq!(delta_seconds::parse(value.as_bytes()), expected, "RFC 9111 §1.2.2 {value}");
    }
}

#[test]
fn media_types() {
    for (value, essence) in [
        ("text/html", "text/html"),
        ("Text/HTML ; charset=utf-8", "Text/HTML"),
        (r#"text/html;a=";""#, "text/html"),
        ("", ""),
        (";", ""),
    ] {
        assert_eq!(media_type::essence(value.as_bytes()), essence.as_bytes(), "§8.3.1 {value}");
    }
    assert!(media_type::is(b"Text/HTML; charset=utf-8", "text/html"));
    assert!(!media_type::is(b"text/html5", "text/html"));
}

#[test]
fn media_ranges() {
    for (value, range, expected) in [
        ("text/html", "text/html", true),
        ("Text/HTML; charset=utf-8", "text/html", true),
        ("text/html", "TEXT/*", true),
        ("text/html; a=b", "text/*", true),
        ("image/png", "*/*", true),
        ("", "*/*", true),
        ("", "text/*", false),
        ("text", "text/*", false),
        ("textual/html", "text/*", false),
        ("application/json", "text/*", false),
        ("text/html5", "text/html", false),
        ("application/problem+json", "application/json", false),
        ("application/vnd.api", "application/vnd*", true),
    ] {
        assert_eq!(media_type::is_within(value.as_bytes(), range), expected, "§12.5.1 {value} in {range}");
    }
}

#[test]
fn cookies() {
    let table: &[(&str, &[&str], Option<&str>)] = &[
        ("no field", &[], None),
        ("the only one", &["a=1"], Some("1")),
        ("§5.4 among others", &["b=2; a=1; c=3"], Some("1")),
        ("without spaces", &["b=2;a=1;c=3"], Some("1")),
        ("RFC 9113 §8.2.3 on a line of its own", &["b=2", "a=1"], Some("1")),
        ("§5.4 the first", &["a=1; a=2", "a=3"], Some("1")),
        ("empty", &["a="], Some("")),
        ("without a value", &["a; b=2"], Some("")),
        ("§5.2 only the first = divides", &["a=1=2"], Some("1=2")),
        ("quotes are part of the value", &[r#"a="1""#], Some(r#""1""#)),
        ("a quote does not hide a semicolon", &[r#"b="2; a=1"#], Some("1")),
        ("a comma divides nothing", &["b=2, a=1"], None),
        ("names differ by case", &["A=1"], None),
        ("no part of a name", &["aa=1; ba=2"], None),
        ("not in a value", &["b=a=1"], None),
    ];
    for (case, lines, expected) in table {
        let fields: Vec<_> = lines.iter().map(|line| ("Cookie", line)).collect();
        assert_eq!(cookie::value(&fields, "a"), expected.map(str::as_bytes), "RFC 6265: {case}");
    }
    assert_eq!(cookie::value(&[("set-cookie", "a=1")], "a"), None, "what a response sets is no cookie yet");
}

#[test]
fn vary() {
    let names = |names: &[&str]| Vary::Names(names.iter().map(ToString::to_string).collect());
    let table: &[(&[&str], Vary)] = &[
        (&[], names(&[])),
        (&["Accept-Encoding"], names(&["accept-encoding"])),
        (&["a, B", "c"], names(&["a", "b", "c"])),
        (&["*"], Vary::Any),
        (&["a, *"], Vary::Any),
        (&["a", "*"], Vary::Any),
        (&["**"], names(&["**"])),
    ];
    for (lines, expected) in table {
        let fields: Vec<_> = lines.iter().map(|line| ("vary", line)).collect();
        assert_eq!(Vary::parse(&fields), *expected, "§12.5.5 {lines:?}");
    }
}
