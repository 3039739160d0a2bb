//! Which stale responses are served, and what is done about them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use e2e::{
    SOON_STALE, Setup, assert_text, hit, miss, numbered, numbered_text, route, stale, wait_for,
    wait_until_stale, x_cache,
};
use testbed::{Answer, Request};

#[test]
fn what_was_purged_softly_is_refreshed_too() {
    let count = AtomicUsize::new(0);
    let settings = "{ stale_while_revalidate_seconds: 60, tags: [soft] }";
    let proxy = Setup::uncompressed().route(route("soft", "{ path: /soft }", settings)).start(move |_| {
        Answer::json(numbered_text(count.fetch_add(1, Ordering::SeqCst) + 1))
            .header("cache-control", "max-age=600")
    });
    miss(proxy.get("/soft"));
    hit(proxy.get("/soft"));
    proxy.invalidate(&serde_json::json!({"tags": ["soft"], "soft": true}));
    assert_text(&stale(proxy.get("/soft")), 200, &numbered_text(1));
    wait_for("the refreshed one", || proxy.get("/soft").text() == numbered_text(2));
    assert_eq!(proxy.origin.total(), 2);
}

#[test]
fn what_forbids_it_is_asked_for_first() {
    let proxy = Setup::uncompressed().start(|question| {
        let directives = match question.path() {
            "/silent" => "max-age=1",
            "/strict" => "max-age=1, stale-while-revalidate=60, must-revalidate",
            "/short" => "max-age=1, stale-while-revalidate=0",
            _ => SOON_STALE,
        };
        Answer::json("x").header("cache-control", directives)
    });
    let cases = [
        ("/silent", &[][..]),
        ("/strict", &[]),
        ("/short", &[]),
        ("/v", &[("cache-control", "max-age=600")]),
    ];
    for (path, _) in cases {
        miss(proxy.get(path));
    }
    wait_until_stale();
    for (path, headers) in cases {
        miss(proxy.get_with(path, headers));
        assert_eq!(proxy.origin.count(path), 2, "{path}");
    }
}

#[test]
fn who_takes_stale_responses_sets_a_refresh_off_too() {
    let proxy = Setup::uncompressed().start(numbered("max-age=1"));
    let lenient = [("cache-control", "max-stale=60")];
    miss(proxy.get("/v"));
    wait_until_stale();
    // From the worker's memory, where the service need not be asked.
    assert_text(&stale(proxy.get_with("/v", &lenient)), 200, &numbered_text(1));
    assert_eq!(proxy.origin.total(), 1);
    // Out of the companion, which gives leave to refresh it.
    let second = proxy.another_envoy();
    let ask = |headers: &[(&str, &str)]| {
        let request = Request::get(second.url("/v")).header("host", proxy.authority());
        proxy.ask(headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
    };
    assert_text(&stale(ask(&lenient)), 200, &numbered_text(1));
    wait_for("the refresh", || proxy.origin.total() == 2);
    assert_text(&hit(ask(&[])), 200, &numbered_text(2));
}

#[test]
fn a_service_that_fails_meanwhile_is_asked_again_later() {
    let status = Arc::new(AtomicU16::new(200));
    let now = status.clone();
    let proxy = Setup::uncompressed().start(move |_| {
        let status = now.load(Ordering::SeqCst);
        Answer { status, ..Answer::json(status.to_string()) }
            .header("cache-control", "max-age=1, stale-while-revalidate=60, stale-if-error=60")
    });
    miss(proxy.get("/v"));
    status.store(503, Ordering::SeqCst);
    wait_until_stale();
    for _ in 0..3 {
        assert_text(&stale(proxy.get("/v")), 200, "200");
    }
    wait_for("a refresh that fails", || proxy.origin.total() >= 2);
    status.store(200, Ordering::SeqCst);
    wait_for("a fresh one", || x_cache(&proxy.get("/v")) == "HIT");
}
