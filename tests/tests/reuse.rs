//! Stored responses are used again: when, how they look, and for how long.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use e2e::{Setup, assert_text, cache_detail, hit, miss, route, wait_for, x_cache};
use testbed::{Answer, Client, Question, wait_until};

/// Numbers its answers, so that an old one can be told from a new one.
fn numbered() -> impl Fn(&Question) -> Answer {
    let count = AtomicUsize::new(0);
    move |question| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        Answer::json(format!("{} {number}", question.target))
    }
}

#[test]
fn a_miss_then_hits_that_say_so() {
    let proxy = Setup::uncompressed().start(numbered());
    let first = miss(proxy.get("/api/items"));
    assert_text(&first, 200, "/api/items 1");
    assert_eq!(first.header("cache-status").as_deref(), Some("slipstream; fwd=miss; stored"));
    for _ in 0..3 {
        let again = hit(proxy.get("/api/items"));
        assert_text(&again, 200, "/api/items 1");
        let status = again.header("cache-status").unwrap();
        let ttl: u64 = status.strip_prefix("slipstream; hit; ttl=").expect(&status).parse().unwrap();
        let age: u64 = again.header("age").unwrap().parse().unwrap();
        assert!((270..=300).contains(&ttl) && age <= 30, "{status} after {age} s");
        assert_eq!(again.header("content-type").as_deref(), Some("application/json"));
    }
    assert_eq!(proxy.origin.total(), 1);
}

#[test]
fn head_is_answered_from_a_stored_get() {
    let proxy = Setup::uncompressed().start(numbered());
    miss(proxy.send("HEAD", "/api/items", &[]));
    let stored = miss(proxy.get("/api/items"));
    let head = hit(proxy.send("HEAD", "/api/items", &[]));
    assert_eq!((head.status, head.body.as_slice()), (200, &b""[..]));
    assert_eq!(head.header("content-length"), Some(stored.body.len().to_string()));
    assert_text(&hit(proxy.get("/api/items")), 200, "/api/items 2");
    assert_eq!(proxy.origin.total(), 2);
}

#[test]
fn conditional_requests_are_answered_from_the_cache() {
    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    let proxy = Setup::uncompressed().start(|_| {
        let answer = Answer::json("tagged").header("etag", "\"v1\"").header("last-modified", MODIFIED);
        answer.header("cache-control", "max-age=60")
    });
    miss(proxy.get("/a"));
    for (name, value, status) in [
        ("if-none-match", "\"v1\"", 304),
        ("if-none-match", "\"v0\", W/\"v1\"", 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"v2\"", 200),
        ("if-modified-since", MODIFIED, 304),
        ("if-modified-since", "Sat, 05 Nov 1994 08:49:37 GMT", 200),
    ] {
        let response = hit(proxy.get_with("/a", &[(name, value)]));
        assert_eq!(response.status, status, "{name}: {value}");
        assert_eq!(response.header("etag").as_deref(), Some("\"v1\""));
        assert_eq!(response.text(), if status == 304 { "" } else { "tagged" });
    }
    assert_eq!(proxy.origin.total(), 1);
}

#[test]
fn the_order_of_parameters_does_not_matter_but_their_values_do() {
    let proxy = Setup::uncompressed().start(numbered());
    miss(proxy.get("/api/items?b=2&a=1&b=1"));
    hit(proxy.get("/api/items?a=1&b=2&b=1"));
    for other in ["?a=1&b=1&b=2", "?a=1&b=2", "?a=1&b=2&b=1&c=", "?a=2&b=2&b=1", "?A=1&b=2&b=1", ""] {
        let path = format!("/api/items{other}");
        let text = miss(proxy.get(&path)).text();
        assert!(text.starts_with(&format!("{path} ")), "{path}: {text}");
    }
    assert_eq!(proxy.origin.total(), 7);
}

#[test]
fn authorities_are_told_apart_but_not_by_case() {
    let proxy =
        Setup::uncompressed().start(|question| Answer::json(question.header("host").unwrap_or_default()));
    let get = |host: &str| proxy.get_with("/api/items", &[("host", host)]);
    assert_text(&miss(get("a.example")), 200, "a.example");
    assert_text(&miss(get("b.example")), 200, "b.example");
    assert_text(&hit(get("A.Example")), 200, "a.example");
    assert_text(&hit(get("b.example")), 200, "b.example");
}

#[test]
fn a_response_lives_as_long_as_its_origin_says() {
    let proxy = Setup::uncompressed().start(|question| match question.path() {
        "/api/items" => Answer::json("x").header("cache-control", "max-age=1"),
        "/shared" => Answer::json("x").header("cache-control", "max-age=1, s-maxage=60"),
        "/aged" => Answer::json("x").header("cache-control", "max-age=60").header("age", "59"),
        "/silent" => Answer::json("x"),
        _ => Answer::json("x").header("cache-control", "max-age=0"),
    });
    // max-age goes before the route's default of 300 s.
    for path in ["/api/items", "/aged"] {
        miss(proxy.get(path));
        wait_for("the response to expire", || x_cache(&proxy.get(path)) == "MISS");
    }
    miss(proxy.get("/shared"));
    hit(proxy.get("/shared"));
    // Without the route's word nothing is stored that does not itself say for how long.
    for (path, detail) in [("/silent", "no-freshness"), ("/zero", "stale")] {
        for _ in 0..2 {
            assert_eq!(cache_detail(&miss(proxy.get(path))), detail, "{path}");
        }
    }
}

