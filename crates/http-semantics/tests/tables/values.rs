//! Dates, delta-seconds, media types and Vary.

use http_semantics::{Vary, date, delta_seconds, media_type};

use crate::test;

#[test]
fn dates() {
    let table: &[(&str, Option<u64>)] = &[
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
        ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
        (" Sun, 06 Nov 1994 08:49:37 GMT\t", Some(784_111_777)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
        ("Wed, 31 Dec 1969 23:59:59 GMT", None),
        ("Mon, 06 Nov 1994 08:49:37 GMT", None),
        ("Wed, 31 Feb 2024 00:00:00 GMT", None),
        ("Sun, 06 Nov 1994 24:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("Sun, 06 Nov 1994 08:49:37", None),
        ("784111777", None),
        ("0", None),
        ("-1", None),
        ("", None),
    ];
    for (value, expected) in table {
        assert_eq!(date::parse(value.as_bytes()), *expected, "§5.6.7 {value}");
    }
    assert_eq!(date::parse(b"Sun, 06 Nov 1994 08:49:37 \xff\xff\xff"), None);
    assert_eq!(date::format(784_111_777).as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_eq!(date::format(253_402_300_799).as_deref(), Some("Fri, 31 Dec 9999 23:59:59 GMT"));
    assert_eq!(date::format(253_402_300_800), None);
}

#[test]
fn seconds() {
    for (value, expected) in [
        ("0", Some(0)),
        ("60", Some(60)),
        ("2147483649", Some(delta_seconds::MAX)),
        ("-1", None),
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
