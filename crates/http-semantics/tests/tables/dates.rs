//! Dates (RFC 9110 §5.6.7).

use http_semantics::date;

use crate::test;

/// Sun, 06 Nov 1994 08:49:37 GMT.
const TIME: Option<u64> = Some(784_111_777);

#[test]
fn dates() {
    let table: &[(&str, &str, Option<u64>)] = &[
        ("IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", TIME),
        ("RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", TIME),
        ("asctime", "Sun Nov  6 08:49:37 1994", TIME),
        ("asctime, a day of two digits", "Wed Nov 16 08:49:37 1994", Some(784_975_777)),
        ("RFC 850, this century", "Saturday, 06-Nov-04 08:49:37 GMT", Some(1_099_730_977)),
        ("whitespace around", " Sun, 06 Nov 1994 08:49:37 GMT\t", TIME),
        ("the epoch", "Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("the last date", "Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
        ("a leap day", "Thu, 29 Feb 2024 00:00:00 GMT", Some(1_709_164_800)),
        ("before the epoch", "Wed, 31 Dec 1969 23:59:59 GMT", None),
        ("no such day", "Wed, 31 Feb 2024 00:00:00 GMT", None),
        ("no leap year", "Wed, 29 Feb 2023 00:00:00 GMT", None),
        ("no such hour", "Sun, 06 Nov 1994 24:49:37 GMT", None),
        ("another zone", "Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("an offset", "Sun, 06 Nov 1994 08:49:37 +0100", None),
        ("no zone", "Sun, 06 Nov 1994 08:49:37", None),
        ("no day of the week", "06 Nov 1994 08:49:37 GMT", None),
        ("no such month", "Sun, 06 Nob 1994 08:49:37 GMT", None),
        ("two dates", "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", None),
        ("seconds since the epoch", "784111777", None),
        ("zero", "0", None),
        ("a negative number", "-1", None),
        ("a word", "now", None),
        ("nothing", "", None),
        ("only a day", "Sun", None),
        ("beyond ASCII", "Sun, 06 Nov 1994 08:49:37 GMT\u{e9}", None),
    ];
    for (case, value, expected) in table {
        assert_eq!(date::parse(value.as_bytes()), *expected, "§5.6.7 {case}: {value}");
    }
    assert_eq!(date::parse(b"Sun, 06 Nov 1994 08:49:37 \xff\xff\xff"), None);
}

#[test]
fn dates_that_are_not_quite_right() {
    let table: &[(&str, &str, Option<u64>)] = &[
        ("in capitals", "SUN, 06 NOV 1994 08:49:37 GMT", TIME),
        ("in small letters", "sun, 06 nov 1994 08:49:37 gmt", TIME),
        ("in any case", "sUN, 06 nOV 1994 08:49:37 gMt", TIME),
        ("RFC 850 in small letters", "sunday, 06-nov-94 08:49:37 gmt", TIME),
        ("asctime in capitals", "SUN NOV  6 08:49:37 1994", TIME),
        ("another day of the week", "Mon, 06 Nov 1994 08:49:37 GMT", TIME),
        ("another day of the week, RFC 850", "Monday, 06-Nov-94 08:49:37 GMT", TIME),
        ("another day of the week, asctime", "Mon Nov  6 08:49:37 1994", TIME),
        ("both", "mon, 06 NOV 1994 08:49:37 GMT", TIME),
        ("still no such day", "mon, 31 feb 2024 00:00:00 gmt", None),
        ("still another zone", "sun, 06 nov 1994 08:49:37 utc", None),
        ("still no year", "sun, 06 nov 08:49:37 gmt", None),
    ];
    for (case, value, expected) in table {
        assert_eq!(date::parse(value.as_bytes()), *expected, "§5.6.7 {case}: {value}");
    }
}

#[test]
fn written() {
    for (seconds, expected) in [
        (0, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
        (784_111_777, Some("Sun, 06 Nov 1994 08:49:37 GMT")),
        (253_402_300_799, Some("Fri, 31 Dec 9999 23:59:59 GMT")),
        (253_402_300_800, None),
        (u64::MAX, None),
    ] {
        assert_eq!(date::format(seconds).as_deref(), expected, "§5.6.7 {seconds}");
    }
}
