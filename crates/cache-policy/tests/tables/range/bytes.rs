//! The bytes of an answer with parts (RFC 9110 §14.4, §14.6).

use cache_policy::range::{content_range, multipart, slice};
use http_semantics::ContentRange;

use super::part;
use crate::{Lines, test};

#[test]
fn bytes_of_parts() {
    const WHOLE: &[u8] = b"0123456789";
    const PART: Lines = &[("content-range", "bytes 2-6/10")];
    let table: &[(&str, u16, Lines, &[u8], ContentRange, &str)] = &[
        ("the beginning", 200, &[], WHOLE, part(0, 3), "0123"),
        ("the end", 200, &[], WHOLE, part(9, 9), "9"),
        ("all", 200, &[], WHOLE, part(0, 9), "0123456789"),
        ("what is not there", 200, &[], WHOLE, part(5, 10), ""),
        ("of a part", 206, PART, b"23456", part(3, 4), "34"),
        ("all of a part", 206, PART, b"23456", part(2, 6), "23456"),
        ("beyond a part", 206, PART, b"23456", part(6, 7), ""),
        ("as far as can be", 200, &[], WHOLE, part(0, u64::MAX), ""),
    ];
    for (case, status, stored, content, part, expected) in table {
        assert_eq!(slice(*status, *stored, content, part), expected.as_bytes(), "{case}");
    }
}

#[test]
fn written() {
    assert_eq!(content_range(&part(2, 6)), "bytes 2-6/10", "§14.4");
    let unknown = ContentRange { first: 2, last: 6, complete: None };
    assert_eq!(content_range(&unknown), "bytes 2-6/*", "§14.4 unknown length");
    let parts = [(&part(0, 1), &b"01"[..]), (&part(8, 9), b"89")];
    for (case, content_type, line) in
        [("§14.6", Some(&b"text/plain"[..]), "Content-Type: text/plain\r\n"), ("§14.6 no type", None, "")]
    {
        let content = multipart("b", content_type, parts.into_iter());
        let expected = format!(
            "\r\n--b\r\n{line}Content-Range: bytes 0-1/10\r\n\r\n01\
            \r\n--b\r\n{line}Content-Range: bytes 8-9/10\r\n\r\n89\r\n--b--\r\n"
        );
        assert_eq!(String::from_utf8_lossy(&content), expected, "{case}");
    }
}
