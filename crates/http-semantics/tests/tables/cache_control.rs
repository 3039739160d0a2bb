//! Cache-Control (RFC 9111 §5.2).

use http_semantics::{
    CacheControl,
    cache_control::{MaxStale, Scope},
};

use crate::test;

const CAP: u64 = 2_147_483_648;

fn parse(lines: &[&str]) -> CacheControl {
    let fields: Vec<_> = lines.iter().map(|line| ("Cache-Control", line)).collect();
    CacheControl::parse(&fields)
}

#[test]
fn directives() {
    let with = |change: fn(&mut CacheControl)| {
        let mut expected = CacheControl::default();
        change(&mut expected);
        expected
    };
    let table = [
        ("no field", "", with(|_| {})),
        ("§5.2.1.5", "no-store", with(|cc| cc.no_store = true)),
        ("§5.2.1.4", "no-cache", with(|cc| cc.no_cache = Scope::Whole)),
        ("§5.2.2.7", "private", with(|cc| cc.private = Scope::Whole)),
        ("§5.2.2.9", "public", with(|cc| cc.public = true)),
        ("§5.2.2.2", "must-revalidate", with(|cc| cc.must_revalidate = true)),
        ("§5.2.2.8", "proxy-revalidate", with(|cc| cc.proxy_revalidate = true)),
        ("§5.2.2.6", "no-transform", with(|cc| cc.no_transform = true)),
        ("§5.2.2.3", "must-understand", with(|cc| cc.must_understand = true)),
        ("§5.2.1.7", "only-if-cached", with(|cc| cc.only_if_cached = true)),
        ("RFC 8246", "immutable", with(|cc| cc.immutable = true)),
        ("§5.2.2.1", "max-age=60", with(|cc| cc.max_age = Some(60))),
        ("§5.2.2.10", "s-maxage=60", with(|cc| cc.s_maxage = Some(60))),
        ("§5.2.1.3", "min-fresh=60", with(|cc| cc.min_fresh = Some(60))),
        ("RFC 5861 §3", "stale-while-revalidate=60", with(|cc| cc.stale_while_revalidate = Some(60))),
        ("RFC 5861 §4", "stale-if-error=60", with(|cc| cc.stale_if_error = Some(60))),
        (
            "§5.2 names ignore case",
            "Max-AGE=60, NO-store",
            with(|cc| {
                cc.max_age = Some(60);
                cc.no_store = true;
            }),
        ),
        (
            "§5.2.3 unknown ones are ignored",
            r#"x, y=1, extension="max-age=5, no-store", max-agey=1"#,
            with(|_| {}),
        ),
        ("a name longer than any known", "stale-while-revalidate-and-more=1", with(|_| {})),
        ("single quotes quote nothing", "max-age='60'", with(|cc| cc.max_age = Some(0))),
    ];
    for (case, value, expected) in table {
        assert_eq!(parse(&[value]), expected, "{case}: {value}");
    }
}

