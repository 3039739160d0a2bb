//! Stale responses are served while one request refreshes them in the background.

use std::thread;
use std::time::Duration;

use e2e::{
    Proxy, SOON_STALE, Setup, assert_text, hit, miss, numbered, numbered_text, stale, wait_for,
    wait_until_stale, x_cache,
};
use testbed::{Answer, Client, Question, Request, Response};

const GZIP: [(&str, &str); 1] = [("accept-encoding", "gzip")];

/// Waits for the answer to a request to be this one, whoever has it fetched.
fn wait_for_text(proxy: &Proxy, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let mut last = None;
    wait_for("the refreshed one", || {
        let response = proxy.get_with(path, headers);
        let is_it = response.text() == body;
        last = Some(response);
        is_it
    });
    last.expect("an answer")
}

#[test]
fn the_client_gets_the_stale_one_at_once_and_the_next_the_refreshed_one() {
    let proxy = Setup::new().start(numbered(SOON_STALE));
    let first = miss(proxy.get_with("/v", &GZIP));
    assert_text(&first, 200, &numbered_text(1));
    wait_until_stale();
    assert_text(&stale(proxy.get_with("/v", &GZIP)), 200, &numbered_text(1));
    let refreshed = hit(wait_for_text(&proxy, "/v", &GZIP, &numbered_text(2)));
    for name in ["content-encoding", "vary", "x-original-size", "content-type"] {
        assert_eq!(refreshed.header(name), first.header(name), "{name}: it is stored as a miss's would be");
    }
    assert_eq!(refreshed.header("content-encoding").as_deref(), Some("gzip"));
    let questions = proxy.origin.questions();
    assert_eq!(questions.len(), 2);
    assert_eq!(questions[1].header("x-slipstream-refresh"), None, "that is nobody else's business");
    assert_eq!(questions[1].header("host"), questions[0].header("host"));
    assert_eq!(questions[1].header("accept-encoding"), questions[0].header("accept-encoding"));
    proxy.wait_for_metric("slipstream_cache_refreshes_total", &[("outcome", "answered")], 1.0);
    // No client has asked for it.
    proxy.wait_for_metric("opt004_cache_misses_total", &[], 1.0);
    proxy.wait_for_metric("slipstream_cache_lookups_total", &[("outcome", "miss")], 1.0);
}

#[test]
fn however_many_come_it_is_refreshed_once() {
    let service = numbered(SOON_STALE);
    let slow = move |question: &Question| service(question).delay(Duration::from_millis(500));
    let proxy = Setup::uncompressed().workers(2).start(slow);
    let second = proxy.another_envoy();
    miss(proxy.get("/v"));
    wait_until_stale();
    let asked: Vec<_> = (0..40)
        .map(|number| {
            let url = if number % 2 == 0 { proxy.url("/v") } else { second.url("/v") };
            let request = Request::get(url).header("host", proxy.authority());
            thread::spawn(move || Client::new().send(request).expect("an answer"))
        })
        .collect();
    for asked in asked {
        let response = asked.join().expect("no panic");
        // On a busy machine some come only when it has been refreshed.
        if x_cache(&response) == "STALE" {
            assert_text(&stale(response), 200, &numbered_text(1));
        } else {
            assert_text(&response, 200, &numbered_text(2));
        }
    }
    wait_for("the refresh", || proxy.origin.total() >= 2);
    wait_for_text(&proxy, "/v", &[], &numbered_text(2));
    assert_eq!(proxy.origin.total(), 2);
}

#[test]
fn a_refresh_asks_whether_it_has_changed() {
    let proxy = Setup::uncompressed().start(|question| {
        let is_known = question.header("if-none-match").as_deref() == Some("\"v1\"");
        let answer = if is_known { Answer::new(304, "") } else { Answer::json("tagged") };
        answer.header("etag", "\"v1\"").header("cache-control", SOON_STALE)
    });
    miss(proxy.get("/v"));
    for round in 1..=2 {
        wait_until_stale();
        assert_text(&stale(proxy.get("/v")), 200, "tagged");
        wait_for("the service to be asked", || proxy.origin.total() == 1 + round);
        proxy.wait_for_metric(
            "slipstream_cache_validations_total",
            &[("outcome", "not_modified")],
            round as f64,
        );
    }
    proxy.wait_for_metric("slipstream_cache_stale_served_total", &[("reason", "revalidating")], 2.0);
}

#[test]
fn each_variant_is_refreshed_for_itself() {
    let proxy = Setup::uncompressed().start(|question| {
        Answer::json(question.header("accept-language").unwrap_or_default())
            .header("vary", "Accept-Language")
            .header("cache-control", SOON_STALE)
    });
    let (de, en) = ([("accept-language", "de")], [("accept-language", "en")]);
    miss(proxy.get_with("/v", &de));
    miss(proxy.get_with("/v", &en));
    wait_until_stale();
    assert_text(&stale(proxy.get_with("/v", &en)), 200, "en");
    wait_for("the refresh", || proxy.origin.total() == 3);
    assert_eq!(proxy.origin.questions()[2].header("accept-language").as_deref(), Some("en"));
    assert_text(&stale(proxy.get_with("/v", &de)), 200, "de");
    wait_for("the other refresh", || proxy.origin.total() >= 4);
    assert_text(&proxy.get_with("/v", &de), 200, "de");
}
