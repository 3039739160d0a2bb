//! Envoy's bootstrap: a listener for each case, all in one process.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::{artifacts, workspace_root};

use super::cases::{Case, Filter, Proxy, Routes, Store};
use super::floor::module::{Callbacks, Read, module};

/// Where what Envoy talks to is.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// The origin.
    pub origin: u16,
    /// The companions, if a case needs them.
    pub companions: Option<CompanionPorts>,
}

/// Where the companions are.
#[derive(Debug, Clone, Copy)]
pub struct CompanionPorts {
    /// The one that stores in its own memory.
    pub embedded: u16,
    /// The one that stores in Redis.
    pub redis: u16,
}

const ORIGIN: &str = "origin";
const COMPANION_EMBEDDED: &str = "companion-embedded";
const COMPANION_REDIS: &str = "companion-redis";
/// The labels that Slipstream's metrics carry in their names, as in the shipped configuration.
const LABELS: [&str; 11] = [
    "service",
    "route",
    "method",
    "status",
    "outcome",
    "reason",
    "coding",
    "mode",
    "error_type",
    "cache_status",
    "le",
];
const BUFFER_BYTES: u64 = 1 << 20;

/// The bootstrap for these cases, as JSON, which is YAML too. `direct_file` holds the body of direct responses.
pub fn bootstrap(cases: &[&Case], ports: Ports, direct_file: &str) -> Result<String> {
    let listeners: Vec<Value> =
        cases.iter().filter_map(|case| listener(case, direct_file).transpose()).collect::<Result<_>>()?;
    let mut clusters = vec![cluster(ORIGIN, ports.origin)];
    if let Some(CompanionPorts { embedded, redis }) = ports.companions {
        clusters.extend([companion(COMPANION_EMBEDDED, embedded), companion(COMPANION_REDIS, redis)]);
    }
    let tag = |label: &&str| json!({ "tag_name": label, "regex": format!("({label}=\\.=(.*?);\\.;)") });
    let bootstrap = json!({
        "admin": { "address": loopback(0) },
        "stats_config": { "stats_tags": LABELS.iter().map(tag).collect::<Vec<_>>() },
        "static_resources": {
            "listeners": listeners,
            "clusters": clusters,
        },
    });
    Ok(bootstrap.to_string())
}

/// None for what Envoy has no part in.
fn listener(case: &Case, direct_file: &str) -> Result<Option<Value>> {
    let (filters, route) = match case.proxy {
        Proxy::NginxCache => return Ok(None),
        Proxy::Envoy(filters) => {
            let metadata = route_metadata(filters);
            let (matches, to) = (json!({ "prefix": "/" }), json!({ "cluster": ORIGIN }));
            (filters, json!({ "name": "all", "match": matches, "route": to, "metadata": metadata }))
        }
        Proxy::EnvoyDirect(filters) => (filters, direct(direct_file)),
    };
    let made = |filter: &Filter| http_filter(*filter, case.name);
    let (upstream, downstream): (Vec<_>, Vec<_>) = filters.iter().partition(|filter| is_upstream(filter));
    let mut http_filters: Vec<Value> = downstream.into_iter().map(made).collect::<Result<_>>()?;
    let upstream: Vec<Value> = upstream.into_iter().map(made).collect::<Result<_>>()?;
    http_filters.push(router(upstream));
    let manager = json!({
        "stat_prefix": case.name,
        "use_remote_address": true,
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "stream_idle_timeout": "60s",
        "request_headers_timeout": "10s",
        "route_config": {
            "name": case.name,
            "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [route] }],
        },
        "http_filters": http_filters,
    });
    Ok(Some(json!({
        "name": case.name,
        "address": loopback(0),
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "filter_chains": [{ "filters": [extension(
            "envoy.filters.network.http_connection_manager",
            "filters.network.http_connection_manager.v3.HttpConnectionManager",
            manager,
        )] }],
    })))
}

fn direct(file: &str) -> Value {
    json!({
        "name": "all",
        "match": { "prefix": "/" },
        "direct_response": { "status": 200, "body": { "filename": file } },
        "response_headers_to_add": [{
            "header": { "key": "content-type", "value": "application/json" },
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }],
    })
}

/// Whether a filter stands between router and service, as in the shipped configuration.
fn is_upstream(filter: &Filter) -> bool {
    matches!(filter, Filter::Compression { .. })
}

fn router(mut upstream: Vec<Value>) -> Value {
    let mut config = json!({});
    if !upstream.is_empty() {
        const CODEC: &str = "filters.http.upstream_codec.v3.UpstreamCodec";
        upstream.push(extension("envoy.filters.http.upstream_codec", CODEC, json!({})));
        config["upstream_http_filters"] = upstream.into();
    }
    extension("envoy.filters.http.router", "filters.http.router.v3.Router", config)
}

