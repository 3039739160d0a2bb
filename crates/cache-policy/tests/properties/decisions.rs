//! No input makes a decision panic or contradict itself, and each preset keeps its word.

use cache_policy::{
    Directives, Policy, RoutePolicy, conditional,
    request::{self, RequestDecision},
    reuse::{self, Reuse},
    stale::{self, Windows},
    store::{self, Storable},
    vary,
};
use http_semantics::{CacheControl, ContentRange, Fields, cache_control::Scope};
use proptest::{prelude::*, sample::select};

use crate::inputs::{Owned, fields, route, status};

/// Whether RFC 9111 allows storing it in a shared cache at all (§3).
fn check_rfc9111(
    request: &Owned,
    status: u16,
    response: &Owned,
    said: &CacheControl,
) -> Result<(), TestCaseError> {
    let is_known =
        matches!(status, 200..=205 | 300..=303 | 305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505);
    prop_assert!(status >= 200 && status != 304, "§3 it is final, and not the answer to a condition");
    prop_assert!(!CacheControl::parse(request).no_store, "§5.2.1.5");
    prop_assert!(!said.no_store || (said.must_understand && is_known), "§5.2.2.5, §5.2.2.3");
    prop_assert!(!said.must_understand || is_known || status == 206, "§5.2.2.3");
    prop_assert!(said.private != Scope::Whole, "§5.2.2.7");
    let is_shared = said.public || said.must_revalidate || said.s_maxage.is_some();
    prop_assert!(is_shared || !request.contains("authorization"), "§3.5");
    let part = response.first("content-range").and_then(ContentRange::parse);
    prop_assert!(status != 206 || part.is_some_and(|part| part.complete.is_some()), "§3.3");
    Ok(())
}

/// What the cautious preset leaves to others.
fn check_cautious(
    request: &Owned,
    response: &Owned,
    storable: &Storable,
    said: &CacheControl,
) -> Result<(), TestCaseError> {
    let credentials = Policy::default().credential_headers;
    prop_assert!(!credentials.iter().any(|name| request.contains(name)));
    prop_assert!(!response.contains("set-cookie") && !response.contains("content-range"));
    prop_assert!(!said.private.is_present() && !said.no_cache.is_present());
    prop_assert!(storable.ttl_ms() > 0);
    Ok(())
}

fn check_windows(response: &Owned, route: &RoutePolicy, said: &CacheControl) -> Result<(), TestCaseError> {
    let windows = Windows::of(response, &Policy::default(), route);
    if said.must_revalidate || said.proxy_revalidate || said.no_cache == Scope::Whole {
        prop_assert_eq!(windows, Windows { if_error: 0, while_revalidate: 0, max_stale: 0 }, "§4.2.4");
    }
    prop_assert!(windows.keep_ms(response, route) <= route.lifetimes.keep_stale_seconds.saturating_mul(1000));
    prop_assert!(windows.max_stale == 0 || said.s_maxage.is_none(), "§5.2.2.10");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn decisions_hold_whatever_the_input(
        method in select(vec!["GET", "HEAD", "POST", "TRACE", "\u{e9}"]),
        status in status(),
        request in fields(),
        response in fields(),
        now_ms in prop_oneof![3 => Just(784_111_777_000_u64), 1 => any::<u64>()],
        later_ms in any::<u64>(),
        route in route(),
    ) {
        let policy = Policy::default();
        let decision = request::decide(method.as_bytes(), &request, &policy, &route);
        conditional::not_modified(&request, &response);
        let said = Directives::of_response(&response, &policy).cache_control;
        check_windows(&response, &route, &said)?;
        let Ok(storable) = store::decide(&request, status, &response, &policy, &route, now_ms) else {
            return Ok(());
        };
        check_rfc9111(&request, status, &response, &said)?;
        if !route.storing.every_status {
            check_cautious(&request, &response, &storable, &said)?;
        }
        let max_ttl_ms = route.lifetimes.max_ttl_seconds.saturating_mul(1000);
        prop_assert!(storable.ttl_ms() <= max_ttl_ms);
        prop_assert!(storable.ttl_ms() == 0 || said.no_cache != Scope::Whole, "§5.2.2.4");
        prop_assert!(storable.ttl_ms() > 0 || !stale::validators(&response).is_empty());
        prop_assert!(storable.vary.len() <= 8 && storable.vary.is_sorted());
        vary::key("k", &storable.vary, &request);
        let times = reuse::Times {
            response_time_ms: now_ms,
            initial_age_ms: storable.initial_age_ms,
            freshness_lifetime_ms: storable.freshness_lifetime_ms,
        };
        let is_fresh = matches!(reuse::decide(&times, &CacheControl::default(), now_ms), Reuse::Fresh { .. });
        prop_assert_eq!(is_fresh, storable.ttl_ms() > 0, "§4.2");
        if let RequestDecision::Lookup(lookup) = decision {
            reuse::decide(&times, &lookup.cache_control, later_ms);
        }
    }

    #[test]
    fn what_may_not_be_stored_is_left_out(stored in fields(), response in fields(), route in route()) {
        let policy = Policy::default();
        let said = Directives::of_response(&response, &policy).cache_control;
        let names: Vec<_> = store::stored_fields(&response, &policy, &route).map(|(name, _)| name).collect();
        prop_assert!(!names.contains(&&b"age"[..]) && !names.contains(&&b"connection"[..]));
        let names_cookies = |said: &CacheControl| {
            said.private.fields().iter().chain(said.no_cache.fields()).any(|name| name == "set-cookie")
        };
        let has_cookies = names.contains(&&b"set-cookie"[..]);
        prop_assert!(!has_cookies || (route.storing.set_cookie && !names_cookies(&said)));

        let fresh = stale::freshened(&stored, &response, &policy, &route);
        let said = Directives::of_response(&fresh, &policy).cache_control;
        prop_assert!(!names_cookies(&said) || !fresh.contains("set-cookie"), "§5.2.2.4");
        prop_assert!(fresh.values("etag").eq(stored.values("etag")), "§3.2");
    }
}