#[test]
fn lifetimes() {
    let table: &[(&str, &[&str], Option<u64>)] = &[
        ("§5.2 quoted value", &[r#"max-age="60""#], Some(60)),
        ("leading zeros", &["max-age=0060"], Some(60)),
        ("§4.2.1 strictest on one line", &["max-age=60, max-age=5"], Some(5)),
        ("§4.2.1 strictest over lines", &["max-age=5", "max-age=60"], Some(5)),
        ("§4.2.1 not a number", &["max-age=a"], Some(0)),
        ("§4.2.1 not a number beside one", &["max-age=60, max-age=a"], Some(0)),
        ("§4.2.1 number with more behind it", &["max-age=60a"], Some(0)),
        ("§1.2.2 no sign", &["max-age=+60"], Some(0)),
        ("§1.2.2 negative", &["max-age=-60"], Some(0)),
        ("§1.2.2 no fraction", &["max-age=1.5"], Some(0)),
        ("no value", &["max-age"], Some(0)),
        ("empty value", &["max-age="], Some(0)),
        ("§1.2.2 the cap", &["max-age=2147483648"], Some(CAP)),
        ("§1.2.2 just below the cap", &["max-age=2147483647"], Some(CAP - 1)),
        ("§1.2.2 past 64 bits", &["max-age=99999999999999999999999999"], Some(CAP)),
        ("§5.2 no space before =", &["max-age =60"], Some(0)),
        ("§5.2 no space after =", &["max-age= 60"], Some(0)),
        ("§5.2 no tab either", &["max-age\t=\t60"], Some(0)),
        ("§5.2 one valid, one not", &["max-age=60, max-age =60"], Some(0)),
        ("spaces within quotes", &[r#"max-age=" 60""#], Some(0)),
        ("space around the whole", &[" max-age=60 ,"], Some(60)),
        ("not there", &["public"], None),
    ];
    for (case, lines, expected) in table {
        assert_eq!(parse(lines).max_age, *expected, "{case}");
    }
    assert_eq!(
        parse(&["min-fresh=5, min-fresh=60"]).min_fresh,
        Some(60),
        "the largest min-fresh is the strictest"
    );
}

#[test]
fn every_lifetime_is_read_alike() {
    let read = |value: &str| {
        let CacheControl { max_age, s_maxage, stale_while_revalidate, stale_if_error, .. } = parse(&[value]);
        [max_age, s_maxage, stale_while_revalidate, stale_if_error]
    };
    let names = ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"];
    for (index, name) in names.into_iter().enumerate() {
        for (value, expected) in
            [("=7", 7), (r#"="7""#, 7), (" =7", 0), ("=x", 0), ("", 0), ("=9, NAME=7", 7)]
        {
            let value = format!("{name}{}", value.replace("NAME", name));
            let mut all = [None; 4];
            all[index] = Some(expected);
            assert_eq!(read(&value), all, "§4.2.1 {value}");
        }
    }
}

#[test]
fn scopes() {
    let fields = |names: &[&str]| Scope::Fields(names.iter().map(ToString::to_string).collect());
    let table = [
        (r#"private="Set-Cookie, X-A""#, fields(&["set-cookie", "x-a"])),
        ("private=x", fields(&["x"])),
        (r#"private="a", private="b""#, fields(&["a", "b"])),
        (r#"private="a", private"#, Scope::Whole),
        (r#"private, private="a""#, Scope::Whole),
        (r#"private="""#, Scope::Whole),
        ("private=", Scope::Whole),
        (r#"private=" , ""#, Scope::Whole),
        (r#"private = "a""#, Scope::Whole),
        (r#"PRIVATE="A""#, fields(&["a"])),
        (r#"private="a,,b""#, fields(&["a", "b"])),
        ("public", Scope::Absent),
    ];
    for (value, expected) in table {
        let parsed = parse(&[value]).private;
        assert_eq!(parsed, expected, "§5.2.2.7 {value}");
        let no_cache = value.replace("private", "no-cache").replace("PRIVATE", "No-Cache");
        assert_eq!(parse(&[&no_cache]).no_cache, expected, "§5.2.2.4 {value}");
        let named: &[String] = if let Scope::Fields(names) = &expected { names } else { &[] };
        assert_eq!(parsed.fields(), named, "{value}");
        assert_eq!(parsed.is_present(), value != "public", "{value}");
    }
}

#[test]
fn max_stale() {
    let table = [
        ("max-stale", MaxStale::Any),
        ("max-stale=60", MaxStale::Seconds(60)),
        ("max-stale=a", MaxStale::Seconds(0)),
        ("max-stale =60", MaxStale::Seconds(0)),
        ("max-stale, max-stale=60", MaxStale::Seconds(60)),
        ("max-stale=60, max-stale", MaxStale::Seconds(60)),
        ("max-stale=60, max-stale=5", MaxStale::Seconds(5)),
    ];
    for (value, expected) in table {
        assert_eq!(parse(&[value]).max_stale, Some(expected), "§5.2.1.2 {value}");
    }
}
