//! Requests as Envoy would tell of them, and the metrics they leave.

use request_metrics::RequestMetrics;
use slipstream_host::Property;
use slipstream_host::double::{self, Double, set_property, with};

/// A request, what Envoy says of it, and how long it takes.
#[derive(Clone, Copy)]
struct Told<'a> {
    method: &'a str,
    path: &'a str,
    route: &'a str,
    cluster: Option<&'a str>,
    status: Option<i64>,
    duration_ns: u64,
    request_bytes: usize,
    response_bytes: usize,
}

const ITEMS: Told = Told {
    method: "GET",
    path: "/api/items",
    route: "items",
    cluster: Some("origin"),
    status: Some(200),
    duration_ns: 7_300_000,
    request_bytes: 0,
    response_bytes: 2_000,
};

/// What Envoy tells by property; nothing is left of the stream before.
fn prepare(told: Told) {
    with(|host| host.clear_properties());
    set_property(Property::ROUTE_NAME, told.route.as_bytes());
    if let Some(cluster) = told.cluster {
        set_property(Property::CLUSTER_NAME, cluster.as_bytes());
    }
}

fn serve(proxy: &Double<RequestMetrics>, told: Told) {
    prepare(told);
    let mut stream = proxy.stream();
    let headers = [(":method", told.method), (":authority", "shop.example"), (":path", told.path)];
    stream.request(&headers, &vec![b'q'; told.request_bytes]);
    with(|host| host.monotonic_ns += told.duration_ns);
    if let Some(status) = told.status {
        stream.response_headers(&[(":status", &status.to_string())], told.response_bytes == 0);
    }
    let (first, second) = (told.response_bytes / 3, told.response_bytes - told.response_bytes / 3);
    stream.response_body(&vec![b'a'; first], false);
    stream.response_body(&vec![b'a'; second], true);
    stream.log();
}

/// A request that Envoy refused before it came to any filter.
fn refuse(proxy: &Double<RequestMetrics>, told: Told) {
    prepare(told);
    let status = told.status.unwrap_or(0);
    for (property, value) in [
        (Property::RESPONSE_CODE, status),
        (Property::REQUEST_DURATION, told.duration_ns as i64),
        (Property::REQUEST_SIZE, told.request_bytes as i64),
        (Property::RESPONSE_SIZE, told.response_bytes as i64),
    ] {
        set_property(property, &value.to_le_bytes());
    }
    set_property(Property::REQUEST_METHOD, told.method.as_bytes());
    proxy.stream().log();
}

/// A metric of one label set.
fn metric(labels: [&str; 4], name: &str) -> Option<i64> {
    let [service, route, method, status] = labels;
    let labels = format!("service=.={service};.;route=.={route};.;method=.={method};.;status=.={status};.;");
    double::metric(&format!("{labels}{name}"))
}

#[test]
fn a_request_is_counted_under_what_it_was() {
    let cases = [
        (ITEMS, ["origin", "items", "GET", "200"]),
        (Told { cluster: None, ..ITEMS }, ["none", "items", "GET", "200"]),
        (Told { route: "", ..ITEMS }, ["origin", "none", "GET", "200"]),
        (Told { method: "PURGE", ..ITEMS }, ["origin", "items", "_OTHER", "200"]),
        (Told { status: None, ..ITEMS }, ["origin", "items", "GET", "0"]),
        (Told { status: Some(503), method: "HEAD", ..ITEMS }, ["origin", "items", "HEAD", "503"]),
        (Told { route: "a;.;b=.=c", ..ITEMS }, ["origin", "a_._b_._c", "GET", "200"]),
    ];
    for config in ["{}", r#"{"route_fields": []}"#] {
        for (told, labels) in cases {
            for send in [serve, refuse] {
                let proxy = Double::<RequestMetrics>::start(config).unwrap();
                send(&proxy, told);
                proxy.tick_after_ms(1_000);
                assert_eq!(metric(labels, "http_requests_total"), Some(1), "{labels:?} {config}");
                let sum = |name: &str| metric(labels, name);
                assert_eq!(sum("http_request_duration_microseconds_total"), Some(7_300), "{labels:?}");
                assert_eq!(sum("http_response_size_bytes_sum"), Some(2_000), "{labels:?}");
            }
        }
    }
}

