//! How a filter is loaded, and its own configuration.

use std::collections::BTreeMap;
use std::path::Path;

use super::chains::{Chains, Placed};
use super::finding::{Findings, Severity};
use crate::document::Node;
use crate::schema;

const STRUCT: &str = "google.protobuf.Struct";
const STRING: &str = "google.protobuf.StringValue";

pub(super) fn check(placed: &Placed<'_>, folder: &Path, findings: &mut Findings) {
    if let Some(plugin) = placed.plugin {
        check_plugin(placed, plugin, &format!("{}.typed_config.config", placed.path), folder, findings);
    }
}

/// Checks the message `PluginConfig` of a filter.
fn check_plugin(placed: &Placed<'_>, plugin: &Node, path: &str, folder: &Path, findings: &mut Findings) {
    let name = placed.filter.name;
    check_failure_policy(plugin, path, findings);
    if !plugin.get("allow_on_headers_stop_iteration").is_some_and(Node::is_true) {
        let severity = if placed.filter.holds_headers { Severity::Error } else { Severity::Warning };
        let problem = if placed.filter.holds_headers {
            "allow_on_headers_stop_iteration is not true: responses that the filter holds never go on"
                .to_owned()
        } else {
            "allow_on_headers_stop_iteration is not true".to_owned()
        };
        let fix = "write allow_on_headers_stop_iteration: true".to_owned();
        findings.add(severity, "headers-stop-iteration", plugin.line, path, problem, fix);
    }
    let vm = plugin.get("vm_config");
    let vm_path = format!("{path}.vm_config");
    match vm.and_then(|vm| vm.text_at(&["vm_id"])) {
        Some(id) if !id.is_empty() => {}
        _ => findings.warning(
            "vm-id",
            vm.unwrap_or(plugin),
            &vm_path,
            "has no vm_id: what the filter's workers share is shared with every other filter that has none",
            format!("write vm_id: {name}"),
        ),
    }
    match vm.and_then(|vm| vm.text_at(&["runtime"])) {
        Some("envoy.wasm.runtime.v8") => {}
        runtime => findings.error(
            "runtime",
            vm.unwrap_or(plugin),
            &vm_path,
            format!("runtime is {}", runtime.unwrap_or("missing")),
            "write runtime: envoy.wasm.runtime.v8",
        ),
    }
    check_code(vm.and_then(|vm| vm.get("code")), plugin, &format!("{vm_path}.code"), folder, findings);
    check_configuration(placed, plugin, &format!("{path}.configuration"), findings);
}

fn check_failure_policy(plugin: &Node, path: &str, findings: &mut Findings) {
    let policy = plugin.get("failure_policy");
    let said = policy.and_then(Node::text);
    let dies = "a filter that has died answers 503 to every request until Envoy is started again";
    match said {
        Some("FAIL_RELOAD") => {}
        Some("FAIL_OPEN") => findings.warning(
            "failure-policy",
            policy.unwrap_or(plugin),
            &format!("{path}.failure_policy"),
            "FAIL_OPEN leaves a filter that has died out until Envoy is started again",
            "write failure_policy: FAIL_RELOAD",
        ),
        _ if plugin.get("fail_open").is_some_and(Node::is_true) => {}
        Some(_) => findings.error(
            "failure-policy",
            policy.unwrap_or(plugin),
            &format!("{path}.failure_policy"),
            format!("is {}: {dies}", said.unwrap_or_default()),
            "write failure_policy: FAIL_RELOAD",
        ),
        None => findings.error(
            "failure-policy",
            plugin,
            path,
            format!("failure_policy is missing, and so FAIL_CLOSED: {dies}"),
            "write failure_policy: FAIL_RELOAD",
        ),
    }
}

