//! The files for Istio and Envoy Gateway: each is as these projects define it, the filters' settings are right, and
//! the filters do their work in an Envoy with what Istio and Envoy Gateway make of them. No cluster is needed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod definitions;

use std::collections::BTreeMap;
use std::fs;

use definitions::check;
use e2e::{hit, miss, wait_for};
use envoy_config::{FILTERS, Filter, conform, documents};
use serde_json::{Value, json};
use testbed::{
    Answer, Client, Companion, CompanionOptions, Envoy, EnvoyOptions, Origin, Request, artifacts,
    workspace_root,
};

/// All resources of a folder below `envoy`, with the names of their files.
fn resources(folder: &str) -> Vec<(String, Value)> {
    let folder = workspace_root().join("envoy").join(folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".yaml") && name != "values.yaml" {
            let text = fs::read_to_string(&path).unwrap();
            found.extend(documents(&text).unwrap().into_iter().map(|document| (name.clone(), document)));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn of_kind<'a>(resources: &'a [(String, Value)], kind: &str) -> Vec<&'a Value> {
    resources.iter().map(|(_, resource)| resource).filter(|resource| resource["kind"] == kind).collect()
}

#[test]
fn every_resource_is_as_it_is_defined() {
    for folder in ["istio", "envoy-gateway"] {
        let resources = resources(folder);
        let checked = check(&resources.iter().map(|(_, resource)| resource).collect::<Vec<_>>());
        assert_eq!(checked.len(), resources.len());
        for ((file, resource), checked) in resources.iter().zip(checked) {
            assert_eq!(checked.mistakes, Vec::<String>::new(), "{folder}/{file}");
            // The filters' own settings, which have schemas of their own, and nothing else.
            let is_settings = |path: &String| path.ends_with("/pluginConfig") || path.ends_with("/config");
            assert!(checked.free.iter().all(is_settings), "{folder}/{file}: {:?}", checked.free);
            let loads_filters =
                ["WasmPlugin", "EnvoyExtensionPolicy"].map(Value::from).contains(&resource["kind"]);
            assert_eq!(!checked.free.is_empty(), loads_filters, "{folder}/{file}");
        }
    }
}

#[test]
fn one_wrong_letter_is_found() {
    let (istio, gateway) = (resources("istio"), resources("envoy-gateway"));
    let resource = |kind: &str| {
        let resources = if of_kind(&istio, kind).is_empty() { &gateway } else { &istio };
        of_kind(resources, kind)[0].to_string()
    };
    for (kind, old, new, found) in [
        ("WasmPlugin", "failStrategy", "failureStrategy", "/spec/failureStrategy is unknown"),
        ("WasmPlugin", "FAIL_RELOAD", "FAIL_CLOSED", "/spec/failStrategy enum"),
        ("WasmPlugin", "v1alpha1", "v1", "extensions.istio.io/v1 defines no WasmPlugin"),
        ("WasmPlugin", "\"url\"", "\"uri\"", "/spec/uri is unknown"),
        ("ServiceEntry", "\"resolution\"", "\"resolutions\"", "/spec/resolutions is unknown"),
        (
            "DestinationRule",
            "\"http2MaxRequests\"",
            "\"http2MaxRequest\"",
            "/http/http2MaxRequest is unknown",
        ),
        ("Telemetry", "\"providers\"", "\"provider\"", "/provider is unknown"),
        ("EnvoyExtensionPolicy", "failOpen", "failopen", "/spec/wasm/0/failopen is unknown"),
        ("EnvoyExtensionPolicy", "\"targetRefs\"", "\"targetRef\"", "/spec/targetRef"),
        ("Backend", "\"hostname\"", "\"host\"", "hostname"),
        ("HTTPRoute", "Exact", "Exactly", "/path/type enum"),
        ("EnvoyProxy", "\"bootstrap\"", "\"bootstraps\"", "/spec/bootstraps is unknown"),
    ] {
        let right = resource(kind);
        let wrong = right.replace(old, new);
        assert_ne!(right, wrong, "{kind} has no {old}");
        let checked = check(&[&serde_json::from_str(&wrong).unwrap()]);
        assert!(
            checked[0].mistakes.iter().any(|mistake| mistake.contains(found)),
            "{kind}, {new}: {checked:?}"
        );
    }
}