#[test]
fn a_route_is_asked_for_unless_fields_choose_it() {
    let other = Told { route: "canary", ..ITEMS };
    let elsewhere = Told { path: "/elsewhere", ..other };
    for (config, items, canary) in [("{}", 1, 2), (r#"{"route_fields": []}"#, 2, 1)] {
        let proxy = Double::<RequestMetrics>::start(config).unwrap();
        for told in [ITEMS, other, elsewhere] {
            serve(&proxy, told);
        }
        proxy.tick_after_ms(1_000);
        let count = |route| metric(["origin", route, "GET", "200"], "http_requests_total");
        assert_eq!((count("items"), count("canary")), (Some(items), Some(canary)), "{config}");
        // What was learnt of a route does not last: routes may change.
        serve(&proxy, other);
        proxy.tick_after_ms(1_000);
        assert_eq!(count("canary"), Some(canary + 1), "{config}");
    }
}

#[test]
fn sizes_and_durations_fall_into_their_buckets() {
    let config =
        r#"{"service": "shop", "duration_buckets_seconds": [0.005, 0.01], "size_buckets_bytes": [1000]}"#;
    let proxy = Double::<RequestMetrics>::start(config).unwrap();
    let labels = ["shop", "items", "GET", "200"];
    serve(&proxy, ITEMS);
    serve(&proxy, Told { duration_ns: 5_000_000, response_bytes: 1_000, request_bytes: 700, ..ITEMS });
    serve(&proxy, Told { duration_ns: 2_000_000_000, ..ITEMS });
    proxy.tick_after_ms(1_000);
    for (name, value) in [
        ("http_requests_total", 3),
        ("le=.=0.005;.;http_request_duration_seconds_bucket", 1),
        ("le=.=0.01;.;http_request_duration_seconds_bucket", 2),
        ("le=.=+Inf;.;http_request_duration_seconds_bucket", 3),
        ("http_request_duration_seconds_count", 3),
        ("http_request_duration_seconds_sum", 2),
        ("http_request_duration_microseconds_total", 2_012_300),
        ("le=.=1000;.;http_response_size_bytes_bucket", 1),
        ("le=.=+Inf;.;http_response_size_bytes_bucket", 3),
        ("http_response_size_bytes_count", 3),
        ("http_response_size_bytes_sum", 5_000),
        ("le=.=1000;.;http_request_size_bytes_bucket", 3),
        ("http_request_size_bytes_count", 3),
        ("http_request_size_bytes_sum", 700),
    ] {
        assert_eq!(metric(labels, name), Some(value), "{name}");
    }
}

#[test]
fn nothing_is_handed_over_before_a_tick_and_nothing_twice() {
    let proxy = Double::<RequestMetrics>::start("").unwrap();
    let labels = ["origin", "items", "GET", "200"];
    serve(&proxy, ITEMS);
    assert_eq!(metric(labels, "http_requests_total"), None);
    for _ in 0..3 {
        proxy.tick_after_ms(1_000);
        assert_eq!(metric(labels, "http_requests_total"), Some(1));
    }
}

#[test]
fn what_was_counted_since_the_last_tick_outlives_the_configuration() {
    let proxy = Double::<RequestMetrics>::start("").unwrap();
    serve(&proxy, ITEMS);
    drop(proxy);
    assert_eq!(metric(["origin", "items", "GET", "200"], "http_requests_total"), Some(1));
}

#[test]
fn routes_past_the_cap_are_one() {
    let proxy = Double::<RequestMetrics>::start(r#"{"max_label_sets": 2}"#).unwrap();
    for route in ["a", "b", "c", "d", "a"] {
        serve(&proxy, Told { route, ..ITEMS });
    }
    proxy.tick_after_ms(1_000);
    assert_eq!(metric(["origin", "a", "GET", "200"], "http_requests_total"), Some(2));
    assert_eq!(metric(["other"; 4], "http_requests_total"), Some(2));
    assert_eq!(double::metric("slipstream_metric_label_sets_overflowed_total"), Some(2));
}

#[test]
fn a_host_that_refuses_costs_no_request_and_no_count() {
    let proxy = Double::<RequestMetrics>::start("").unwrap();
    with(|host| host.failing.insert("get_property"));
    serve(&proxy, ITEMS);
    with(|host| host.failing = ["define_metric", "increment_metric"].into());
    serve(&proxy, ITEMS);
    proxy.tick_after_ms(1_000);
    with(|host| host.failing.clear());
    proxy.tick_after_ms(1_000);
    assert_eq!(double::metric("slipstream_requests_unread_total"), Some(1));
    assert_eq!(metric(["origin", "items", "GET", "200"], "http_requests_total"), Some(1));
    assert!(double::metric("slipstream_metric_calls_refused_total") > Some(0));
}

#[test]
fn an_answer_that_goes_past_the_filter_has_a_size() {
    let proxy = Double::<RequestMetrics>::start("").unwrap();
    prepare(ITEMS);
    set_property(Property::RESPONSE_SIZE, &2_000_i64.to_le_bytes());
    let mut stream = proxy.stream();
    stream.request(&[(":method", "GET"), (":authority", "a"), (":path", "/")], b"");
    stream.response_headers(&[(":status", "200")], false);
    stream.log();
    proxy.tick_after_ms(1_000);
    assert_eq!(metric(["origin", "items", "GET", "200"], "http_response_size_bytes_sum"), Some(2_000));
}

#[test]
fn absurd_amounts_are_counted_as_0() {
    let proxy = Double::<RequestMetrics>::start("").unwrap();
    let labels = ["origin", "items", "GET", "200"];
    prepare(ITEMS);
    set_property(Property::RESPONSE_CODE, &200_i64.to_le_bytes());
    set_property(Property::REQUEST_METHOD, b"GET");
    for size in [-1, i64::MIN, i64::MAX] {
        set_property(Property::REQUEST_SIZE, &size.to_le_bytes());
        set_property(Property::RESPONSE_SIZE, b"nonsense");
        set_property(Property::REQUEST_DURATION, b"short");
        proxy.stream().log();
    }
    proxy.tick_after_ms(1_000);
    assert_eq!(metric(labels, "http_request_duration_seconds_count"), Some(3));
    assert_eq!(metric(labels, "http_request_duration_microseconds_total"), Some(0));
    assert_eq!(metric(labels, "http_request_size_bytes_sum"), Some(i64::MAX));
}
