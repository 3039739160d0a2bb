//! Age, and the directives of a request (RFC 9111 §4.2, §5.2.1).

use cache_policy::reuse::{Reuse, Times, decide};
use http_semantics::CacheControl;

use crate::test;

#[test]
fn ages() {
    // A response that arrived at 1,000,000 ms, 10 s old, with a lifetime of 60 s.
    let times = Times { response_time_ms: 1_000_000, initial_age_ms: 10_000, freshness_lifetime_ms: 60_000 };
    let fresh = |age_seconds, ttl_seconds| Reuse::Fresh { age_seconds, ttl_seconds };
    let table = [
        ("§4.2.3 on arrival", "", 1_000_000, fresh(10, 50)),
        ("§4.2.3 resident time counts", "", 1_020_000, fresh(30, 30)),
        ("§4.2.3 both are rounded down", "", 1_020_500, fresh(30, 29)),
        ("§4.2 last moment", "", 1_049_999, fresh(59, 0)),
        ("§4.2 lifetime equals age", "", 1_050_000, Reuse::Stale),
        ("§4.2 long past", "", u64::MAX, Reuse::Stale),
        ("clocks differ by a second", "", 999_000, fresh(10, 50)),
        ("clocks differ by more", "", 998_999, Reuse::Stale),
        ("clock set back", "", 0, Reuse::Stale),
        ("§5.2.1.1 max-age met", "max-age=30", 1_020_000, fresh(30, 30)),
        ("§5.2.1.1 max-age missed", "max-age=30", 1_020_001, Reuse::Unwanted),
        ("§5.2.1.1 max-age=0", "max-age=0", 1_000_000, Reuse::Unwanted),
        ("§5.2.1.1 max-age does not lengthen", "max-age=1000", 1_050_000, Reuse::Stale),
        ("§5.2.1.3 min-fresh met", "min-fresh=30", 1_020_000, fresh(30, 30)),
        ("§5.2.1.3 min-fresh missed", "min-fresh=30", 1_020_001, Reuse::Unwanted),
        ("§5.2.1.2 max-stale: stale is not served yet", "max-stale", 1_050_000, Reuse::Stale),
    ];
    for (case, cache_control, now_ms, expected) in table {
        let request = CacheControl::parse(&[("cache-control", cache_control)]);
        assert_eq!(decide(&times, &request, now_ms), expected, "{case}");
    }
}

#[test]
fn what_was_stored_in_the_future_is_older_than_any_client_takes() {
    let times = Times { response_time_ms: 1_000_000, initial_age_ms: 0, freshness_lifetime_ms: 60_000 };
    // 68 years, the largest Age that has a meaning (RFC 9111 §1.2.2).
    assert_eq!(times.age_ms(0) / 1_000, 2_147_483_648);
    assert!(times.stale_ms(0) / 1_000 > 365 * 86_400);
}
