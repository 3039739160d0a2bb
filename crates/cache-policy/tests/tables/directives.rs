//! Whose word counts on a response (RFC 9213 §2.2).

use cache_policy::{Directives, Policy};
use http_semantics::CacheControl;

use crate::{Lines, strings, test};

const CACHE_CONTROL: (&str, &str) = ("cache-control", "max-age=1");

#[test]
fn targeted_fields() {
    const BOTH: &[&str] = &["slipstream-cache-control", "cdn-cache-control"];
    const CDN: &[&str] = &["cdn-cache-control"];
    // The fields listened to, the response, max-age, and whether a targeted field gave it.
    let table: &[(&str, &[&str], Lines, Option<u64>, bool)] = &[
        ("none there", BOTH, &[CACHE_CONTROL], Some(1), false),
        ("none listened to", &[], &[CACHE_CONTROL, ("cdn-cache-control", "max-age=2")], Some(1), false),
        ("the only one", CDN, &[CACHE_CONTROL, ("CDN-Cache-Control", "max-age=2")], Some(2), true),
        (
            "the most specific",
            BOTH,
            &[("cdn-cache-control", "max-age=2"), ("slipstream-cache-control", "max-age=3")],
            Some(3),
            true,
        ),
        (
            "by the operator's order",
            &["cdn-cache-control", "slipstream-cache-control"],
            &[("slipstream-cache-control", "max-age=3"), ("cdn-cache-control", "max-age=2")],
            Some(2),
            true,
        ),
        (
            "an invalid one is skipped",
            BOTH,
            &[CACHE_CONTROL, ("slipstream-cache-control", "Max-Age=3"), ("cdn-cache-control", "max-age=2")],
            Some(2),
            true,
        ),
        (
            "an empty one is skipped",
            BOTH,
            &[CACHE_CONTROL, ("slipstream-cache-control", ""), ("cdn-cache-control", "max-age=2")],
            Some(2),
            true,
        ),
        ("all are invalid", CDN, &[CACHE_CONTROL, ("cdn-cache-control", "max-age=\"2\"")], Some(1), false),
        ("not mixed with Cache-Control", CDN, &[CACHE_CONTROL, ("cdn-cache-control", "public")], None, true),
        (
            "not mixed with the less specific",
            BOTH,
            &[("slipstream-cache-control", "public"), ("cdn-cache-control", "max-age=2")],
            None,
            true,
        ),
        ("another's", CDN, &[CACHE_CONTROL, ("other-cache-control", "max-age=2")], Some(1), false),
        ("a directive that it does not know", CDN, &[CACHE_CONTROL, ("cdn-cache-control", "x")], None, true),
    ];
    for (case, targeted, response, max_age, is_targeted) in table {
        let policy = Policy { targeted_fields: strings(targeted), ..Policy::default() };
        let directives = Directives::of_response(*response, &policy);
        let expected = (*max_age, *is_targeted);
        assert_eq!((directives.cache_control.max_age, directives.is_targeted), expected, "§2.2 {case}");
    }
    let untargeted = Directives::of_response(&[CACHE_CONTROL], &Policy::default());
    assert_eq!(untargeted.cache_control, CacheControl::parse(&[CACHE_CONTROL]));
    assert_eq!(Policy::default().targeted_fields, CDN, "the field that every CDN listens to");
}
