//! Clients that no API expects: odd bytes, huge headers, requests in one go, and leaving in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use e2e::{Connection, Setup, assert_text, hit, is_hit, miss, route, wait_for, x_cache};
use testbed::{Answer, Client, Request};

const ODD: [&[u8]; 4] = [b"\xff\xfe", b"caf\xe9", b"\x80\"\xc3", b"gzip, \xf0\x28"];

#[test]
fn header_values_that_are_not_utf8_kill_nothing() {
    const NAMES: [&str; 10] = [
        "x-odd",
        "accept-encoding",
        "cache-control",
        "if-none-match",
        "if-modified-since",
        "pragma",
        "x-no-compression",
        "accept-language",
        "authorization",
        "content-type",
    ];
    let odd_routes = "{ default_ttl_seconds: 60, key_headers: [accept-language, authorization, x-odd] }";
    let proxy = Setup::new().route(route("keyed", "{ path: /keyed }", odd_routes)).start(|question| {
        // An answer to a question about `name` carries what it was asked with in that field.
        let answer = Answer::json("x".repeat(2_000));
        let back = question.headers.iter().find(|(name, _)| name == "x-back").map(|(_, value)| value.clone());
        let name = question.target.rsplit('?').next().unwrap_or_default();
        match back {
            Some(value) if question.path() == "/back" => answer.header(name, value),
            _ => answer,
        }
    });
    for value in ODD {
        for name in NAMES {
            for path in ["/api/items", "/keyed"] {
                for method in ["GET", "POST"] {
                    let answer = Connection::ask(
                        proxy.front.port(),
                        &format!("{method} {path}"),
                        &[(name, value), ("content-length", b"0")],
                    );
                    let answered = answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.len() > 200;
                    assert!(answered, "{name}: {:?}", String::from_utf8_lossy(&answer));
                }
            }
        }
        for name in [
            "cache-control",
            "etag",
            "last-modified",
            "content-type",
            "vary",
            "age",
            "date",
            "expires",
            "content-encoding",
            "set-cookie",
            "x-odd",
            "accept-ranges",
            "digest",
        ] {
            for coding in ["gzip", "identity"] {
                let request = Request::get(proxy.url(&format!("/back?{name}")))
                    .header("x-back", value)
                    .header("accept-encoding", coding);
                assert_eq!(proxy.ask(request).status, 200, "{name}");
            }
        }
    }
    // Different bytes are different keys.
    for value in ODD {
        let ask = || proxy.ask(Request::get(proxy.url("/keyed?again")).header("accept-language", value));
        miss(ask());
        hit(ask());
    }
    assert_eq!(proxy.is_healthy(), Ok(()));
    let metrics = proxy.metrics();
    assert_eq!(metrics.sum("slipstream_requests_unread_total", &[]), 0.0);
}

#[test]
fn bytes_in_targets_and_hosts_that_do_not_belong_there_kill_nothing() {
    let proxy = Setup::new().start(|_| Answer::json("x"));
    for target in [
        "/api/items?\u{e4}",
        "/api/items/%",
        "/api/items?%zz",
        "/api/items?a#b",
        "//",
        "*",
        "/api/items?\"<>",
    ] {
        for method in ["GET", "PUT"] {
            let request = format!("{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            let mut connection = Connection::open(proxy.front.port());
            connection.send(request.as_bytes());
            let answer = connection.read_to_end(Duration::from_secs(10));
            assert!(answer.starts_with(b"HTTP/1.1 "), "{target}: {answer:?}");
        }
    }
    for request in [
        &b"GET /api/items HTTP/1.1\r\nhost: \xff\r\nconnection: close\r\n\r\n"[..],
        b"GET /api/items HTTP/1.1\r\nconnection: close\r\n\r\n",
        b"GET /api/items HTTP/1.0\r\n\r\n",
        b"GET\x00 / HTTP/1.1\r\n\r\n",
    ] {
        let mut connection = Connection::open(proxy.front.port());
        connection.send(request);
        connection.read_to_end(Duration::from_secs(10));
    }
    miss(proxy.get("/api/items?fine"));
    hit(proxy.get("/api/items?fine"));
}

#[test]
fn header_values_of_a_hundred_kilobytes() {
    const LONG: usize = 100_000;
    let proxy = Setup::new()
        .route(route("keyed", "{ path: /keyed }", "{ default_ttl_seconds: 60, key_headers: [x-long] }"))
        .edit("stat_prefix: front\n", "stat_prefix: front\n                max_request_headers_kb: 512\n")
        .edit(
            "    - name: workspace\n      type: STRICT_DNS\n",
            "    - name: workspace
      type: STRICT_DNS
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: { http_protocol_options: {} }
          common_http_protocol_options: { max_response_headers_kb: 512 }
",
        )
        .start(|question| {
            let answer = Answer::json("x");
            if question.target.ends_with("?long") {
                answer.header("x-long", "y".repeat(LONG))
            } else {
                answer
            }
        });
    let long = "z".repeat(LONG);
    for path in ["/api/items", "/api/items?long", "/keyed"] {
        for round in 0..3 {
            let response = proxy.get_with(path, &[("x-long", &long)]);
            assert_text(&response, 200, "x");
            let expected = if path.ends_with("long") { Some(LONG) } else { None };
            assert_eq!(response.header("x-long").map(|value| value.len()), expected);
            assert!(round == 0 || path == "/keyed" || is_hit(&response), "{path}: {}", x_cache(&response));
        }
    }
    assert_eq!(proxy.send("PUT", "/keyed", &[("x-long", &long)]).status, 200);
    // As shipped, Envoy refuses them before any filter sees them.
    let shipped = Setup::new().start(|_| Answer::json("x"));
    assert_eq!(shipped.get_with("/api/items", &[("x-long", &long)]).status, 431);
    assert_text(&shipped.get("/api/items"), 200, "x");
}

#[test]
fn requests_with_huge_keys_take_the_cache_from_nobody() {
    let proxy = Setup::new()
        .route(route("keyed", "{ path: /keyed }", "{ default_ttl_seconds: 60, key_headers: [x-long] }"))
        .edit("stat_prefix: front\n", "stat_prefix: front\n                max_request_headers_kb: 8192\n")
        .edit("max_bytes: 67108864", "max_bytes: 0")
        .start(|_| Answer::json("x"));
    wait_for("hits", || is_hit(&proxy.get("/api/items")));
    let long = "z".repeat(600_000);
    for _ in 0..10 {
        let answer = Connection::ask(proxy.front.port(), "GET /keyed", &[("x-long", long.as_bytes())]);
        let end = &answer[answer.len().saturating_sub(5)..];
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && end == b"\r\n\r\nx", "{answer:?}");
    }
    hit(proxy.get("/api/items"));
}

