//! Variants of a key (RFC 9111 §4.1).

use cache_policy::store::{self, NotStored};
use cache_policy::{Policy, RoutePolicy, vary};

use crate::{Lines, strings, test};

#[test]
fn unions() {
    type Names = &'static [&'static str];
    let table: &[(&str, Names, Names, Option<Names>)] = &[
        ("nothing", &[], &[], Some(&[])),
        ("sorted", &[], &["b", "a"], Some(&["a", "b"])),
        ("each once", &["b"], &["b", "a", "a"], Some(&["a", "b"])),
        ("what was known stays", &["a", "c"], &["b"], Some(&["a", "b", "c"])),
        ("as many as can be", &["a", "b", "c", "d"], &["e", "f", "g", "h", "a"], {
            Some(&["a", "b", "c", "d", "e", "f", "g", "h"])
        }),
        ("too many", &["a", "b", "c", "d"], &["e", "f", "g", "h", "i"], None),
    ];
    for (case, known, names, expected) in table {
        assert_eq!(vary::union(&strings(known), strings(names)), expected.map(strings), "{case}");
    }
}

#[test]
fn keys() {
    let table: &[(&str, &[&str], Lines, &str)] = &[
        ("absent", &["a"], &[], "k;;a"),
        ("empty", &["a"], &[("a", "")], "k;;a="),
        ("one", &["a"], &[("A", "X")], "k;;a=X"),
        ("several names", &["a", "b"], &[("b", "2"), ("c", "3")], "k;;a;b=2"),
        ("no value forges a part", &["a", "b"], &[("a", "1;b=2")], "k;;a=1%3Bb%3D2;b"),
        ("what is preferred", &["accept-language"], &[("accept-language", "de;q=0.5, EN")], {
            "k;;accept-language=en,de%3Bq%3D500"
        }),
    ];
    for (case, names, request, expected) in table {
        assert_eq!(vary::key("k", &strings(names), *request), *expected, "{case}");
    }
}

#[test]
fn values_that_mean_the_same() {
    let table: &[(&str, &str, &[&str], &[&str], bool)] = &[
        ("§4.1 spaces around commas", "a", &["x,y"], &[" x ,\ty "], true),
        ("§4.1 several lines", "a", &["x, y"], &["x", "y"], true),
        ("RFC 9110 §5.6.1.2 empty members", "a", &["x, y"], &["x,, y,"], true),
        ("§4.1 another value", "a", &["x"], &["y"], false),
        ("§4.1 another order", "a", &["x, y"], &["y, x"], false),
        ("§4.1 another case", "a", &["x"], &["X"], false),
        ("§4.1 one more", "a", &["x"], &["x", "x"], false),
        ("§4.1 absent", "a", &[], &[], true),
        ("§4.1 absent is not empty", "a", &[], &[""], false),
        ("§4.1 empty", "a", &[""], &[" "], true),
        ("RFC 9110 §5.6.4 spaces within quotes", "a", &["\"x,y\""], &["\"x, y\""], false),
        ("spaces within a member", "a", &["x y"], &["x  y"], false),
        ("RFC 9110 §12.5.4 case", "accept-language", &["DE, en-US"], &["de,EN-us"], true),
        (
            "RFC 9110 §12.4.2 order by weight",
            "accept-language",
            &["de, en;q=0.5"],
            &["en;q=0.50", "de;q=1"],
            true,
        ),
        ("RFC 9110 §12.5.4 equal weights", "accept-language", &["de, en"], &["en, de"], true),
        ("RFC 9110 §12.4.2 another weight", "accept-language", &["de, en;q=0.5"], &["de, en;q=0.6"], false),
        (
            "RFC 9110 §12.4.2 the other preferred",
            "accept-language",
            &["de, en;q=0.5"],
            &["en, de;q=0.5"],
            false,
        ),
        ("RFC 9110 §12.4.2 ruled out", "accept-language", &["de, en;q=0"], &["de"], false),
        ("§4.1 absent is not empty", "accept-language", &[], &[""], false),
        ("RFC 9110 §12.5.3", "accept-encoding", &["br, gzip;q=0.8"], &["GZIP ; q=0.8 , br"], true),
        ("RFC 9110 §12.5.3 another", "accept-encoding", &["br, gzip"], &["zstd, gzip"], false),
        ("order counts in others", "accept", &["a/b, c/d"], &["c/d, a/b"], false),
    ];
    for (case, name, left, right, is_same) in table {
        let [left, right] = [left, right].map(|lines| {
            let request: Vec<_> = lines.iter().map(|line| (name, line)).collect();
            vary::key("k", &strings(&[name]), &request)
        });
        assert_eq!(left == right, *is_same, "{case}: {left} {right}");
    }
}

#[test]
fn the_host_is_in_the_key_or_nothing_is_stored() {
    let response: Lines = &[("cache-control", "max-age=60"), ("vary", "Host")];
    for (without_host, expected) in [(false, Ok(Vec::new())), (true, Err(NotStored::Vary))] {
        let mut route = RoutePolicy::cautious();
        route.key.without_host = without_host;
        let request: Lines = &[];
        let storable = store::decide(request, 200, response, &Policy::default(), &route, 0);
        assert_eq!(storable.map(|storable| storable.vary), expected);
    }
}
