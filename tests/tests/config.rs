//! Settings: the shipped ones are valid, wrong ones are named, and a wrong route is left alone.

use e2e::{Setup, assert_text, cache_detail, hit, miss, route, wait_for, x_cache};
use testbed::{Answer, FrontProxy, FrontProxyPorts, Origin, ports, validate};

/// The configuration of each filter as it stands in the shipped file.
const METRICS: &str = "service: workspace
                            # Of all workers together; more are counted as `other`.
                            max_label_sets: 200
                            # How long the service took, apart from the whole: asks Envoy one more thing a request.
                            upstream_duration: true
                            # There from the start, at 0, so that rates see the first requests.
                            label_sets_at_start:
                              - { route: items-list, method: GET, status: 200 }
                              - { route: items-write, method: POST, status: 201 }
                              - { route: item, method: GET, status: 200 }";
const CACHE: &str = "service: workspace\n                            companion:";
const COMPRESSION: &str = "service: workspace
                                  # What clients are offered, the most preferred first. Where you change it, give response-cache
                                  # the same `codings`: what a client gets is part of its keys.
                                  codings: [zstd, gzip, br, deflate]
                                  levels: { gzip: 6, br: 5, zstd: 3 }
                                  # Stronger for what is compressed once and kept:
                                  # level_by_content_type:
                                  #   - { types: [text/css, application/javascript], gzip: 9, br: 9, zstd: 12 }
                                  min_bytes: 1024
                                  # Longer ones, and those of unknown length, are compressed as they come.
                                  max_bytes: 1048576";

fn shipped() -> String {
    let [listener, admin, workspace, companion] = [(); 4].map(|()| ports::free());
    FrontProxy::yaml(FrontProxyPorts { listener, admin, workspace, companion }).unwrap()
}

#[test]
fn the_shipped_configuration_is_valid() {
    validate(&shipped()).unwrap();
}

/// Starts Envoy with one piece of the shipped file replaced and returns what it says before it gives up.
fn refusal(old: &str, new: &str) -> String {
    let setup = Setup::new().edit(old, new);
    match setup.front(ports::free(), ports::free()) {
        Ok(_) => panic!("Envoy started with {new:?}"),
        Err(error) => format!("{error:#}"),
    }
}

fn assert_refused(filter: &str, cases: &[(&str, &str, &str, &str)]) {
    for (old, new, path, expected) in cases {
        let said = refusal(old, new);
        let line = said.lines().find(|line| line.contains("wasm log") && line.contains(&format!("`{path}`")));
        let line = line.unwrap_or_else(|| panic!("{new:?}: no line names {path}:\n{said}"));
        assert!(line.contains(filter) && line.contains(expected), "{new:?}: {line}");
    }
}

#[test]
fn wrong_settings_of_request_metrics_stop_the_start_and_are_named() {
    let replace = |new: &str| format!("service: workspace\n                            {new}");
    assert_refused(
        "request-metrics",
        &[
            (METRICS, &replace("max_labels: 1000"), "max_labels", "expected one of `service`"),
            (METRICS, &replace("max_label_sets: many"), "max_label_sets", "expected u64"),
            (METRICS, &replace("max_label_sets: -1"), "max_label_sets", "`-1`, expected u64"),
            (METRICS, &replace("max_label_sets: 0"), "max_label_sets", "is 0, expected 1 to 100000"),
        ],
    );
}

#[test]
fn wrong_settings_of_response_cache_stop_the_start_and_are_named() {
    let add = |new: &str| {
        format!(
            "service: workspace\n                            {new}\n                            companion:"
        )
    };
    assert_refused(
        "response-cache",
        &[
            (CACHE, &add("max_ttl: 60"), "max_ttl", "expected one of `service`"),
            (CACHE, &add("max_variants: -1"), "max_variants", "`-1`, expected usize"),
            (CACHE, &add("defaults: { max_ttl_seconds: 0 }"), "defaults.max_ttl_seconds", "expected 1 to"),
            (
                "refresh: { cluster: slipstream-refresh }",
                "refresh: { cluster: '' }",
                "refresh.cluster",
                "found nothing",
            ),
            ("x-api-key]", "x api key]", "credential_headers[2]", "is not the name of a header field"),
        ],
    );
}

#[test]
fn wrong_settings_of_compression_stop_the_start_and_are_named() {
    assert_refused(
        "compression",
        &[
            ("min_bytes: 1024", "min_byte: 1024", "min_byte", "expected one of `service`"),
            ("min_bytes: 1024", "min_bytes: '1024'", "min_bytes", "expected u64"),
            ("min_bytes: 1024", "min_bytes: -1", "min_bytes", "`-1`, expected u64"),
            ("gzip: 6,", "gzip: 10,", "levels.gzip", "is 10, expected 1 to 9"),
            (
                "codings: [zstd,",
                "codings: [brotli,",
                "codings[0]",
                "`brotli`: expected gzip, br, zstd, deflate",
            ),
        ],
    );
}