fn http_filter(filter: Filter, case: &str) -> Result<Value> {
    Ok(match filter {
        Filter::RequestMetrics { routes } => {
            wasm("request-metrics", case, with_routes(routes, json!({ "service": case })))?
        }
        Filter::ResponseCache { routes, l1, companion } => {
            let cluster = match companion {
                Store::Embedded => COMPANION_EMBEDDED,
                Store::Redis => COMPANION_REDIS,
            };
            let l1_bytes = if l1 { 64 << 20 } else { 0 };
            let configuration = json!({
                "service": case,
                // A companion that shares its processor with wrk may keep a lookup waiting. Giving it up would
                // measure something else.
                "companion": { "cluster": cluster, "lookup_timeout_ms": 2_000 },
                "l1": { "max_bytes": l1_bytes },
                // A single hot URL without L1 would be looked up once for all that ask at the same time: cheaper than
                // what is to be measured.
                "collapse_wait_ms": if l1_bytes == 0 { 0 } else { 5_000 },
            });
            wasm("response-cache", case, with_routes(routes, configuration))?
        }
        Filter::Compression { .. } => {
            // The level of Envoy's own gzip beside it.
            wasm(
                "compression",
                case,
                json!({ "service": case, "min_bytes": 1_024, "levels": { "gzip": 6 } }),
            )?
        }
        Filter::Observer { is_told: false } => {
            wasm("compression-observer", case, json!({ "service": case }))?
        }
        Filter::Observer { is_told: true } => wasm(
            "compression-observer",
            case,
            json!({ "service": case, "mode": "observe", "by_route": false, "coding": "gzip" }),
        )?,
        Filter::LeastObserver => {
            let folder = workspace_root().join("target/bench");
            fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            let file = folder.join("least-observer.wasm");
            let least = Callbacks {
                response_body: true,
                log: Some(&[Read::Property("response\0size")]),
                streams: true,
                ..Callbacks::default()
            };
            fs::write(&file, module(least)).with_context(|| format!("cannot write {}", file.display()))?;
            wasm_of(&file.display().to_string(), "least-observer", case, json!({}))
        }
        Filter::EnvoyGzip => envoy_compressor(
            "gzip.compressor.v3.Gzip",
            json!({
                "compression_level": "COMPRESSION_LEVEL_6",
                "window_bits": 15,
                "memory_level": 8,
                "chunk_size": 65_536,
            }),
        ),
        Filter::EnvoyBrotli => envoy_compressor(
            "brotli.compressor.v3.Brotli",
            json!({ "quality": 5, "window_bits": 18, "chunk_size": 65_536 }),
        ),
        Filter::EnvoyZstd => envoy_compressor(
            "zstd.compressor.v3.Zstd",
            json!({ "compression_level": 3, "chunk_size": 65_536 }),
        ),
        Filter::EnvoyCache => envoy_cache(
            "envoy.filters.http.cache",
            "filters.http.cache.v3.CacheConfig",
            "http.cache.simple_http_cache.v3.SimpleHttpCacheConfig",
        ),
        Filter::EnvoyCacheV2 => envoy_cache(
            "envoy.filters.http.cache_v2",
            "filters.http.cache_v2.v3.CacheV2Config",
            "http.cache_v2.simple_http_cache.v3.SimpleHttpCacheV2Config",
        ),
    })
}

/// The benchmark's routes are chosen by path alone.
fn with_routes(routes: Routes, mut configuration: Value) -> Value {
    if let Routes::ByFields = routes {
        configuration["route_fields"] = json!([]);
    }
    configuration
}

fn envoy_compressor(library_type: &str, library: Value) -> Value {
    let library = extension("library", &format!("compression.{library_type}"), library);
    let config = json!({ "compressor_library": library });
    extension("envoy.filters.http.compressor", "filters.http.compressor.v3.Compressor", config)
}

/// What the route says to compression.
fn route_metadata(filters: &[Filter]) -> Value {
    let mode = filters.iter().find_map(|filter| match filter {
        Filter::Compression { mode } => *mode,
        Filter::Observer { .. } => Some("observe"),
        _ => None,
    });
    match mode {
        Some(mode) => json!({ "filter_metadata": { "slipstream.compression": { "mode": mode } } }),
        None => json!({}),
    }
}

fn envoy_cache(name: &str, filter_type: &str, storage_type: &str) -> Value {
    extension(name, filter_type, json!({ "typed_config": { "@type": type_url(storage_type) } }))
}

/// One of ours, with a VM of its own, so that no case finds what another has left there.
fn wasm(filter: &str, case: &str, configuration: Value) -> Result<Value> {
    Ok(wasm_of(&artifacts::filter(filter)?.display().to_string(), filter, case, configuration))
}

fn wasm_of(file: &str, filter: &str, case: &str, configuration: Value) -> Value {
    let config = json!({
        "name": filter,
        "root_id": filter,
        "failure_policy": "FAIL_RELOAD",
        "allow_on_headers_stop_iteration": true,
        "vm_config": {
            "vm_id": format!("{case}-{filter}"),
            "runtime": "envoy.wasm.runtime.v8",
            "code": { "local": { "filename": file } },
        },
        "configuration": { "@type": "type.googleapis.com/google.protobuf.Struct", "value": configuration },
    });
    extension(&format!("slipstream.{filter}"), "filters.http.wasm.v3.Wasm", json!({ "config": config }))
}

fn cluster(name: &str, port: u16) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": 2 * BUFFER_BYTES,
        "circuit_breakers": { "thresholds": [{ "max_connections": 256, "max_pending_requests": 1_024, "max_requests": 1_024 }] },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": loopback(port) } }] }],
        },
    })
}

/// A companion's cluster speaks HTTP/2, as in the shipped configuration.
fn companion(name: &str, port: u16) -> Value {
    const OPTIONS: &str = "upstreams.http.v3.HttpProtocolOptions";
    let mut cluster = cluster(name, port);
    cluster["typed_extension_protocol_options"][format!("envoy.extensions.{OPTIONS}")] = json!({
        "@type": type_url(OPTIONS),
        "explicit_http_config": { "http2_protocol_options": {} },
    });
    cluster
}

fn extension(name: &str, type_name: &str, mut config: Value) -> Value {
    config["@type"] = type_url(type_name).into();
    json!({ "name": name, "typed_config": config })
}

fn type_url(type_name: &str) -> String {
    format!("type.googleapis.com/envoy.extensions.{type_name}")
}

fn loopback(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}
