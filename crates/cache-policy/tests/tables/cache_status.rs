//! Cache-Status (RFC 9211) and X-Cache.

use cache_policy::cache_status::{CacheStatus, Forward};

use crate::test;

#[test]
fn values() {
    let forward = |reason, stored, detail| CacheStatus::Forward { reason, status: None, stored, detail };
    let validated = |reason, stored| CacheStatus::Forward { reason, status: Some(304), stored, detail: None };
    let table = [
        ("§2.1, §2.4", CacheStatus::Hit { ttl_seconds: 123 }, "slipstream; hit; ttl=123", "HIT"),
        ("§2.4 about to end", CacheStatus::Hit { ttl_seconds: 0 }, "slipstream; hit; ttl=0", "HIT"),
        ("§2.4 stale", CacheStatus::Hit { ttl_seconds: -5 }, "slipstream; hit; ttl=-5", "STALE"),
        ("§2.5", forward(Forward::UriMiss, true, None), "slipstream; fwd=uri-miss; stored", "MISS"),
        (
            "§2.8",
            forward(Forward::UriMiss, false, Some("set-cookie")),
            "slipstream; fwd=uri-miss; detail=set-cookie",
            "MISS",
        ),
        (
            "§2.2",
            forward(Forward::Bypass, false, Some("credentials")),
            "slipstream; fwd=bypass; detail=credentials",
            "BYPASS",
        ),
        ("§2.2", forward(Forward::Method, false, None), "slipstream; fwd=method", "BYPASS"),
        ("§2.2", forward(Forward::VaryMiss, true, None), "slipstream; fwd=vary-miss; stored", "MISS"),
        ("§2.2", forward(Forward::Miss, true, None), "slipstream; fwd=miss; stored", "MISS"),
        ("§2.2", forward(Forward::Request, false, None), "slipstream; fwd=request", "MISS"),
        ("§2.2", forward(Forward::Stale, true, None), "slipstream; fwd=stale; stored", "MISS"),
        ("§2.3", validated(Forward::Stale, true), "slipstream; fwd=stale; fwd-status=304; stored", "MISS"),
        ("§2.3", validated(Forward::Request, false), "slipstream; fwd=request; fwd-status=304", "MISS"),
        ("§2.2", forward(Forward::Partial, false, None), "slipstream; fwd=partial", "MISS"),
    ];
    let mut value = String::from("what was there before");
    for (section, status, expected, word) in table {
        status.write(&mut value);
        assert_eq!(value, expected, "RFC 9211 {section}");
        assert_eq!(status.x_cache(), word, "{status:?}");
    }
}
