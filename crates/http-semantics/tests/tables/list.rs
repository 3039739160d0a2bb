//! Comma-separated values (RFC 9110 §5.6).

use http_semantics::list;

use crate::test;

#[test]
fn members_of_lines() {
    let table: &[(&str, &[&str], &[&str])] = &[
        ("§5.6.1.2 empty members", &["a,, b ,", ",", ""], &["a", "b"]),
        ("§5.6.1 several lines", &["a, b", "c"], &["a", "b", "c"]),
        ("§5.6.3 tabs are whitespace", &["\ta\t,\t b"], &["a", "b"]),
        ("§5.6.4 comma in a quoted string", &[r#"a="x, y", b"#], &[r#"a="x, y""#, "b"]),
        ("§5.6.4 escaped quote", &[r#"a="x\", y", b"#], &[r#"a="x\", y""#, "b"]),
        ("§5.6.4 escaped backslash", &[r#""x\\", b"#], &[r#""x\\""#, "b"]),
        ("§5.6.4 a backslash outside quotes is a character", &[r"a\, b"], &[r"a\", "b"]),
        ("unterminated quoted string", &[r#"a, "b, c"#], &["a", r#""b, c"#]),
        ("quotes do not reach over lines", &[r#""a"#, "b"], &[r#""a"#, "b"]),
    ];
    for (case, lines, expected) in table {
        let fields: Vec<_> = lines.iter().map(|line| ("X-List", line)).collect();
        let members: Vec<_> = list::members(&fields, "x-list").map(String::from_utf8_lossy).collect();
        assert_eq!(members, *expected, "{case}");
    }
}

#[test]
fn parts_of_members() {
    let parts: Vec<_> = list::parameters(br#"text/html ; charset="a;b"; q=1"#).collect();
    assert_eq!(parts, [&b"text/html"[..], br#"charset="a;b""#, b"q=1"], "§5.6.6");
    assert_eq!(list::name_value(b"a = b=c"), (&b"a"[..], Some(&b"b=c"[..])));
    assert_eq!(list::name_value(b"a="), (&b"a"[..], Some(&b""[..])));
    assert_eq!(list::name_value(b"a"), (&b"a"[..], None));
}

#[test]
fn quoted_strings() {
    for (value, meaning) in [
        ("a", "a"),
        (r#""a b""#, "a b"),
        (r#""a\"\\b""#, r#"a"\b"#),
        (r#""a"#, "a"),
        (r#"""#, ""),
        (r#""""#, ""),
    ] {
        assert_eq!(list::unquote(value.as_bytes()), meaning.as_bytes(), "§5.6.4 {value}");
    }
}
