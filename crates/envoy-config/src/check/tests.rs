//! The shipped configuration has nothing to find; each case breaks one thing in it.

use std::fs;

use super::*;
use crate::FILTERS;

const SHIPPED: &str = include_str!("../../../../envoy/front-proxy.yaml");

fn folder() -> tempfile::TempDir {
    let folder = testbed::temp_dir("check").unwrap();
    fs::create_dir_all(folder.path().join("target/filters")).unwrap();
    for filter in FILTERS {
        fs::write(folder.path().join(format!("target/filters/{}.wasm", filter.name)), "").unwrap();
    }
    folder
}

fn found(text: &str) -> Vec<String> {
    let report = check(text, folder().path()).unwrap();
    let line = |f: Finding| format!("{} {} {}: {}", f.severity.as_str(), f.rule, f.path, f.problem);
    report.findings.into_iter().map(line).collect()
}

#[test]
fn the_shipped_configurations_have_nothing_to_find() {
    assert_eq!(found(SHIPPED), [String::new(); 0]);
}

#[test]
fn each_mistake_is_found_once() {
    let hcm = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
    let metrics = "http_filters[0].typed_config.config";
    let cases: &[(&[(&str, &str)], &str, &str)] = &[
        (
            &[("cluster: slipstream-companion\n", "cluster: nobody\n")],
            "error cluster",
            "there is no cluster `nobody`",
        ),
        (
            &[("refresh: { cluster: slipstream-refresh }", "refresh: { cluster: nobody }")],
            "error cluster",
            "there is no cluster `nobody`",
        ),
        (&[("filters/compression.wasm", "filters/gone.wasm")], "error wasm-file", "there is no file"),
        (
            &[(
                "{ local: { filename: target/filters/compression.wasm } }",
                "{ remote: { http_uri: { uri: x } } }",
            )],
            "error remote-code",
            "has no sha256",
        ),
        (
            &[(
                "runtime: envoy.wasm.runtime.v8\n                          code: { local: { filename: target/filters/request",
                "runtime: envoy.wasm.runtime.wasmtime\n                          code: { local: { filename: target/filters/request",
            )],
            "error runtime",
            "envoy.wasm.runtime.wasmtime",
        ),
        (&[("                          vm_id: request-metrics\n", "")], "warning vm-id", "has no vm_id"),
        (&[("min_bytes: 1024", "min_byte: 1024")], "error configuration", "min_byte: is not known"),
        (
            &[(
                "slipstream.response-cache: { enabled: false }",
                "slipstream.response-cache: { enable: false }",
            )],
            "error route-settings",
            "enable: is not known",
        ),
        (
            &[(
                "slipstream.response-cache: { enabled: false }",
                "slipstream.respons-cache: { enabled: false }",
            )],
            "error route-settings",
            "no filter reads this",
        ),
        (
            &[("    - { tag_name: route, regex: \"(route=\\\\.=(.*?);\\\\.;)\" }\n", "")],
            "error stats-tags",
            "has no rule for route",
        ),
        (&[("\"(route=", "\"(root=")], "error stats-tags", "the rule of `route` is (root="),
        (
            &[("codings: [zstd, gzip, br, deflate]", "codings: [gzip]")],
            "error codings",
            "do not name the same codings",
        ),
        (
            &[(
                "per_connection_buffer_limit_bytes: 2097152\n      filter_chains",
                "per_connection_buffer_limit_bytes: 1000\n      filter_chains",
            )],
            "error buffer-limit",
            "is 1000, less than",
        ),
        (&[("normalize_path: true", "normalize_path: false")], "warning paths", "normalize_path is not true"),
        (
            &[(
                "socket_address: { address: 127.0.0.1, port_value: 9901 }",
                "socket_address: { address: 0.0.0.0, port_value: 9901 }",
            )],
            "warning admin",
            "open to everyone",
        ),
        (
            &[("            http2_protocol_options:\n", "            http_protocol_options:\n")],
            "warning companion-http2",
            "does not speak HTTP/2",
        ),
        (
            &[
                ("- name: slipstream.response-cache\n", "- name: slipstream.request-metrics\n"),
                (
                    "                        root_id: response-cache\n",
                    "                        root_id: request-metrics\n",
                ),
                ("filters/response-cache.wasm", "filters/request-metrics.wasm"),
            ],
            "error filter-twice",
            "request-metrics stands here a second time",
        ),
    ];
    for (edits, rule, problem) in cases {
        let found = found(&testbed::render(SHIPPED, edits).unwrap());
        assert!(
            found.iter().any(|line| line.starts_with(rule) && line.contains(problem)),
            "{edits:?}: {found:#?}"
        );
        let is_alone = found.len() == 1;
        assert!(
            is_alone || ["error remote-code", "error filter-twice"].contains(rule),
            "{edits:?}: {found:#?}"
        );
    }
    let edited = |edits: &[(&str, &str)]| found(&testbed::render(SHIPPED, edits).unwrap());
    let three = [
        format!("{hcm}.http_filters[0]"),
        format!("{hcm}.http_filters[1]"),
        format!("{hcm}.http_filters[2].typed_config.upstream_http_filters[0]"),
    ];
    let policies = edited(&[("                        failure_policy: FAIL_RELOAD\n", "")]);
    for (said, place) in policies.iter().zip(&three) {
        assert!(
            said.starts_with(&format!(
                "error failure-policy {place}.typed_config.config: failure_policy is missing"
            )),
            "{said}"
        );
    }
    let policies = edited(&[("FAIL_RELOAD", "FAIL_CLOSED")]);
    assert_eq!(policies.len(), 3, "{policies:?}");
    assert!(
        policies[0]
            .starts_with(&format!("error failure-policy {hcm}.{metrics}.failure_policy: is FAIL_CLOSED")),
        "{policies:?}"
    );
    let stops =
        edited(&[("allow_on_headers_stop_iteration: true", "allow_on_headers_stop_iteration: false")]);
    let severities: Vec<&str> = stops.iter().filter_map(|said| said.split(' ').next()).collect();
    assert_eq!(severities, ["warning", "error", "error"], "{stops:?}");
}

