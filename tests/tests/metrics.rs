//! What Envoy tells Prometheus of requests and of the cache, to the number.

use std::time::Duration;

use e2e::{Connection, Setup, wait_for};
use testbed::{Answer, Body, Question};

fn service(question: &Question) -> Answer {
    match question.path() {
        "/api/items/404" => Answer::new(404, "no such item"),
        "/api/items/500" => Answer::new(500, "broken"),
        "/api/items/slow" => Answer::json("slow").delay(Duration::from_millis(120)),
        "/api/items/5000" => Answer::json("x".repeat(5_000)),
        _ => Answer::json("{}"),
    }
}

#[test]
fn every_request_is_counted_once_under_its_labels() {
    let proxy = Setup::uncompressed().workers(2).start(service);
    let mix: [(&str, &str, usize, [&str; 3]); 9] = [
        ("GET", "/api/items", 5, ["items-list", "GET", "200"]),
        ("HEAD", "/api/items", 2, ["items-list", "HEAD", "200"]),
        ("POST", "/api/items", 3, ["items-write", "POST", "200"]),
        ("GET", "/api/items/404", 4, ["item", "GET", "404"]),
        ("GET", "/api/items/500", 2, ["item", "GET", "500"]),
        ("DELETE", "/api/items/1", 1, ["item", "DELETE", "200"]),
        ("MODIFY", "/api/items/1", 2, ["item", "_OTHER", "200"]),
        ("BREW", "/api/items/1", 1, ["item", "_OTHER", "200"]),
        ("GET", "/elsewhere", 1, ["default", "GET", "200"]),
    ];
    for (method, path, times, _) in mix {
        for _ in 0..times {
            // A connection each, so that both workers count.
            let request = testbed::Request::new(method, proxy.url(path));
            testbed::Client::new().send(request).unwrap();
        }
    }
    let name = "http_requests_total";
    let total: usize = mix.iter().map(|(_, _, times, _)| times).sum();
    proxy.wait_for_metric(name, &[], total as f64);
    let metrics = proxy.metrics();
    let mut sets: Vec<[&str; 3]> = mix.iter().map(|(.., labels)| *labels).collect();
    sets.sort_unstable();
    sets.dedup();
    for labels in &sets {
        let expected: usize = mix.iter().filter(|case| case.3 == *labels).map(|case| case.2).sum();
        let [route, method, status] = *labels;
        let labels = [("service", "workspace"), ("route", route), ("method", method), ("status", status)];
        assert_eq!(metrics.sum(name, &labels), expected as f64, "{labels:?}\n{}", metrics.text(name));
    }
    let counted: Vec<f64> =
        metrics.samples(name, &[]).map(|sample| metrics.sum(name, &all(&sample.labels))).collect();
    assert_eq!(counted.iter().filter(|count| **count > 0.0).count(), sets.len(), "{}", metrics.text(name));
    // Counted once and for all: the next tick adds nothing.
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(proxy.metrics().sum(name, &[]), total as f64);
}

