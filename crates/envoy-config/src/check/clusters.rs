//! The clusters that filters name.

use super::chains::{Chains, Placed};
use super::finding::Findings;
use crate::document::Node;

/// Where a filter's configuration names clusters.
const NAMES: [&[&str]; 2] = [&["companion", "cluster"], &["refresh", "cluster"]];

pub(super) fn check_named(placed: &Placed<'_>, root: &Node, findings: &mut Findings) {
    let Some(clusters) = root.get("static_resources").map(clusters) else { return };
    for (keys, name) in named(placed) {
        let Some(text) = name.text() else { continue };
        if clusters.iter().any(|cluster| cluster.text_at(&["name"]) == Some(text)) {
            continue;
        }
        let path = format!("{}.typed_config.config.configuration.value.{}", placed.path, keys.join("."));
        let problem = format!("there is no cluster `{text}`");
        let fix = format!(
            "add the cluster to static_resources.clusters: `slipstream envoy init` shows it, and envoy/front-proxy.yaml; or name another in {}",
            keys.join(".")
        );
        if root.at(&["dynamic_resources", "cds_config"]).is_some() {
            findings.warning(
                "cluster",
                name,
                &path,
                format!("{problem} here"),
                "make sure that cds_config brings it",
            );
        } else {
            findings.error("cluster", name, &path, problem, fix);
        }
    }
}

/// What the companion's cluster should be like.
pub(super) fn check_companions(chains: &Chains<'_>, root: &Node, findings: &mut Findings) {
    let Some(resources) = root.get("static_resources") else { return };
    let companions: Vec<&str> = chains
        .plugins()
        .filter_map(|placed| placed.plugin?.text_at(&["configuration", "value", "companion", "cluster"]))
        .collect();
    for (index, cluster) in clusters(resources).iter().enumerate() {
        if !cluster.text_at(&["name"]).is_some_and(|name| companions.contains(&name)) {
            continue;
        }
        let path = format!("static_resources.clusters[{index}]");
        if !speaks_http2(cluster) {
            findings.warning(
                "companion-http2",
                cluster,
                &path,
                "does not speak HTTP/2: each lookup at a time takes a connection of its own",
                "add typed_extension_protocol_options with explicit_http_config: { http2_protocol_options: {} }",
            );
        }
    }
}

fn clusters(resources: &Node) -> &[Node] {
    resources.get("clusters").map(Node::items).unwrap_or_default()
}

fn named<'a>(placed: &Placed<'a>) -> impl Iterator<Item = (&'static [&'static str], &'a Node)> {
    let value = placed.plugin.and_then(|plugin| plugin.at(&["configuration", "value"]));
    NAMES.into_iter().filter_map(move |keys| Some((keys, value?.at(keys)?)))
}

fn speaks_http2(cluster: &Node) -> bool {
    let options = cluster.get("typed_extension_protocol_options");
    let options =
        options.and_then(|options| options.get("envoy.extensions.upstreams.http.v3.HttpProtocolOptions"));
    let config = options.and_then(|options| options.get("explicit_http_config"));
    config.is_some_and(|config| config.get("http2_protocol_options").is_some())
        || cluster.get("http2_protocol_options").is_some()
}