#[test]
fn a_route_with_wrong_settings_is_served_uncached_named_and_counted() {
    let proxy = Setup::new()
        .route(route("negative", "{ path: /negative }", "{ default_ttl_seconds: -1 }"))
        .route(route("unknown", "{ path: /unknown }", "{ ttl: 60 }"))
        .route(route("right", "{ path: /right }", "{ default_ttl_seconds: 60 }"))
        .start(|_| Answer::json("{}").header("cache-control", "max-age=60"));
    for path in ["/negative", "/unknown"] {
        for _ in 0..2 {
            let response = proxy.get(path);
            assert_text(&response, 200, "{}");
            assert_eq!(
                (x_cache(&response).as_str(), cache_detail(&response).as_str()),
                ("BYPASS", "settings")
            );
        }
        assert_eq!(proxy.origin.count(path), 2);
    }
    miss(proxy.get("/right"));
    hit(proxy.get("/right"));
    let log = proxy.front.envoy.log();
    for (route, field, expected) in
        [("negative", "default_ttl_seconds", "expected u64"), ("unknown", "ttl", "expected one of")]
    {
        let line = log.lines().find(|line| line.contains(&format!("route `{route}`"))).expect(&log);
        assert!(line.contains(&format!("`{field}`")) && line.contains(expected), "{line}");
    }
    wait_for("the mistakes to be counted", || {
        proxy.metrics().sum("slipstream_config_errors_total", &[]) >= 2.0
    });
    proxy.wait_for_metric("slipstream_cache_bypasses_total", &[("reason", "settings")], 4.0);
}

#[test]
fn without_the_companions_cluster_requests_are_served_and_counted() {
    let origin = Origin::start(|_| Answer::json("{}")).unwrap();
    let setup = Setup::new().edit("cluster: slipstream-companion\n", "cluster: nobody\n");
    let front = setup.front(origin.port(), ports::free()).unwrap();
    let client = testbed::Client::new();
    for _ in 0..3 {
        assert_text(&miss(client.get(front.url("/api/items"))), 200, "{}");
    }
    let post = testbed::Request::post_json(front.url("/api/items"), &serde_json::json!({}));
    assert_eq!(client.send(post).unwrap().status, 200);
    wait_for("failed lookups and the undelivered invalidation to be counted", || {
        let metrics = e2e::Metrics::of(&front);
        metrics.sum("slipstream_cache_lookups_total", &[("outcome", "failed")]) == 3.0
            && metrics.sum("slipstream_cache_invalidations_total", &[("outcome", "undelivered")]) >= 1.0
    });
    // It is not known whether other caches have what the POST changed: nothing is cached until they know.
    assert_eq!(cache_detail(&client.get(front.url("/api/items"))), "undelivered-invalidation");
}

#[test]
fn settings_may_be_json_text_as_well() {
    let yaml_of = |indent: usize, body: &str| {
        format!("google.protobuf.Struct\n{:indent$}value:\n{:indent$}  {body}", "", "")
    };
    let text_of =
        |indent: usize, json: &str| format!("google.protobuf.StringValue\n{:indent$}value: '{json}'", "");
    let cache = "service: workspace
                            companion:
                              cluster: slipstream-companion
                              # token: what the companion's setting `token` says, if it has one
                              lookup_timeout_ms: 100
                            l1:
                              max_bytes: 67108864 # of each worker thread
                            max_entry_bytes: 1048576
                            # A request with one of these goes past the cache, unless the route puts it into the key.
                            credential_headers: [authorization, cookie, x-api-key]
                            # Where routes are chosen by method, authority, path and these fields alone, Envoy need not be
                            # asked for the route of each request, which makes hits cheaper. Leave it out where anything
                            # else chooses routes: an address, a certificate, filter state, chance.
                            # route_fields: [x-canary]
                            # Leads back to this listener: what is served stale while it is refreshed is fetched anew there.
                            refresh: { cluster: slipstream-refresh }
";
    let companion = r#""companion": {"cluster": "slipstream-companion", "lookup_timeout_ms": 5000}"#;
    let proxy = Setup::new()
        .edit(&yaml_of(26, METRICS), text_of(26, r#"{"service": "shop", "max_label_sets": 100}"#))
        .edit(&yaml_of(26, cache), text_of(26, &format!(r#"{{"service": "shop", {companion}}}"#)))
        .edit(
            &yaml_of(32, COMPRESSION),
            text_of(32, r#"{"service": "shop", "levels": {"gzip": 1}, "min_bytes": 10}"#),
        )
        .start(|_| Answer::json("0".repeat(100)));
    let gzip = [("accept-encoding", "gzip")];
    miss(proxy.get_with("/api/items", &gzip));
    let response = hit(proxy.get_with("/api/items", &gzip));
    assert_eq!(response.header("content-encoding").as_deref(), Some("gzip"), "{response:?}");
    let of_shop = ("service", "shop");
    proxy.wait_for_metric("http_requests_total", &[of_shop], 2.0);
    proxy.wait_for_metric("opt004_cache_hits_total", &[of_shop], 1.0);
    proxy.wait_for_metric("slipstream_compression_total", &[of_shop, ("outcome", "compressed")], 1.0);
}