fn all(labels: &std::collections::HashMap<String, String>) -> Vec<(&str, &str)> {
    labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn durations_are_in_seconds_and_sizes_in_bytes() {
    let proxy = Setup::uncompressed().start(service);
    for _ in 0..3 {
        proxy.send("PUT", "/api/items/slow", &[]);
    }
    let body = vec![b'x'; 2_000];
    proxy.ask(testbed::Request::new("PUT", proxy.url("/api/items/5000")).body(body));
    let labels = [("service", "workspace"), ("route", "item"), ("method", "PUT"), ("status", "200")];
    proxy.wait_for_metric("http_request_duration_seconds_count", &labels, 4.0);
    let metrics = proxy.metrics();

    let durations = metrics.buckets("http_request_duration_seconds", &labels);
    let bounds: Vec<&str> = durations.iter().map(|(bound, _)| bound.as_str()).collect();
    let expected = "0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10 +Inf";
    assert_eq!(bounds, expected.split(' ').collect::<Vec<_>>());
    assert_eq!(durations.last().unwrap().1, 4.0);
    assert!(durations.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{durations:?}");
    let up_to = |bound: &str| durations.iter().find(|(own, _)| own == bound).unwrap().1;
    assert!(up_to("0.1") <= 1.0 && up_to("10") == 4.0, "{durations:?}");

    // Whole seconds only: the rest is carried on, so nothing is lost in the long run.
    let seconds = metrics.sum("http_request_duration_seconds_sum", &labels);
    assert!((0.0..60.0).contains(&seconds), "{seconds} s");

    let sent = metrics.buckets("http_response_size_bytes", &labels);
    assert_eq!(sent.last(), Some(&("+Inf".to_owned(), 4.0)));
    assert_eq!(sent.iter().find(|(bound, _)| bound == "4096").unwrap().1, 3.0, "{sent:?}");
    assert_eq!(sent.iter().find(|(bound, _)| bound == "16384").unwrap().1, 4.0, "{sent:?}");
    assert!(metrics.sum("http_response_size_bytes_sum", &labels) >= 5_000.0);
    let received = metrics.buckets("http_request_size_bytes", &labels);
    assert_eq!(received.iter().find(|(bound, _)| bound == "1024").unwrap().1, 3.0, "{received:?}");
    assert_eq!(metrics.sum("http_request_size_bytes_count", &labels), 4.0);
}

#[test]
fn seconds_add_up_although_counters_are_whole_numbers() {
    let proxy = Setup::uncompressed().start(service);
    for _ in 0..20 {
        proxy.send("PUT", "/api/items/slow", &[]);
    }
    let labels = [("route", "item")];
    proxy.wait_for_metric("http_request_duration_seconds_count", &labels, 20.0);
    let seconds = proxy.metrics().sum("http_request_duration_seconds_sum", &labels);
    assert!((2.0..30.0).contains(&seconds), "{seconds} s for 20 requests of at least 0.12 s");
}

#[test]
fn label_sets_past_the_cap_fall_into_other() {
    // Those that are there from the start are three.
    let edit = "max_label_sets: 6";
    let proxy = Setup::uncompressed().workers(2).edit("max_label_sets: 200", edit).start(|question| {
        let status = question.path().rsplit('/').next().and_then(|last| last.parse().ok()).unwrap_or(200);
        Answer::new(status, "x")
    });
    for status in [201, 202, 203, 400, 401, 402, 403, 405, 406] {
        // A connection each, so that both workers count.
        for _ in 0..4 {
            testbed::Client::new().get(proxy.url(&format!("/api/items/{status}")));
        }
    }
    let name = "http_requests_total";
    proxy.wait_for_metric(name, &[], 36.0);
    let metrics = proxy.metrics();
    let sets = metrics.samples(name, &[]).count();
    assert!(sets <= 7, "{}", metrics.text(name));
    let other = metrics.sum(name, &[("route", "other"), ("method", "other"), ("status", "other")]);
    assert_eq!(other, 24.0, "{}", metrics.text(name));
    assert!(metrics.sum("slipstream_metric_label_sets_overflowed_total", &[]) >= 24.0);
}

#[test]
fn sets_that_are_known_beforehand_are_there_at_zero() {
    let proxy = Setup::uncompressed().start(service);
    let known = [("route", "items-list"), ("method", "GET"), ("status", "200")];
    wait_for("the first tick", || proxy.metrics().samples("http_requests_total", &known).count() == 1);
    assert_eq!(proxy.metrics().sum("http_requests_total", &known), 0.0);
    assert_eq!(proxy.metrics().sum("http_request_duration_seconds_count", &known), 0.0);
}

#[test]
fn a_request_that_fails_says_why() {
    let proxy = Setup::uncompressed()
        .route("{ name: late, match: { path: /late }, route: { cluster: workspace, timeout: 0.3s } }")
        .route("{ name: nowhere, match: { path: /nowhere }, route: { cluster: nobody } }")
        .route("{ name: direct, match: { path: /direct }, direct_response: { status: 503 } }")
        .edit(
            "                route_config:\n",
            "                route_config:\n                  validate_clusters: false\n",
        )
        .start(|question| match question.path() {
            "/late" => Answer::json("late").delay(Duration::from_secs(30)),
            "/api/items/cut" => Answer::json("").body(Body::CutOff(20_000, vec![b'x'; 10_000])),
            "/api/items/500" => Answer::new(500, "broken"),
            _ => Answer::json("{}"),
        });
    for path in ["/late", "/nowhere", "/direct", "/api/items/500", "/api/items/fine"] {
        proxy.get(path);
    }
    let mut connection = Connection::open(proxy.front.port());
    connection.send(b"GET /api/items/cut HTTP/1.1\r\nhost: x\r\nx-no-compression: 1\r\n\r\n");
    connection.read_to_end(Duration::from_secs(30));
    let mut connection = Connection::open(proxy.front.port());
    connection.send(b"GET /late HTTP/1.1\r\nhost: x\r\n\r\n");
    wait_for("the origin to be asked again", || proxy.origin.count("/late") == 2);
    drop(connection);
    let name = "slipstream_http_errors_total";
    for (route, error) in [
        ("late", "timeout"),
        ("late", "client_reset"),
        ("nowhere", "unavailable"),
        ("direct", "local_reply"),
        ("item", "upstream"),
        ("item", "reset"),
    ] {
        proxy.wait_for_metric(
            name,
            &[("service", "workspace"), ("route", route), ("error_type", error)],
            1.0,
        );
    }
    let counted = proxy.metrics().sum(name, &[]);
    assert_eq!(counted, 6.0, "{}", proxy.metrics().text(name));
}

#[test]
fn how_the_cache_dealt_with_requests_and_what_the_service_took_are_told_apart() {
    let proxy = Setup::uncompressed().start(|_| Answer::json("{}").delay(Duration::from_millis(60)));
    for _ in 0..4 {
        proxy.get("/api/items");
    }
    proxy.get("/health");
    let cache = |status| [("service", "workspace"), ("cache_status", status)];
    proxy.wait_for_metric("slipstream_http_cache_status_total", &cache("hit"), 3.0);
    proxy.wait_for_metric("slipstream_http_cache_status_total", &cache("miss"), 1.0);
    proxy.wait_for_metric("slipstream_http_cache_status_total", &cache("bypass"), 1.0);
    let upstream = "slipstream_http_upstream_duration_seconds";
    let metrics = proxy.metrics();
    for (route, asked) in [("items-list", 1.0), ("health", 1.0)] {
        let buckets = metrics.buckets(upstream, &[("service", "workspace"), ("route", route)]);
        assert_eq!(buckets.last().unwrap().1, asked, "{route}");
        assert_eq!(buckets.iter().find(|(bound, _)| bound == "0.05").unwrap().1, 0.0, "{buckets:?}");
    }
}

#[test]
fn requests_that_are_not_over_are_told() {
    let proxy = Setup::uncompressed().start(|_| Answer::json("late").delay(Duration::from_secs(30)));
    let name = "slipstream_http_requests_in_flight";
    let connections = [0, 1, 2].map(|_| {
        let mut connection = Connection::open(proxy.front.port());
        connection.send(b"GET /api/items/1 HTTP/1.1\r\nhost: x\r\n\r\n");
        connection
    });
    proxy.wait_for_metric(name, &[("service", "workspace")], 3.0);
    drop(connections);
    proxy.wait_for_metric(name, &[("service", "workspace")], 0.0);
}

#[test]
fn a_route_is_called_what_its_metadata_or_its_path_say() {
    let proxy = Setup::uncompressed()
        .edit(
            "# path_templates: [\"/api/items/{id}\"]",
            "path_templates: [\"/api/items/{id}\", \"/v2/{rest=**}\"]",
        )
        .route(
            "{ name: named, match: { path: /v2/named }, route: { cluster: workspace },
             metadata: { filter_metadata: { slipstream.request-metrics: { route: checkout } } } }",
        )
        .route(
            "{ name: wrong, match: { path: /wrong }, route: { cluster: workspace },
             metadata: { filter_metadata: { slipstream.request-metrics: { rout: checkout } } } }",
        )
        .start(service);
    for path in ["/api/items/1?a=b", "/api/items/2", "/v2/a/b", "/v2/named", "/wrong", "/health"] {
        proxy.get(path);
    }
    for (route, times) in
        [("/api/items/:id", 2.0), ("/v2/:rest", 1.0), ("checkout", 1.0), ("wrong", 1.0), ("health", 1.0)]
    {
        proxy.wait_for_metric("http_requests_total", &[("route", route)], times);
    }
    proxy.wait_for_metric("slipstream_config_errors_total", &[], 1.0);
}

