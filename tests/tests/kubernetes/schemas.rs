//! The fields of other projects' resources that the shipped files use, as those projects document them, and no others: a
//! misspelt or misplaced field is found here. Made by hand, for these files alone; a cluster knows more.

use serde_json::{Value, json};

/// The schema of a kind of resource.
pub fn of(kind: &str, api_version: &str) -> Value {
    let spec = match kind {
        "WasmPlugin" => wasm_plugin(),
        "ServiceEntry" => service_entry(),
        "DestinationRule" => destination_rule(),
        "Telemetry" => telemetry(),
        "EnvoyExtensionPolicy" => extension_policy(),
        "Backend" => backend(),
        "HTTPRoute" => http_route(),
        "EnvoyProxy" => strict(
            &[],
            json!({"bootstrap": strict(&["value"], json!({"type": one_of(&["Merge", "Replace", "JSONPatch"]), "value": text()}))}),
        ),
        other => panic!("no schema of {other}"),
    };
    let metadata = strict(&["name", "namespace"], json!({"name": text(), "namespace": text()}));
    strict(
        &["apiVersion", "kind", "metadata", "spec"],
        json!({"apiVersion": {"const": api_version}, "kind": {"const": kind}, "metadata": metadata, "spec": spec}),
    )
}

/// The API version that a kind must have.
pub fn api_version(kind: &str) -> &'static str {
    match kind {
        "WasmPlugin" => "extensions.istio.io/v1alpha1",
        "ServiceEntry" | "DestinationRule" => "networking.istio.io/v1",
        "Telemetry" => "telemetry.istio.io/v1",
        "HTTPRoute" => "gateway.networking.k8s.io/v1",
        _ => "gateway.envoyproxy.io/v1alpha1",
    }
}

fn strict(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn whole(least: i64, most: i64) -> Value {
    json!({"type": "integer", "minimum": least, "maximum": most})
}

fn one_of(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

fn selector() -> Value {
    strict(&[], json!({"matchLabels": {"type": "object", "additionalProperties": text()}}))
}

fn wasm_plugin() -> Value {
    let ports = list(strict(&["number"], json!({"number": whole(1, 65_535)})));
    let modes = one_of(&["CLIENT", "SERVER", "CLIENT_AND_SERVER"]);
    strict(
        &["url"],
        json!({
            "selector": selector(),
            "match": list(strict(&[], json!({"mode": modes, "ports": ports}))),
            "url": text(),
            "sha256": text(),
            "imagePullPolicy": one_of(&["IfNotPresent", "Always"]),
            "imagePullSecret": text(),
            "pluginName": text(),
            "type": one_of(&["HTTP", "NETWORK"]),
            "phase": one_of(&["AUTHN", "AUTHZ", "STATS"]),
            "priority": whole(-1_000, 1_000),
            "failStrategy": one_of(&["FAIL_CLOSE", "FAIL_OPEN", "FAIL_RELOAD"]),
            "pluginConfig": {"type": "object"},
        }),
    )
}

fn service_entry() -> Value {
    let port = strict(
        &["number", "name", "protocol"],
        json!({"number": whole(1, 65_535), "name": text(), "protocol": one_of(&["HTTP", "HTTP2", "GRPC", "HTTPS", "TCP", "TLS"])}),
    );
    strict(
        &["hosts", "ports", "resolution"],
        json!({
            "hosts": list(text()),
            "location": one_of(&["MESH_EXTERNAL", "MESH_INTERNAL"]),
            "resolution": one_of(&["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN"]),
            "ports": list(port),
            "endpoints": list(strict(&["address"], json!({"address": text()}))),
            "exportTo": list(text()),
        }),
    )
}

fn destination_rule() -> Value {
    let tcp = strict(&[], json!({"connectTimeout": text(), "maxConnections": whole(1, 1 << 30)}));
    let http = strict(
        &[],
        json!({
            "http1MaxPendingRequests": whole(1, 1 << 30),
            "http2MaxRequests": whole(1, 1 << 30),
            "maxRetries": whole(0, 1 << 30),
            "h2UpgradePolicy": one_of(&["DEFAULT", "UPGRADE", "DO_NOT_UPGRADE"]),
        }),
    );
    let pool = strict(&[], json!({"tcp": tcp, "http": http}));
    strict(&["host"], json!({"host": text(), "trafficPolicy": strict(&[], json!({"connectionPool": pool}))}))
}

fn telemetry() -> Value {
    let providers = list(strict(&["name"], json!({"name": text()})));
    let metrics = ["ALL_METRICS", "REQUEST_COUNT", "REQUEST_DURATION", "REQUEST_SIZE", "RESPONSE_SIZE"];
    let matched = strict(
        &[],
        json!({"metric": one_of(&metrics), "mode": one_of(&["CLIENT", "SERVER", "CLIENT_AND_SERVER"])}),
    );
    let overrides = list(strict(&[], json!({"match": matched, "disabled": {"type": "boolean"}})));
    let logging = strict(
        &[],
        json!({"providers": providers, "filter": strict(&["expression"], json!({"expression": text()}))}),
    );
    strict(
        &[],
        json!({
            "selector": selector(),
            "metrics": list(strict(&[], json!({"providers": providers, "overrides": overrides}))),
            "accessLogging": list(logging),
        }),
    )
}

fn extension_policy() -> Value {
    let target = strict(
        &["group", "kind", "name"],
        json!({"group": {"const": "gateway.networking.k8s.io"}, "kind": one_of(&["Gateway", "HTTPRoute", "GRPCRoute"]), "name": text(), "sectionName": text()}),
    );
    let image = strict(&["url"], json!({"url": text()}));
    let code = strict(
        &["type", "image"],
        json!({"type": {"const": "Image"}, "image": image, "sha256": text(), "pullPolicy": one_of(&["IfNotPresent", "Always"])}),
    );
    let wasm = strict(
        &["code"],
        json!({"name": text(), "rootID": text(), "code": code, "config": {"type": "object"}, "failOpen": {"type": "boolean"}}),
    );
    strict(&["targetRefs"], json!({"targetRefs": list(target), "wasm": list(wasm)}))
}

fn backend() -> Value {
    let fqdn = strict(&["hostname", "port"], json!({"hostname": text(), "port": whole(1, 65_535)}));
    let protocols = ["gateway.envoyproxy.io/h2c", "gateway.envoyproxy.io/ws", "gateway.envoyproxy.io/wss"];
    strict(
        &["endpoints"],
        json!({"endpoints": list(strict(&["fqdn"], json!({"fqdn": fqdn}))), "appProtocols": list(one_of(&protocols))}),
    )
}

fn http_route() -> Value {
    let path = strict(
        &["type", "value"],
        json!({"type": one_of(&["Exact", "PathPrefix", "RegularExpression"]), "value": text()}),
    );
    let backend =
        strict(&["name"], json!({"group": text(), "kind": text(), "name": text(), "port": whole(1, 65_535)}));
    let rule = strict(
        &[],
        json!({"matches": list(strict(&[], json!({"path": path}))), "backendRefs": list(backend)}),
    );
    strict(
        &["parentRefs", "rules"],
        json!({"parentRefs": list(strict(&["name"], json!({"name": text()}))), "hostnames": list(text()), "rules": list(rule)}),
    )
}
