//! Requests as Envoy would tell of them, and the metrics they leave.

use request_metrics::RequestMetrics;
use slipstream_host::Property;
use slipstream_host::double::{self, Double, set_property, with};

/// A request that is over, and what Envoy says of it.
#[derive(Clone, Copy)]
struct Told<'a> {
    method: &'a str,
    route: &'a str,
    cluster: Option<&'a str>,
    status: Option<i64>,
    duration_ns: i64,
    request_bytes: i64,
    response_bytes: i64,
}

const ITEMS: Told = Told {
    method: "GET",
    route: "items",
    cluster: Some("origin"),
    status: Some(200),
    duration_ns: 7_300_000,
    request_bytes: 0,
    response_bytes: 2_000,
};

fn serve(proxy: &Double<RequestMetrics>, told: Told) {
    with(|host| host.clear_properties());
    let numbers = [
        (Property::RESPONSE_CODE, told.status),
        (Property::REQUEST_DURATION, Some(told.duration_ns)),
        (Property::REQUEST_SIZE, Some(told.request_bytes)),
        (Property::RESPONSE_SIZE, Some(told.response_bytes)),
    ];
    for (property, value) in numbers {
        if let Some(value) = value {
            set_property(property, &value.to_le_bytes());
        }
    }
    set_property(Property::REQUEST_METHOD, told.method.as_bytes());
    set_property(Property::ROUTE_NAME, told.route.as_bytes());
    if let Some(cluster) = told.cluster {
        set_property(Property::CLUSTER_NAME, cluster.as_bytes());
    }
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
        (Told { status: Some(0), ..ITEMS }, ["origin", "items", "GET", "0"]),
        (Told { status: Some(503), method: "HEAD", ..ITEMS }, ["origin", "items", "HEAD", "503"]),
        (Told { route: "a;.;b=.=c", ..ITEMS }, ["origin", "a_._b_._c", "GET", "200"]),
    ];
    for evaluates in [true, false] {
        for (told, labels) in cases {
            let proxy = Double::<RequestMetrics>::start("{}").unwrap();
            if !evaluates {
                with(|host| host.failing.insert("call_foreign_function"));
            }
            serve(&proxy, told);
            proxy.tick_after_ms(1_000);
            assert_eq!(metric(labels, "http_requests_total"), Some(1), "{labels:?} {evaluates}");
        }
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
    with(|host| host.failing.extend(["call_foreign_function", "get_property"]));
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
fn absurd_amounts_are_counted_as_0() {
    let proxy = Double::<RequestMetrics>::start("").unwrap();
    serve(&proxy, Told { duration_ns: -5, request_bytes: -1, response_bytes: i64::MIN, ..ITEMS });
    serve(&proxy, Told { duration_ns: i64::MAX, request_bytes: i64::MAX, response_bytes: 1, ..ITEMS });
    proxy.tick_after_ms(1_000);
    let labels = ["origin", "items", "GET", "200"];
    assert_eq!(metric(labels, "http_request_duration_seconds_count"), Some(2));
    assert_eq!(metric(labels, "http_response_size_bytes_sum"), Some(1));
    assert_eq!(metric(labels, "http_request_size_bytes_sum"), Some(i64::MAX));
}