#[test]
fn whatever_clients_send_the_metrics_stay_readable_and_bounded() {
    let proxy = Setup::uncompressed().start(|_| Answer::json("{}"));
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    // All are sent before the first answer is read: Envoy takes a second to close a connection.
    let sent = [(); 60].map(|()| {
        let mut connection = Connection::open(proxy.front.port());
        let method: String = (0..1 + next() % 8).map(|_| char::from(b'A' + (next() % 26) as u8)).collect();
        let path: Vec<u8> =
            (0..next() % 40).map(|_| b"az09;.=\"\\{}\xff\xc3/?&%,~"[(next() % 19) as usize]).collect();
        let head =
            [method.as_bytes(), b" /", &path, b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"].concat();
        connection.send(&head);
        (head, connection)
    });
    let count = sent.len() as f64;
    for (head, connection) in sent {
        let answer = connection.read_to_end(Duration::from_secs(30));
        assert!(answer.starts_with(b"HTTP/1.1 "), "{}", head.escape_ascii());
    }
    // Those that Envoy's own parser refuses are counted too.
    proxy.wait_for_metric("http_requests_total", &[], count);
    let metrics = proxy.metrics();
    let sets = metrics.samples("http_requests_total", &[]).count();
    assert!(sets < 30, "{}", metrics.text("http_requests_total"));
}

#[test]
fn a_client_that_goes_away_is_counted() {
    let proxy = Setup::uncompressed().start(|_| Answer::json("late").delay(Duration::from_secs(3)));
    let mut connection = Connection::open(proxy.front.port());
    connection.send(b"GET /api/items/1 HTTP/1.1\r\nhost: x\r\n\r\n");
    wait_for("the origin to be asked", || proxy.origin.total() == 1);
    drop(connection);
    proxy.wait_for_metric("http_requests_total", &[("route", "item"), ("method", "GET")], 1.0);
    proxy.wait_for_metric("http_request_duration_seconds_count", &[("route", "item")], 1.0);
}

#[test]
fn hits_and_misses_give_the_hit_ratio() {
    let proxy = Setup::uncompressed().start(service);
    for path in ["/api/items", "/api/items?page=2"] {
        for _ in 0..5 {
            proxy.get(path);
        }
    }
    proxy.send("HEAD", "/api/items", &[]);
    // Neither a hit nor a miss: the cache was not asked.
    proxy.get_with("/api/items", &[("cookie", "a=b")]);
    proxy.get("/health");
    proxy.post("/elsewhere");
    let get = [("service", "workspace"), ("route", "items-list"), ("method", "GET")];
    let (hits, misses) = ("opt004_cache_hits_total", "opt004_cache_misses_total");
    proxy.wait_for_metric("http_requests_total", &[], 14.0);
    proxy.wait_for_metric(hits, &get, 8.0);
    proxy.wait_for_metric(misses, &get, 2.0);
    proxy.wait_for_metric(hits, &[], 9.0);
    proxy.wait_for_metric(misses, &[], 2.0);
    let metrics = proxy.metrics();
    let head = [("route", "items-list"), ("method", "HEAD")];
    assert_eq!(metrics.sum(hits, &head), 1.0);
    assert_eq!(metrics.sum("opt004_cache_latency_seconds_count", &[]), 11.0);
    let latencies = metrics.buckets("opt004_cache_latency_seconds", &get);
    assert_eq!(latencies.last(), Some(&("+Inf".to_owned(), 10.0)), "{latencies:?}");
    assert_eq!(latencies[0].0, "0.00005", "{latencies:?}");
    let bypassed = |reason| metrics.sum("slipstream_cache_bypasses_total", &[("reason", reason)]);
    assert_eq!((bypassed("credentials"), bypassed("disabled")), (1.0, 1.0));
}

#[test]
fn names_that_break_the_format_are_made_harmless() {
    let proxy = Setup::uncompressed()
        .route("{ name: 'a\"b\\c;.;route=.=x', match: { path: /odd }, route: { cluster: workspace } }")
        .start(service);
    proxy.get("/odd");
    proxy.wait_for_metric("http_requests_total", &[], 1.0);
    let metrics = proxy.metrics();
    let odd = |sample: &&prometheus_parse::Sample| {
        sample.labels.get("route").is_some_and(|route| route.starts_with('a'))
    };
    let samples: Vec<_> = metrics.samples("http_requests_total", &[]).filter(odd).collect();
    assert_eq!(samples.len(), 1);
    assert_eq!(samples[0].labels.get("status"), Some("200"));
}