/// A filter as a mesh loads it.
struct Loaded {
    filter: &'static Filter,
    settings: Value,
    /// As Envoy calls it.
    failure_policy: &'static str,
}

/// Istio's plugins in the order that Istio gives them.
fn of_istio() -> Vec<Loaded> {
    let resources = resources("istio");
    let mut plugins = of_kind(&resources, "WasmPlugin");
    plugins.sort_by_key(|plugin| std::cmp::Reverse(plugin["spec"]["priority"].as_i64()));
    let load = |plugin: &&Value| {
        let spec = &plugin["spec"];
        assert_eq!(
            (spec["phase"].as_str(), spec["failStrategy"].as_str()),
            (Some("STATS"), Some("FAIL_RELOAD"))
        );
        let filter = Filter::named(spec["pluginName"].as_str().unwrap()).unwrap();
        assert!(spec["url"].as_str().unwrap().ends_with(&format!(
            "/{}:{}",
            filter.name,
            env!("CARGO_PKG_VERSION")
        )));
        Loaded { filter, settings: spec["pluginConfig"].clone(), failure_policy: "FAIL_RELOAD" }
    };
    plugins.iter().map(load).collect()
}

/// Envoy Gateway's filters, in the order of the list.
fn of_envoy_gateway() -> Vec<Loaded> {
    let resources = resources("envoy-gateway");
    let policy = of_kind(&resources, "EnvoyExtensionPolicy")[0];
    let load = |wasm: &Value| {
        let filter = Filter::named(wasm["name"].as_str().unwrap()).unwrap();
        let url = wasm["code"]["image"]["url"].as_str().unwrap();
        assert!(url.ends_with(&format!("/{}:{}", filter.name, env!("CARGO_PKG_VERSION"))), "{url}");
        assert_eq!(wasm["failOpen"], true);
        Loaded { filter, settings: wasm["config"].clone(), failure_policy: "FAIL_OPEN" }
    };
    policy["spec"]["wasm"].as_array().unwrap().iter().map(load).collect()
}

#[test]
fn the_filters_stand_in_their_order_and_their_settings_are_right() {
    for loaded in [of_istio(), of_envoy_gateway()] {
        let names: Vec<&str> = loaded.iter().map(|loaded| loaded.filter.name).collect();
        let known = FILTERS.iter().map(|filter| filter.name).filter(|name| names.contains(name));
        assert!(known.eq(names.iter().copied()) && names.len() >= 3, "{names:?}");
        for Loaded { filter, settings, .. } in &loaded {
            assert_eq!(
                conform(filter.schema, &settings.to_string()).unwrap(),
                Vec::<String>::new(),
                "{}",
                filter.name
            );
        }
    }
}

#[test]
fn both_make_labels_of_the_filters_metrics() {
    let shipped = fs::read_to_string(workspace_root().join("envoy/front-proxy.yaml")).unwrap();
    let shipped = documents(&shipped).unwrap().remove(0)["stats_config"]["stats_tags"].clone();
    let names: Vec<&Value> = shipped.as_array().unwrap().iter().map(|tag| &tag["tag_name"]).collect();
    let values = fs::read_to_string(workspace_root().join("envoy/istio/values.yaml")).unwrap();
    let values = documents(&values).unwrap().remove(0)["meshConfig"]["defaultConfig"].clone();
    assert_eq!(values["extraStatTags"].as_array().unwrap().iter().collect::<Vec<_>>(), names);
    // What Istio makes of a tag is the shipped rule.
    for tag in shipped.as_array().unwrap() {
        let name = tag["tag_name"].as_str().unwrap();
        assert_eq!(tag["regex"].as_str().unwrap(), format!(r"({name}=\.=(.*?);\.;)"));
    }
    let resources = resources("envoy-gateway");
    let bootstrap = &of_kind(&resources, "EnvoyProxy")[0]["spec"]["bootstrap"]["value"];
    let merged = documents(bootstrap.as_str().unwrap()).unwrap().remove(0);
    assert_eq!(merged["stats_config"]["stats_tags"], shipped);
}

