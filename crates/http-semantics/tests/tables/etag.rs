//! Entity tags (RFC 9110 §8.8.3, §13.1.2).

use http_semantics::{
    EntityTag,
    etag::{IfNoneMatch, if_none_match, tags},
};

use crate::test;

#[test]
fn parsing() {
    let table: &[(&str, Option<(bool, &str)>)] = &[
        (r#""abc""#, Some((false, "abc"))),
        (r#"W/"abc""#, Some((true, "abc"))),
        (r#" "abc" "#, Some((false, "abc"))),
        (r#""""#, Some((false, ""))),
        (r#""a\""#, Some((false, r"a\"))),
        (r#""a,b""#, Some((false, "a,b"))),
        ("\"\u{e9}\"", Some((false, "\u{e9}"))),
        (r#"w/"abc""#, None),
        (r#"W/ "abc""#, None),
        ("abc", None),
        (r#""abc"#, None),
        (r#""a"b""#, None),
        (r#""a b""#, None),
        (r#"""#, None),
        ("", None),
        ("*", None),
    ];
    for (value, expected) in table {
        let tag = EntityTag::parse(value.as_bytes());
        let expected = expected.map(|(weak, opaque)| EntityTag { weak, opaque: opaque.as_bytes() });
        assert_eq!(tag, expected, "§8.8.3 {value}");
        if let Some(tag) = tag {
            assert_eq!(tag.to_bytes(), value.trim().as_bytes(), "{value} written again");
            assert_eq!(EntityTag::parse(&tag.to_weak().to_bytes()), Some(tag.to_weak()), "{value} made weak");
        }
    }
}

#[test]
fn comparison() {
    // The table of RFC 9110 §8.8.3.2.
    let table = [
        (r#"W/"1""#, r#"W/"1""#, false, true),
        (r#"W/"1""#, r#"W/"2""#, false, false),
        (r#"W/"1""#, r#""1""#, false, true),
        (r#""1""#, r#""1""#, true, true),
    ];
    for (left, right, strong, weak) in table {
        let [left, right] = [left, right].map(|value| EntityTag::parse(value.as_bytes()).unwrap());
        for (left, right) in [(left, right), (right, left)] {
            assert_eq!((left.strong_eq(right), left.weak_eq(right)), (strong, weak), "{left:?} {right:?}");
        }
    }
}

#[test]
fn if_none_match_lists() {
    use IfNoneMatch::{Absent, Matched, Unmatched};
    let tag = Some(r#""a""#);
    let table: &[(&str, &[&str], Option<&str>, IfNoneMatch)] = &[
        ("no field", &[], tag, Absent),
        ("§13.1.2 *", &["*"], tag, Matched),
        ("§13.1.2 * without a stored tag", &["*"], None, Matched),
        ("equal", &[r#""a""#], tag, Matched),
        ("§8.8.3.2 weak comparison", &[r#"W/"a""#], tag, Matched),
        ("§8.8.3.2 weak comparison, stored weak", &[r#""a""#], Some(r#"W/"a""#), Matched),
        ("listed second", &[r#""b", "a""#], tag, Matched),
        ("on another line", &[r#""b""#, r#""a""#], tag, Matched),
        ("unequal", &[r#""b""#], tag, Unmatched),
        ("no stored tag", &[r#""a""#], None, Unmatched),
        ("§8.8.3 a backslash escapes nothing", &[r#""b\", "a""#], tag, Matched),
        ("a comma within a tag", &[r#""b,"a""#, r#""x,y", "a""#], tag, Matched),
        ("within another tag", &[r#""b, a""#], tag, Unmatched),
        ("malformed members are skipped", &[r#"a, b c, "a""#], tag, Matched),
        ("unquoted", &["a"], tag, Unmatched),
        ("empty", &[""], tag, Unmatched),
        ("* within a list is no tag", &[r#""b", *"#], tag, Unmatched),
    ];
    for (case, lines, stored, expected) in table {
        let fields: Vec<_> = lines.iter().map(|line| ("if-none-match", line)).collect();
        let stored = stored.and_then(|stored| EntityTag::parse(stored.as_bytes()));
        assert_eq!(if_none_match(&fields, stored), *expected, "{case}");
    }
    assert_eq!(tags(br#" , "a" ,, W/"b""#).count(), 2, "§5.6.1 empty members");
}