fn check_code(code: Option<&Node>, plugin: &Node, path: &str, folder: &Path, findings: &mut Findings) {
    let Some(code) = code else {
        let fix = "write code: { local: { filename: PATH } }";
        return findings.error("code", plugin, path, "is missing: there is no filter to load", fix);
    };
    if let Some(file) = code.at(&["local", "filename"]) {
        let name = file.text().unwrap_or_default();
        let path = format!("{path}.local.filename");
        if !folder.join(name).is_file() {
            let problem = format!("there is no file {}", folder.join(name).display());
            let fix =
                "write where the .wasm is, from the folder in which Envoy is started (`--folder` says which)";
            findings.error("wasm-file", file, &path, problem, fix);
        }
    } else if let Some(remote) = code.get("remote") {
        let path = format!("{path}.remote");
        if remote.text_at(&["sha256"]).is_none_or(str::is_empty) {
            findings.error(
                "remote-code",
                remote,
                &path,
                "has no sha256: whatever the server answers is run",
                "write sha256, from SHA256SUMS of the package",
            );
        }
        let problem = "Envoy calls remote code unstable, and finds a wrong checksum only at run time";
        findings.warning("remote-code", remote, &path, problem, "write code: { local: { filename: PATH } }");
    }
}

fn check_configuration(placed: &Placed<'_>, plugin: &Node, path: &str, findings: &mut Findings) {
    let configuration = plugin.get("configuration");
    let nothing = Node { line: plugin.line, value: crate::document::Value::Map(Vec::new()) };
    let (value, path) = match configuration {
        None => (nothing, path.to_owned()),
        Some(written) if written.is_type(STRUCT) => {
            (written.get("value").cloned().unwrap_or(nothing), format!("{path}.value"))
        }
        Some(written) if written.is_type(STRING) => {
            let path = format!("{path}.value");
            let text = written.get("value");
            match Node::parse(text.and_then(Node::text).unwrap_or("{}")) {
                // Its lines are not the file's.
                Ok(node) => (at_line(node, text.map_or(written.line, |text| text.line)), path),
                Err(error) => {
                    return findings.error(
                        "configuration",
                        written,
                        &path,
                        format!("is not JSON: {}", error.message),
                        "write JSON",
                    );
                }
            }
        }
        Some(written) => {
            let fix = format!("write \"@type\": type.googleapis.com/{STRUCT}, and the settings under value");
            return findings.error(
                "configuration",
                written,
                path,
                "is neither a Struct nor a StringValue",
                fix,
            );
        }
    };
    for mistake in schema::mistakes(placed.filter.schema, &value) {
        let path = format!("{path}{}", mistake.path);
        findings.add(Severity::Error, "configuration", mistake.line, &path, mistake.problem, mistake.fix);
    }
}

fn at_line(mut node: Node, line: usize) -> Node {
    use crate::document::Value;
    node.line = line;
    match &mut node.value {
        Value::List(items) => {
            for item in items {
                *item = at_line(std::mem::replace(item, Node { line, value: Value::Null }), line);
            }
        }
        Value::Map(entries) => {
            for (_, value) in entries {
                *value = at_line(std::mem::replace(value, Node { line, value: Value::Null }), line);
            }
        }
        _ => {}
    }
    node
}

/// What several filters, or one in several places, must say alike.
pub(super) fn check_agreement(chains: &Chains<'_>, findings: &mut Findings) {
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    let mut codings: Option<String> = None;
    for placed in chains.plugins() {
        let Some(plugin) = placed.plugin else { continue };
        let name = placed.filter.name;
        if let Some(id) = plugin.text_at(&["vm_config", "vm_id"]) {
            let first = *ids.entry(name).or_insert(id);
            if first != id {
                findings.warning(
                    "vm-id",
                    plugin,
                    &format!("{}.typed_config.config.vm_config.vm_id", placed.path),
                    format!(
                        "is {id}, and {first} at the same filter elsewhere: each takes memory of its own"
                    ),
                    format!("write vm_id: {first} in both"),
                );
            }
        }
        if !matches!(name, "response-cache" | "compression") {
            continue;
        }
        let offered = plugin.at(&["configuration", "value", "codings"]);
        let offered = offered.map_or_else(
            || "zstd, gzip, br, deflate".to_owned(),
            |list| list.items().iter().filter_map(Node::text).collect::<Vec<_>>().join(", "),
        );
        let first = codings.get_or_insert_with(|| offered.clone());
        if *first != offered {
            findings.error(
                "codings",
                plugin,
                &format!("{}.typed_config.config.configuration.value.codings", placed.path),
                format!("response-cache and compression do not name the same codings: {first} and {offered}"),
                "give both the same list: what a client gets is part of the cache's keys",
            );
        }
    }
}
