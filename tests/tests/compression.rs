//! Responses are compressed when asked for, rightly, and flow when they must.

use std::time::{Duration, Instant};

use e2e::{Connection, Setup, assert_text, route};
use testbed::{Answer, Question, Request, Response};

fn rows(count: usize) -> String {
    (0..count).map(|number| format!("{{\"number\":{number},\"name\":\"item\"}},")).collect()
}

/// Responses by path; none is cached, so that each is compressed anew.
fn service(question: &Question) -> Answer {
    let large = || Answer::json(rows(500)).header("etag", "\"v1\"");
    match question.path() {
        "/chunked" => large().chunked(700, Duration::ZERO),
        "/small" => Answer::json("x".repeat(1_023)),
        "/just" => Answer::json("x".repeat(1_024)),
        "/encoded" => large().header("content-encoding", "br"),
        "/image" => Answer::new(200, rows(500)).header("content-type", "image/png"),
        "/opted-out" => large().header("x-no-compression", "1"),
        "/no-transform" => large().header("cache-control", "no-transform"),
        "/varies" => large().header("vary", "Origin"),
        "/weak" => Answer::json(rows(500)).header("etag", "W/\"v1\""),
        "/error" => Answer { status: 500, ..large() },
        "/no-content" => Answer::new(204, ""),
        "/not-modified" => Answer::new(304, "").header("etag", "\"v1\""),
        _ => large(),
    }
}

type Headers = &'static [(&'static str, &'static str)];

const GZIP: [(&str, &str); 1] = [("accept-encoding", "gzip")];

fn is_gzip(response: &Response) -> bool {
    response.header("content-encoding").as_deref() == Some("gzip")
}

#[test]
fn what_is_compressed_says_so_and_is_right() {
    let proxy = Setup::new()
        .route(
            "{ name: held, match: { path: /chunked }, route: { cluster: workspace }, \
             metadata: { filter_metadata: { slipstream.compression: { mode: buffer } } } }",
        )
        .start(service);
    for path in ["/", "/chunked", "/varies", "/weak", "/error", "/just"] {
        let plain = proxy.get(path);
        let response = proxy.get_with(path, &GZIP);
        assert!(is_gzip(&response) && !is_gzip(&plain), "{path}: {:?}", response.headers);
        let decoded = response.decoded().unwrap();
        assert_eq!((response.status, &decoded), (plain.status, &plain.body), "{path}");
        let (original, size) = (decoded.len(), response.body.len());
        assert_eq!(response.header("x-original-size"), Some(original.to_string()));
        let ratio: f64 = response.header("x-compression-ratio").unwrap().parse().unwrap();
        let expected = 100.0 * (original - size) as f64 / original as f64;
        assert!((ratio - expected).abs() <= 0.1, "{path}: {ratio} %, expected {expected}");
        assert_eq!(response.header("content-length"), Some(size.to_string()), "{path}");
        let vary = if path == "/varies" { "Origin, Accept-Encoding" } else { "Accept-Encoding" };
        for (response, tag) in [(&response, "W/\"v1\""), (&plain, "\"v1\"")] {
            assert_eq!(response.header_values("vary").join(", "), vary, "{path}");
            match (path, response.header("etag")) {
                ("/just", etag) => assert_eq!(etag, None),
                ("/weak", etag) => assert_eq!(etag.as_deref(), Some("W/\"v1\"")),
                (_, etag) => assert_eq!(etag.as_deref(), Some(tag), "{path}"),
            }
        }
    }
}

