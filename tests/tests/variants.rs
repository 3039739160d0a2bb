//! Responses that vary stand side by side, everywhere.

use std::thread;
use std::time::Duration;

use e2e::{Proxy, Setup, assert_text, hit, miss, wait_for, x_cache};
use testbed::{Answer, Client, FrontProxy, Question, Request, Response};

/// Answers in the language that is asked for, at some length.
fn in_language(question: &Question) -> Answer {
    Answer::json(text(&question.header("accept-language").unwrap_or_default()))
        .header("vary", "Accept-Language")
}

fn text(language: &str) -> String {
    format!("{{\"language\":\"{language}\",\"filler\":\"{}\"}}", "x".repeat(2_000))
}

fn ask(proxy: &Proxy, language: &str, coding: Option<&str>) -> Response {
    let headers = [("accept-language", language), ("accept-encoding", coding.unwrap_or_default())];
    proxy.get_with("/api/items", &headers[..1 + usize::from(coding.is_some())])
}

/// The same question to another Envoy.
fn ask_at(proxy: &Proxy, front: &FrontProxy, language: &str) -> Response {
    let request = Request::get(front.url("/api/items")).header("host", proxy.authority());
    proxy.ask(request.header("accept-language", language))
}

fn cache_status(response: &Response) -> String {
    response.header("cache-status").unwrap_or_default()
}

#[test]
fn each_gets_their_own_and_stays_a_hit() {
    let proxy = Setup::new().start(in_language);
    for coding in [None, Some("gzip")] {
        let first = miss(ask(&proxy, "de", coding));
        assert_eq!(cache_status(&first), "slipstream; fwd=miss; stored");
        for language in ["en", "fr, en;q=0.5", ""] {
            let response = miss(ask(&proxy, language, coding));
            assert_text(&response, 200, &text(language));
            assert_eq!(cache_status(&response), "slipstream; fwd=vary-miss; stored");
        }
        for _ in 0..2 {
            for language in ["de", "en", "fr, en;q=0.5", ""] {
                let response = hit(ask(&proxy, language, coding));
                assert_text(&response, 200, &text(language));
                assert_eq!(response.header("content-encoding").as_deref(), coding);
            }
        }
        // What means the same is the same.
        assert_text(&hit(ask(&proxy, "en;q=0.5,FR", coding)), 200, &text("fr, en;q=0.5"));
    }
    assert_eq!(proxy.origin.total(), 8);
}

#[test]
fn another_envoy_finds_them_too() {
    let proxy = Setup::uncompressed().start(in_language);
    let second = proxy.another_envoy();
    for language in ["de", "en"] {
        miss(ask(&proxy, language, None));
    }
    wait_for("the marker that names both", || x_cache(&ask_at(&proxy, &second, "en")) == "HIT");
    for language in ["de", "en", "de"] {
        assert_text(&hit(ask_at(&proxy, &second, language)), 200, &text(language));
    }
    let asked = proxy.origin.total();
    // One that nobody has asked for yet is fetched there, and found here.
    assert_text(&miss(ask_at(&proxy, &second, "it")), 200, &text("it"));
    wait_for("it to be stored", || x_cache(&ask(&proxy, "it", None)) == "HIT");
    assert!(proxy.origin.total() <= asked + 2, "{}", proxy.origin.total());
}

#[test]
fn misses_that_come_together_are_one_request_for_each() {
    let proxy =
        Setup::uncompressed().start(|question| in_language(question).delay(Duration::from_millis(500)));
    let url = proxy.url("/api/items");
    let asked: Vec<_> = (0..30)
        .map(|number| {
            let (url, language) = (url.clone(), ["de", "en", "fr"][number % 3]);
            thread::spawn(move || {
                let request = Request::get(url).header("accept-language", language);
                (language, Client::new().send(request).expect("an answer"))
            })
        })
        .collect();
    for asked in asked {
        let (language, response) = asked.join().expect("no panic");
        assert_text(&response, 200, &text(language));
    }
    assert_eq!(proxy.origin.total(), 3);
}

#[test]
fn an_invalidation_drops_them_all() {
    let proxy = Setup::uncompressed().start(in_language);
    let authority = proxy.authority();
    let key = serde_json::json!({"keys": [format!("GET {authority}/api/items")]});
    let invalidations: [&dyn Fn(); 3] = [
        &|| assert_eq!(proxy.post("/api/items").status, 200),
        &|| drop(proxy.invalidate(&serde_json::json!({"tags": ["items"]}))),
        &|| drop(proxy.invalidate(&key)),
    ];
    for invalidate in invalidations {
        for language in ["de", "en"] {
            miss(ask(&proxy, language, None));
            hit(ask(&proxy, language, None));
        }
        invalidate();
    }
    miss(ask(&proxy, "de", None));
}

#[test]
fn what_varies_by_more_later_is_told_apart_from_then_on() {
    let proxy = Setup::uncompressed().start(|question| {
        let tenant = question.header("x-tenant");
        let vary = if tenant.is_some() { "X-Tenant" } else { "Accept-Language" };
        let language = question.header("accept-language").unwrap_or_default();
        Answer::json(format!("{language}/{}", tenant.unwrap_or_default())).header("vary", vary)
    });
    let ask = |headers| proxy.get_with("/api/items", headers);
    assert_text(&miss(ask(&[("accept-language", "de")])), 200, "de/");
    let of_seven = [("accept-language", "en"), ("x-tenant", "7")];
    assert_text(&miss(ask(&of_seven)), 200, "en/7");
    // Nobody gets what was chosen by a field that theirs differs in.
    assert_text(&miss(ask(&[("accept-language", "en"), ("x-tenant", "8")])), 200, "en/8");
    assert_text(&miss(ask(&[("accept-language", "en")])), 200, "en/");
    assert_text(&hit(ask(&of_seven)), 200, "en/7");
}