#[test]
fn clients_that_leave_during_a_lookup_disturb_nobody() {
    let mut proxy = Setup::new().start(|question| Answer::json(question.target.clone()));
    wait_for("hits", || is_hit(&proxy.get("/api/items")));
    let looked_up = |proxy: &e2e::Proxy| {
        let stats = Client::new().get(proxy.companion.url("/v1/stats")).json();
        stats["hits"].as_u64().unwrap() + stats["misses"].as_u64().unwrap()
    };
    let before = looked_up(&proxy);
    proxy.companion.process().pause();
    for number in 0..20 {
        let mut connection = Connection::open(proxy.front.port());
        connection.send(format!("GET /api/items?{number} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes());
        wait_for("Envoy to have the request", || {
            let stats =
                proxy.front.envoy.admin("GET", "/stats?filter=http.front.downstream_rq_active").unwrap();
            !stats.trim().ends_with(": 0")
        });
        drop(connection);
        wait_for("Envoy to see that its client is gone", || {
            let stats =
                proxy.front.envoy.admin("GET", "/stats?filter=http.front.downstream_rq_active").unwrap();
            stats.trim().ends_with(": 0")
        });
    }
    proxy.companion.process().resume();
    wait_for("the companion to have seen the lookups", || looked_up(&proxy) > before);
    for number in 0..20 {
        let path = format!("/api/items?{number}");
        assert_text(&proxy.get(&path), 200, &path);
    }
    wait_for("hits again", || is_hit(&proxy.get("/api/items")));
    assert_eq!(proxy.is_healthy(), Ok(()));
}

#[test]
fn a_client_that_leaves_before_its_write_is_acknowledged_has_written() {
    let version = Arc::new(AtomicU64::new(1));
    let at_origin = version.clone();
    let mut proxy = Setup::new().start(move |question| {
        if question.method == "POST" {
            at_origin.fetch_add(1, Ordering::SeqCst);
        }
        Answer::json(at_origin.load(Ordering::SeqCst).to_string())
    });
    wait_for("hits", || is_hit(&proxy.get("/api/items")));
    proxy.companion.process().pause();
    let mut connection = Connection::open(proxy.front.port());
    connection.send(b"POST /api/items HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}");
    wait_for("the write to happen", || version.load(Ordering::SeqCst) == 2);
    // Give the invalidation the time to be sent.
    thread::sleep(Duration::from_millis(200));
    drop(connection);
    proxy.companion.process().resume();
    wait_for("the new list", || proxy.get("/api/items").text() == "2");
    wait_for("hits again", || {
        let response = proxy.get("/api/items");
        assert_text(&response, 200, "2");
        is_hit(&response)
    });
}

#[test]
fn requests_sent_in_one_go_are_answered_in_order() {
    let proxy = Setup::new().start(|question| {
        Answer::json(format!("<{}>", question.target)).header("cache-control", "max-age=60")
    });
    let port = proxy.front.port();
    let target = |number: usize| format!("/p/{number}");
    let request = |number: usize| format!("GET {} HTTP/1.1\r\nhost: x\r\n\r\n", target(number));
    let answered = |connection: &Connection| -> Vec<String> {
        let text = connection.text();
        text.split('<').skip(1).map(|rest| rest.split('>').next().unwrap().to_owned()).collect()
    };
    let mut misses = Connection::open(port);
    misses.send((0..40).map(request).collect::<String>().as_bytes());
    misses.read_until(b">", 40);
    assert_eq!(answered(&misses), (0..40).map(target).collect::<Vec<_>>());
    assert_eq!(misses.count(b"x-cache: MISS"), 40);
    // No more than two at once: after two of its own answers, a `direct_response` say, Envoy 1.40 leaves the other
    // requests of one packet lying until more comes.
    let mut hits = Connection::open(port);
    for pair in 0..20 {
        hits.send([request(2 * pair), request(2 * pair + 1)].concat().as_bytes());
        hits.read_until(b">", 2 * pair + 2);
    }
    assert_eq!(answered(&hits), (0..40).map(target).collect::<Vec<_>>());
    assert_eq!(hits.count(b"x-cache: HIT"), 40);
}