/// An Envoy's bootstrap with filters as a mesh loads them: before the router, with settings as JSON text, without
/// `allow_on_headers_stop_iteration`, and without a `vm_id` of ours.
fn bootstrap(loaded: &[Loaded], origin: u16, companion: u16, name_of_cluster: &str) -> Value {
    let filters = loaded.iter().map(|Loaded { filter, settings, failure_policy }| {
        json!({
            "name": format!("shop.slipstream-{}", filter.name),
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": {
                    "name": format!("shop.slipstream-{}", filter.name),
                    "root_id": filter.name,
                    "failure_policy": failure_policy,
                    "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": settings.to_string()},
                    "vm_config": {
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": {"local": {"filename": artifacts::filter(filter.name).unwrap()}},
                        "environment_variables": {"key_values": {"ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION": "1"}},
                    },
                },
            },
        })
    });
    let router = json!({"name": "router", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}});
    let filters: Vec<Value> = filters.chain([router]).collect();
    let address = |port: u16| json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let cluster = |name: &str, port: u16, options: Value| {
        let endpoints = json!([{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]);
        let mut cluster = json!({"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": endpoints}});
        if options.is_object() {
            cluster["typed_extension_protocol_options"] = options;
        }
        cluster
    };
    let http2 = json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}}}});
    let routes = json!([{"name": "default", "match": {"prefix": "/"}, "route": {"cluster": "orders"}}]);
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "inbound",
        "route_config": {"virtual_hosts": [{"name": "orders", "domains": ["*"], "routes": routes}]},
        "http_filters": filters,
    });
    let tags: Vec<Value> = FILTERS
        .iter()
        .flat_map(|filter| filter.labels)
        .map(|name| (*name, ()))
        .collect::<BTreeMap<_, _>>()
        .into_keys()
        .map(|name| json!({"tag_name": name, "regex": format!(r"({name}=\.=(.*?);\.;)")}))
        .collect();
    json!({
        "admin": {"address": address(0)},
        "stats_config": {"stats_tags": tags},
        "static_resources": {
            "listeners": [{
                "name": "inbound",
                "address": address(0),
                "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}],
            }],
            "clusters": [cluster("orders", origin, Value::Null), cluster(name_of_cluster, companion, http2)],
        },
    })
}

fn serves(loaded: &[Loaded]) {
    let origin = Origin::start(|question| {
        let answer = Answer::json("7".repeat(5_000));
        if question.method == "GET" {
            answer.header("cache-control", "max-age=60")
        } else {
            Answer::json("{}")
        }
    })
    .unwrap();
    let companion = Companion::start(&CompanionOptions::default()).unwrap();
    let cache = loaded.iter().find(|loaded| loaded.filter.name == "response-cache").unwrap();
    let cluster = cache.settings["companion"]["cluster"].as_str().unwrap();
    let yaml = bootstrap(loaded, origin.port(), companion.port(), cluster).to_string();
    let envoy = Envoy::start(&yaml, &EnvoyOptions::default()).unwrap();
    wait_for("both VMs to follow the companion", || {
        Client::new().get(companion.url("/v1/stats")).json()["followers"].as_u64() == Some(2)
    });
    let url = format!("http://127.0.0.1:{}/orders", envoy.listener_port("inbound").unwrap());
    let client = Client::new();
    let get = || client.send(Request::get(&url).header("accept-encoding", "gzip")).unwrap();
    for answer in [miss(get()), hit(get())] {
        assert_eq!(answer.header("content-encoding").as_deref(), Some("gzip"), "{answer:?}");
        assert_eq!(answer.text(), "7".repeat(5_000));
    }
    // A write's answer is held until the stored ones are gone, and goes on then.
    let write = client.send(Request::post_json(&url, &json!({}))).unwrap();
    assert_eq!((write.status, write.text().as_str()), (200, "{}"));
    miss(get());
    wait_for("labels", || {
        let stats = envoy.stats_prometheus().unwrap();
        ["http_requests_total{", "opt004_cache_hits_total{", "slipstream_compression_total{"].iter().all(
            |metric| {
                stats.lines().any(|line| line.starts_with(metric) && line.contains("service=\"orders\""))
            },
        )
    });
    let log = envoy.log();
    assert!(!log.contains("panicked") && !log.contains("[critical]"), "{log}");
}

#[test]
fn the_filters_work_as_istio_loads_them() {
    serves(&of_istio());
}

#[test]
fn the_filters_work_as_envoy_gateway_loads_them() {
    serves(&of_envoy_gateway());
}
