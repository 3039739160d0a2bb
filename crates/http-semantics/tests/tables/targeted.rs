//! Targeted fields such as CDN-Cache-Control (RFC 9213 §2.1), dictionaries of structured fields (RFC 9651).

use http_semantics::{CacheControl, cache_control::Scope};

use crate::test;

fn parse(lines: &[&str]) -> Option<CacheControl> {
    let fields: Vec<_> = lines.iter().map(|line| ("CDN-Cache-Control", line)).collect();
    CacheControl::parse_targeted(&fields, "cdn-cache-control")
}

fn with(change: fn(&mut CacheControl)) -> Option<CacheControl> {
    let mut expected = CacheControl::default();
    change(&mut expected);
    Some(expected)
}

#[test]
fn directives() {
    let table: &[(&str, &[&str], Option<CacheControl>)] = &[
        ("§2.1", &["max-age=60"], with(|cc| cc.max_age = Some(60))),
        (
            "§2.1 several members",
            &["max-age=60, no-store , stale-if-error=5"],
            with(|cc| {
                cc.max_age = Some(60);
                cc.no_store = true;
                cc.stale_if_error = Some(5);
            }),
        ),
        (
            "RFC 9651 §4.2 several lines",
            &["max-age=60", "public"],
            with(|cc| {
                cc.max_age = Some(60);
                cc.public = true;
            }),
        ),
        ("RFC 9651 §3.2 the last of one name", &["max-age=60, max-age=5"], with(|cc| cc.max_age = Some(5))),
        ("RFC 9651 §3.2 also over lines", &["max-age=5", "max-age=60"], with(|cc| cc.max_age = Some(60))),
        ("RFC 9651 §3.2 also if it takes back", &["no-store, no-store=?0"], with(|_| {})),
        ("§2.1 true", &["no-store=?1"], with(|cc| cc.no_store = true)),
        ("§2.1 false: as if not there", &["no-store=?0"], with(|_| {})),
        ("§2.1 parameters are ignored", &["no-store;a=1, max-age=60;x"], {
            with(|cc| {
                cc.no_store = true;
                cc.max_age = Some(60);
            })
        }),
        ("§2.1 unknown ones are ignored", &["x=1, y=?0, z=\"a\", max-agey=2"], with(|_| {})),
        ("§2.1 a value that is not asked for", &["no-store=5"], with(|cc| cc.no_store = true)),
        (
            "§2.1 names of fields",
            &[r#"private="X-A, b""#],
            with(|cc| cc.private = Scope::Fields(vec!["x-a".into(), "b".into()])),
        ),
        ("§2.1 private alone", &["private"], with(|cc| cc.private = Scope::Whole)),
        ("§2.1 no-cache alone", &["no-cache"], with(|cc| cc.no_cache = Scope::Whole)),
        ("§2.1 a negative lifetime is over", &["max-age=-5"], with(|cc| cc.max_age = Some(0))),
        ("RFC 9111 §1.2.2 the cap", &["max-age=999999999999999"], with(|cc| cc.max_age = Some(1 << 31))),
        ("§2.1 every lifetime", &["s-maxage=1, stale-while-revalidate=2"], {
            with(|cc| {
                cc.s_maxage = Some(1);
                cc.stale_while_revalidate = Some(2);
            })
        }),
        (
            "§2.1 every word",
            &["must-revalidate, proxy-revalidate, no-transform, must-understand, immutable"],
            {
                with(|cc| {
                    cc.must_revalidate = true;
                    cc.proxy_revalidate = true;
                    cc.no_transform = true;
                    cc.must_understand = true;
                    cc.immutable = true;
                })
            },
        ),
        ("spaces around the whole", &["  max-age=60  "], with(|cc| cc.max_age = Some(60))),
    ];
    for (case, lines, expected) in table {
        assert_eq!(parse(lines), *expected, "{case}: {lines:?}");
    }
}

#[test]
fn what_is_as_if_it_had_not_been_sent() {
    let table: &[(&str, &[&str])] = &[
        ("§2.1 not there", &[]),
        ("§2.1 empty", &[""]),
        ("§2.1 blank", &["  "]),
        ("RFC 9651 §3.1.2 names are in lower case", &["Max-Age=60"]),
        ("RFC 9651 §3.1.2 each of them", &["max-age=60, No-Store"]),
        ("§2.1 a lifetime in quotes", &[r#"max-age="10""#]),
        ("§2.1 a lifetime that is a token", &["max-age=ten"]),
        ("§2.1 a decimal lifetime", &["max-age=10.5"]),
        ("§2.1 a lifetime without a number", &["max-age"]),
        ("§2.1 a lifetime that is false", &["max-age=?0"]),
        ("§2.1 another lifetime", &[r#"public, s-maxage="10""#]),
        ("RFC 5861 §3", &["stale-while-revalidate=soon, max-age=5"]),
        ("RFC 5861 §4", &["stale-if-error=1.0, max-age=5"]),
        ("§2.1 a list within", &["max-age=(10)"]),
        ("§2.1 a list within, of whatever name", &["max-age=60, x=(a b)"]),
        ("RFC 9651 §4.2 a member is missing", &["max-age=60,"]),
        ("RFC 9651 §4.2 a member is empty", &["max-age=60,, no-store"]),
        ("RFC 9651 §4.2 one line is empty", &["max-age=60", ""]),
        ("RFC 9651 §4.2 one line does not parse", &["max-age=60", "no-store=\""]),
        ("RFC 9651 §4.2.3.1 spaces beside =", &["max-age = 60"]),
        ("RFC 9651 §4.2.4 too many digits", &["max-age=9999999999999999"]),
        ("RFC 9651 §4.2.2 semicolons for commas", &["max-age=60; Public"]),
        ("RFC 9651 §4.2.5 beyond ASCII", &["private=\"\u{e9}\""]),
    ];
    for (case, lines) in table {
        assert_eq!(parse(lines), None, "{case}: {lines:?}");
    }
    let other = [("cdn-cache-control", "max-age=60")];
    assert_eq!(
        CacheControl::parse_targeted(&other, "slipstream-cache-control"),
        None,
        "§2.2 another's field"
    );
    assert_eq!(CacheControl::parse(&other), CacheControl::default(), "§2.2 it is not Cache-Control");
}