#[test]
fn a_clients_directives_are_heeded() {
    let proxy = Setup::uncompressed().start(numbered());
    let get = |directives: &str| proxy.get_with("/api/items", &[("cache-control", directives)]);
    let only = get("only-if-cached");
    assert_eq!((only.status, proxy.origin.total()), (504, 0));
    miss(proxy.get("/api/items"));
    assert_text(&hit(get("only-if-cached")), 200, "/api/items 1");
    // What a client fetches anew is everybody's new answer.
    for (directives, number) in [("no-cache", 2), ("max-age=0", 3)] {
        assert_text(&miss(get(directives)), 200, &format!("/api/items {number}"));
        assert_text(&hit(proxy.get("/api/items")), 200, &format!("/api/items {number}"));
    }
    assert_text(&miss(proxy.get_with("/api/items", &[("pragma", "no-cache")])), 200, "/api/items 4");
    assert_text(&get("no-store"), 200, "/api/items 5");
    assert_text(&hit(proxy.get("/api/items")), 200, "/api/items 4");
    miss(get("min-fresh=301"));
}

#[test]
fn another_envoy_finds_what_the_first_has_stored() {
    let proxy = Setup::uncompressed().start(numbered());
    let second = proxy.another_envoy();
    miss(proxy.get("/api/items"));
    let client = Client::new();
    wait_for("the store to arrive", || client.get(proxy.companion.url("/v1/stats")).json()["stores"] == 1);
    for _ in 0..2 {
        assert_text(&hit(proxy.get_at(&second, "/api/items")), 200, "/api/items 1");
    }
    assert_eq!(proxy.origin.total(), 1);
}

#[test]
fn without_l1_the_companion_serves() {
    let proxy = Setup::uncompressed().edit("max_bytes: 67108864", "max_bytes: 0").start(numbered());
    miss(proxy.get("/api/items"));
    assert!(wait_until(Duration::from_secs(10), || x_cache(&proxy.get("/api/items")) == "HIT"));
    hit(proxy.get("/api/items"));
    let metrics = || proxy.metrics();
    wait_for("the lookups to be counted", || {
        metrics().sum("slipstream_cache_lookups_total", &[("outcome", "l2")]) >= 2.0
    });
    assert_eq!(metrics().sum("slipstream_cache_lookups_total", &[("outcome", "l1")]), 0.0);
    assert_eq!(metrics().sum("slipstream_cache_l1_entries", &[]), 0.0);
}

#[test]
fn l1_keeps_within_its_budget() {
    const BUDGET: usize = 300_000;
    let proxy =
        Setup::uncompressed().edit("max_bytes: 67108864", format!("max_bytes: {BUDGET}")).start(|question| {
            let size = question.target.len() * 37 % 3_000;
            Answer::json("x".repeat(size)).header("cache-control", "max-age=60")
        });
    let mut most = 0.0_f64;
    for number in 0..3_000 {
        proxy.get(&format!("/thing/{number}?{}", "p".repeat(number % 90)));
        if number % 100 == 0 {
            most = most.max(proxy.metrics().sum("slipstream_cache_l1_bytes", &[]));
        }
    }
    wait_for("L1 to be reported as filled", || {
        let bytes = proxy.metrics().sum("slipstream_cache_l1_bytes", &[]);
        most = most.max(bytes);
        bytes > BUDGET as f64 / 2.0
    });
    assert!(most <= BUDGET as f64, "{most} bytes");
    assert!(proxy.metrics().sum("slipstream_cache_l1_entries", &[]) > 50.0);
}

#[test]
fn what_is_compressed_is_compressed_once() {
    let proxy = Setup::new().start(|_| {
        let body: String = (0..2_000).map(|number| format!("{{\"number\":{number}}}")).collect();
        Answer::json(body).header("etag", "\"v1\"")
    });
    let gzip = [("accept-encoding", "gzip")];
    let first = miss(proxy.get_with("/api/items", &gzip));
    let second = hit(proxy.get_with("/api/items", &gzip));
    for response in [&first, &second] {
        assert_eq!(response.header("content-encoding").as_deref(), Some("gzip"));
        assert_eq!(response.header("etag").as_deref(), Some("W/\"v1\""));
        assert_eq!(response.header("vary").as_deref(), Some("Accept-Encoding"));
    }
    assert_eq!(first.body, second.body);
    assert_eq!(proxy.origin.total(), 1);
    let compressed = [("outcome", "compressed")];
    proxy.wait_for_metric("slipstream_compression_total", &compressed, 1.0);
    let known = proxy.get_with("/api/items", &[("accept-encoding", "gzip"), ("if-none-match", "W/\"v1\"")]);
    assert_eq!((hit(known).status, proxy.origin.total()), (304, 1));
}

#[test]
fn routes_that_say_nothing_are_left_alone() {
    let proxy = Setup::uncompressed()
        .route(route("unused", "{ path: /off }", "{ enabled: false }"))
        .start(|_| Answer::json("x").header("cache-control", "max-age=60"));
    for path in ["/off", "/health"] {
        for _ in 0..2 {
            let response = proxy.get(path);
            assert_eq!(
                (x_cache(&response).as_str(), cache_detail(&response).as_str()),
                ("BYPASS", "disabled")
            );
        }
        assert_eq!(proxy.origin.count(path), 2);
    }
}
