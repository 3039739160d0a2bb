//! Range and Content-Range (RFC 9110 §14).

use http_semantics::{
    ByteRange, ContentRange,
    range::{self, MAX_RANGES},
};

use crate::test;

const fn from(first: u64, last: u64) -> ByteRange {
    ByteRange::From { first, last: Some(last) }
}

const fn open(first: u64) -> ByteRange {
    ByteRange::From { first, last: None }
}

#[test]
fn ranges() {
    let table: &[(&str, &str, Option<&[ByteRange]>)] = &[
        ("§14.1.2 first and last", "bytes=0-499", Some(&[from(0, 499)])),
        ("§14.1.2 one byte", "bytes=5-5", Some(&[from(5, 5)])),
        ("§14.1.2 to the end", "bytes=9500-", Some(&[open(9500)])),
        ("§14.1.2 the end", "bytes=-500", Some(&[ByteRange::Suffix(500)])),
        ("§14.1.2 nothing of the end", "bytes=-0", Some(&[ByteRange::Suffix(0)])),
        ("§14.1.2 several", "bytes=0-0,-1", Some(&[from(0, 0), ByteRange::Suffix(1)])),
        ("§14.1.2 in any order", "bytes=9-, 1-2", Some(&[open(9), from(1, 2)])),
        ("§5.6.1.2 empty members", "bytes=0-1 ,, 3-4,", Some(&[from(0, 1), from(3, 4)])),
        ("§14.1 units ignore case", "BYTES=0-1", Some(&[from(0, 1)])),
        ("leading zeros", "bytes=000-0001", Some(&[from(0, 1)])),
        ("§14.1.2 the largest", "bytes=0-18446744073709551615", Some(&[from(0, u64::MAX)])),
        ("§14.1.2 no overflow", "bytes=0-18446744073709551616", Some(&[from(0, u64::MAX)])),
        (
            "§14.1.2 no overflow of a suffix",
            "bytes=-99999999999999999999",
            Some(&[ByteRange::Suffix(u64::MAX)]),
        ),
        ("§14.1.2 no overflow of a first", "bytes=99999999999999999999-", Some(&[open(u64::MAX)])),
        ("§14.1.1 last before first", "bytes=5-4", None),
        ("§14.1.1 one invalid, all invalid", "bytes=0-1, 5-4", None),
        ("§14.2 another unit", "lines=0-1", None),
        ("§14.1.1 no unit", "0-1", None),
        ("§14.1.1 no range", "bytes=", None),
        ("§14.1.1 only commas", "bytes=,", None),
        ("§14.1.1 nothing", "", None),
        ("§14.1.1 no dash", "bytes=5", None),
        ("§14.1.1 only a dash", "bytes=-", None),
        ("§14.1.1 letters", "bytes=a-b", None),
        ("§14.1.1 a sign", "bytes=+1-2", None),
        ("§14.1.1 a second dash", "bytes=1--2", None),
        ("§14.1.1 spaces within", "bytes=1 - 2", None),
        ("§14.1.1 quotes", r#"bytes="0-1""#, None),
    ];
    for (case, value, expected) in table {
        assert_eq!(range::parse(value.as_bytes()).as_deref(), *expected, "{case}: {value}");
    }
    for (count, is_heeded) in [(MAX_RANGES, true), (MAX_RANGES + 1, false)] {
        let value = format!("bytes={}", vec!["0-0"; count].join(","));
        assert_eq!(range::parse(value.as_bytes()).is_some(), is_heeded, "§17.15 {count} ranges");
    }
}

#[test]
fn ranges_of_a_representation() {
    let table = [
        ("§14.1.2", from(0, 499), 10_000, Some((0, 499))),
        ("§14.1.2 the whole", from(0, 9), 10, Some((0, 9))),
        ("§14.1.2 a last byte past the end", from(5, 99), 10, Some((5, 9))),
        ("§14.1.2 a last byte past anything", from(5, u64::MAX), 10, Some((5, 9))),
        ("§14.1.2 to the end", open(5), 10, Some((5, 9))),
        ("§14.1.2 the last byte", open(9), 10, Some((9, 9))),
        ("§14.1.2 a first byte past the end", open(10), 10, None),
        ("§14.1.2 both past the end", from(10, 11), 10, None),
        ("§14.1.2 the end", ByteRange::Suffix(3), 10, Some((7, 9))),
        ("§14.1.2 a suffix as long as all", ByteRange::Suffix(10), 10, Some((0, 9))),
        ("§14.1.2 a suffix longer than all", ByteRange::Suffix(u64::MAX), 10, Some((0, 9))),
        ("§14.1.2 no suffix", ByteRange::Suffix(0), 10, None),
        ("nothing of nothing", from(0, 0), 0, None),
        ("no end of nothing", ByteRange::Suffix(1), 0, None),
        ("the largest representation", open(u64::MAX - 1), u64::MAX, Some((u64::MAX - 1, u64::MAX - 1))),
    ];
    for (case, range, length, expected) in table {
        assert_eq!(range.within(length), expected, "{case}: {range:?} of {length}");
    }
}

#[test]
fn content_ranges() {
    let part = |first, last, complete| Some(ContentRange { first, last, complete });
    let table = [
        ("§14.4", "bytes 42-1233/1234", part(42, 1233, Some(1234))),
        ("§14.4 unknown length", "bytes 42-1233/*", part(42, 1233, None)),
        ("§14.4 one byte", "bytes 0-0/1", part(0, 0, Some(1))),
        ("§14.1 units ignore case", "Bytes 0-1/2", part(0, 1, Some(2))),
        ("§14.4 as long as can be", "bytes 0-18446744073709551614/18446744073709551615", {
            part(0, u64::MAX - 1, Some(u64::MAX))
        }),
        ("§14.4 unsatisfied", "bytes */1234", None),
        ("§14.4 last before first", "bytes 5-4/10", None),
        ("§14.4 as short as its last byte", "bytes 0-10/10", None),
        ("§14.4 shorter than its last byte", "bytes 0-10/5", None),
        ("§14.4 another unit", "lines 0-1/2", None),
        ("§14.4 no length", "bytes 0-1", None),
        ("§14.4 an empty length", "bytes 0-1/", None),
        ("§14.4 neither known", "bytes */*", None),
        ("§14.4 no first", "bytes -1/2", None),
        ("§14.4 no last", "bytes 0-/2", None),
        ("§14.4 as in a request", "bytes=0-1/2", None),
        ("§14.4 spaces within", "bytes 0 - 1/2", None),
        ("§14.4 a length too large to know", "bytes 0-1/18446744073709551616", None),
        ("§14.4 only a unit", "bytes ", None),
        ("§14.4 less than a unit", "by", None),
        ("§14.4 nothing", "", None),
    ];
    for (case, value, expected) in table {
        assert_eq!(ContentRange::parse(value.as_bytes()), expected, "{case}: {value}");
    }
}
