//! Field lines by name (RFC 9110 §5).

use http_semantics::Fields;

use crate::test;

#[test]
fn field_lines() {
    let lines = [("Vary", "a"), ("X", ""), ("vArY", "b")];
    let slice: &[(&str, &str)] = &lines;
    assert_eq!(
        slice.values("vary").collect::<Vec<_>>(),
        [b"a", b"b"],
        "§5.1: names ignore case, §5.2: lines in order"
    );
    assert_eq!(lines.first("vary"), Some(&b"a"[..]));
    assert_eq!(lines.first("x"), Some(&b""[..]), "present but empty");
    assert_eq!(lines.first("y"), None);
    assert!(lines.to_vec().contains("x") && !lines.contains("var"));
    let bytes = vec![(b"a".to_vec(), vec![0xff])];
    assert_eq!(Fields::iter(&bytes).collect::<Vec<_>>(), [(&b"a"[..], &[0xff][..])], "§5.5: any bytes");
}