#[test]
fn what_must_not_be_compressed_is_left_as_it_is() {
    let proxy = Setup::new()
        .route(
            "{ name: uncompressed, match: { path: /off }, route: { cluster: workspace }, \
             metadata: { filter_metadata: { slipstream.compression: { enabled: false } } } }",
        )
        .start(service);
    let cases: [(&str, &str, Headers); 14] = [
        ("GET", "/small", &GZIP),
        ("GET", "/encoded", &GZIP),
        ("GET", "/image", &GZIP),
        ("GET", "/opted-out", &GZIP),
        ("GET", "/no-transform", &GZIP),
        ("GET", "/off", &GZIP),
        ("GET", "/", &[("accept-encoding", "gzip"), ("x-no-compression", "1")]),
        ("GET", "/", &[("accept-encoding", "gzip;q=0, br;q=0")]),
        ("GET", "/", &[("accept-encoding", "compress, exi")]),
        ("GET", "/", &[("accept-encoding", "gzip"), ("cache-control", "no-transform")]),
        ("GET", "/", &[("accept-encoding", "identity, gzip;q=0.5")]),
        ("GET", "/", &[]),
        ("GET", "/no-content", &GZIP),
        ("GET", "/not-modified", &[("accept-encoding", "gzip"), ("if-none-match", "\"v1\"")]),
    ];
    for (method, path, headers) in cases {
        let response = proxy.send(method, path, headers);
        let question = Question {
            method: method.to_owned(),
            target: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let expected = service(&question);
        assert_eq!(response.status, expected.status, "{path} {headers:?}");
        if let testbed::Body::Sized(body) = &expected.body {
            assert!(response.body == *body, "{path} {headers:?}");
        }
        for (name, value) in &expected.headers {
            assert_eq!(response.header(name).unwrap().as_bytes(), value, "{path}: {name}");
        }
        assert!(!is_gzip(&response) && response.header("x-original-size").is_none(), "{path}: {response:?}");
    }
    let head = proxy.send("HEAD", "/", &GZIP);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(is_gzip(&head) && head.header("vary").as_deref() == Some("Accept-Encoding"), "{head:?}");
    assert_eq!((head.header("content-length"), head.header("etag").as_deref()), (None, Some("W/\"v1\"")));
    let known =
        proxy.send("GET", "/not-modified", &[("accept-encoding", "gzip"), ("if-none-match", "W/\"v1\"")]);
    assert_eq!((known.status, known.header("etag").as_deref()), (304, Some("W/\"v1\"")));
}

#[test]
fn a_part_of_what_is_compressed_is_not() {
    let proxy = Setup::new().start(|_| {
        let part = Answer { status: 206, ..Answer::json(rows(100)) };
        part.header("content-range", "bytes 0-9/100")
    });
    let request = Request::get(proxy.url("/")).header("accept-encoding", "gzip").header("range", "bytes=0-9");
    assert_text(&proxy.ask(request), 206, &rows(100));
}

#[test]
fn events_flow_as_they_come() {
    const PAUSE: Duration = Duration::from_millis(400);
    let proxy =
        Setup::new().route(route("events", "{ path: /events }", "{ default_ttl_seconds: 60 }")).start(|_| {
            let events = "data: an event\n\n".repeat(5);
            let answer = Answer::new(200, events).header("content-type", "text/event-stream; charset=utf-8");
            answer.chunked(16, PAUSE)
        });
    let mut connection = Connection::open(proxy.front.port());
    connection.send(b"GET /events HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n");
    connection.read_until(b"\r\n\r\n", 1);
    let start = Instant::now();
    let times: Vec<Duration> = (1..=5)
        .map(|number| {
            connection.read_until(b"data: an event\n\n", number);
            start.elapsed()
        })
        .collect();
    // Held back, they would come together at the end.
    assert!(times[4] - times[0] >= PAUSE * 3, "{times:?}");
    assert!(times.windows(2).filter(|pair| pair[1] - pair[0] >= PAUSE / 2).count() >= 3, "{times:?}");
    assert_eq!(connection.count(b"content-encoding"), 0);
}

#[test]
fn savings_are_measured_under_the_names_the_queries_use() {
    let proxy = Setup::new().start(|_| Answer::json("x".repeat(50_000)).header("cache-control", "no-store"));
    let mut saved = 0.0;
    for _ in 0..4 {
        let response = proxy.get_with("/api/items/1", &GZIP);
        saved += (50_000 - response.body.len()) as f64;
    }
    proxy.get("/api/items/1");
    let labels = [("service", "workspace"), ("route", "item")];
    proxy.wait_for_metric("opt001_compression_savings_bytes_sum", &labels, saved);
    let metrics = proxy.metrics();
    for histogram in ["opt001_compression_ratio_percent", "opt001_compression_savings_bytes"] {
        assert_eq!(metrics.sum(&format!("{histogram}_count"), &labels), 4.0);
        let buckets = metrics.buckets(histogram, &labels);
        assert_eq!(buckets.last(), Some(&("+Inf".to_owned(), 4.0)), "{histogram}");
        assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{histogram}: {buckets:?}");
    }
    let percent = metrics.sum("opt001_compression_ratio_percent_sum", &labels) / 4.0;
    assert!((95.0..=100.0).contains(&percent), "{percent} % on average");
    assert_eq!(metrics.buckets("opt001_compression_ratio_percent", &labels)[0], ("10".to_owned(), 0.0));
    let not_accepted = [("route", "item"), ("outcome", "not_accepted")];
    assert_eq!(metrics.sum("slipstream_compression_total", &not_accepted), 1.0);
}