#[test]
fn the_order_is_checked_at_every_place() {
    let swapped = testbed::render(
        SHIPPED,
        &[
            ("name: slipstream.request-metrics", "name: slipstream.response-cache"),
            ("root_id: request-metrics", "root_id: response-cache"),
            ("filters/request-metrics.wasm", "filters/response-cache.wasm"),
            ("name: slipstream.response-cache", "name: slipstream.request-metrics"),
            ("root_id: response-cache", "root_id: request-metrics"),
            ("filters/response-cache.wasm", "filters/request-metrics.wasm"),
        ],
    );
    let found = found(&swapped.unwrap());
    assert!(
        found.iter().any(|said| said.contains("error filter-order")
            && said.contains("request-metrics stands behind response-cache")),
        "{found:#?}"
    );
}

#[test]
fn a_file_without_filters_says_so() {
    let found = found("static_resources: {}");
    assert!(found[0].contains("no-filters"), "{found:?}");
}

#[test]
fn settings_in_json_text_are_checked_too() {
    let text = testbed::render(
        SHIPPED,
        &[(
            "google.protobuf.Struct\n                                value:",
            "google.protobuf.StringValue\n                                value: '{\"min_byte\": 1}'\n                                other:",
        )],
    );
    let found = found(&text.unwrap());
    assert!(found.iter().any(|said| said.contains("min_byte: is not known")), "{found:#?}");
}

#[test]
fn filters_that_come_by_discovery_are_followed_to_their_files() {
    let root = testbed::workspace_root();
    let folder = folder();
    let hot = folder.path().join("envoy/hot-change");
    fs::create_dir_all(&hot).unwrap();
    for filter in FILTERS.iter().map(|filter| format!("{}.yaml", filter.name)) {
        fs::copy(root.join("envoy/hot-change").join(&filter), hot.join(&filter)).unwrap();
    }
    let shipped = fs::read_to_string(root.join("envoy/hot-change/envoy.yaml")).unwrap();
    let found = |edits: &[(&str, &str)]| -> Vec<String> {
        let report = check(&testbed::render(&shipped, edits).unwrap(), folder.path()).unwrap();
        report
            .findings
            .into_iter()
            .map(|f| format!("{} {}: {}", f.severity.as_str(), f.rule, f.problem))
            .collect()
    };
    assert_eq!(found(&[]), [String::new(); 0]);
    let cases = [
        ("node: { id: front, cluster: front }\n", "", "warning node: has no id"),
        ("hot-change/compression.yaml", "hot-change/gone.yaml", "error discovery: there is no file"),
        (
            "hot-change/compression.yaml",
            "hot-change/response-cache.yaml",
            "error discovery: envoy/hot-change/response-cache.yaml has no resource",
        ),
        (
            "                                watched_directory: { path: envoy/hot-change }\n",
            "",
            "warning discovery: has no watched_directory",
        ),
    ];
    for (old, new, expected) in cases {
        let found = found(&[(old, new)]);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{old}: {found:?}");
    }
    // The resource's own file is checked as a bootstrap is.
    let resource = fs::read_to_string(hot.join("compression.yaml")).unwrap();
    let broken =
        testbed::render(&resource, &[("min_bytes", "min_byte"), ("FAIL_RELOAD", "FAIL_CLOSED")]).unwrap();
    let report = check(&broken, folder.path()).unwrap();
    let rules: Vec<&str> = report.findings.iter().map(|found| found.rule).collect();
    assert_eq!(rules, ["failure-policy", "configuration"]);
    assert!(
        report.findings[1].path.starts_with("resources[0].typed_config.config.configuration.value.min_byte")
    );
}

#[test]
fn all_shipped_configurations_have_no_error() {
    let root = testbed::workspace_root();
    let folder = folder();
    for file in ["sidecar.yaml", "front-proxy-observe.yaml"] {
        let text = fs::read_to_string(root.join("envoy").join(file)).unwrap();
        let report = check(&text, folder.path()).unwrap();
        assert_eq!(report.errors, 0, "{file}: {report:?}");
        // Compression that only observes stands before the router on purpose.
        assert!(report.findings.iter().all(|found| found.rule == "filter-place"), "{file}: {report:?}");
    }
}
