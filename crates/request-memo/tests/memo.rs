//! Requests that differ in what decides have outcomes of their own; others share one.

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

use request_memo::{DecidingFields, RequestMemo};

type Request = &'static [(&'static str, &'static str)];

fn memo(max_bytes: usize) -> RequestMemo<u32> {
    RequestMemo::new(DecidingFields::new([":path", "accept", "X-Tenant"]), max_bytes)
}

#[test]
fn only_what_decides_tells_requests_apart() {
    const BASE: Request = &[(":path", "/"), ("x-tenant", "a"), ("user-agent", "one")];
    let cases: [(Request, &str, bool); 10] = [
        (BASE, "route", true),
        (&[(":path", "/"), ("user-agent", "two"), ("X-TENANT", "a"), ("x-request-id", "7")], "route", true),
        (BASE, "another", false),
        (BASE, "", false),
        (&[(":path", "/b"), ("x-tenant", "a")], "route", false),
        (&[(":path", "/"), ("x-tenant", "b")], "route", false),
        (&[(":path", "/")], "route", false),
        (&[(":path", "/"), ("x-tenant", "")], "route", false),
        (&[(":path", "/"), ("x-tenant", "a"), ("accept", "")], "route", false),
        (&[(":path", "/"), ("x-tenant", "a"), ("x-tenant", "a")], "route", false),
    ];
    for (request, also, is_known) in cases {
        let mut memo = memo(1 << 20);
        assert_eq!(memo.find(BASE, b"route"), None);
        memo.remember(BASE, b"route", 1);
        assert_eq!(memo.find(request, also.as_bytes()).is_some(), is_known, "{request:?} {also}");
    }
}

#[test]
fn the_last_outcome_counts() {
    let mut memo = memo(1 << 20);
    for outcome in [1, 2] {
        memo.remember(&[(":path", "/")], b"", outcome);
        assert_eq!(memo.find(&[(":path", "/")], b""), Some(&outcome));
        assert_eq!(memo.len(), 1);
    }
}

#[test]
fn a_field_that_decides_from_now_on_ends_what_was_decided_without_it() {
    let mut memo = memo(1 << 20);
    let tagged = [(":path", "/"), ("x-tag", "1")];
    memo.remember(&[(":path", "/")], b"", 1);
    memo.also_by("x-tenant");
    assert_eq!(memo.find(&tagged, b""), Some(&1), "it decided before");
    memo.also_by("x-tag");
    assert!(memo.is_empty());
    memo.remember(&tagged, b"", 2);
    assert_eq!(memo.find(&[(":path", "/"), ("x-tag", "2")], b""), None);
    assert_eq!(memo.find(&tagged, b""), Some(&2));
}

#[test]
fn it_forgets_rather_than_grow() {
    let mut memo = memo(100_000);
    for number in 0..10_000 {
        let path = format!("/{number}");
        memo.remember(&[(":path", path.as_str())], b"", number);
        assert!((1..=200).contains(&memo.len()), "{}", memo.len());
        assert_eq!(memo.find(&[(":path", path.as_str())], b""), Some(&number));
    }
    let huge = "x".repeat(200_000);
    memo.remember(&[(":path", huge.as_str())], b"", 1);
    assert_eq!(
        memo.find(&[(":path", huge.as_str())], b""),
        None,
        "what is larger than all of it is not kept"
    );
}
