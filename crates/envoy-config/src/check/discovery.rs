//! Filters that come by discovery (ECDS) from a file.

use std::path::Path;

use super::chains::{Chains, Placed};
use super::finding::Findings;
use crate::document::Node;

/// Whether Envoy has the name that it wants where anything is discovered.
pub(super) fn check_node(chains: &Chains<'_>, root: &Node, findings: &mut Findings) {
    let discovered = chains.plugins().find(|placed| placed.entry.get("config_discovery").is_some());
    let Some(placed) = discovered else { return };
    if ["id", "cluster"].iter().any(|key| root.text_at(&["node", key]).is_none()) {
        findings.warning(
            "node",
            placed.entry,
            "node",
            "has no id or no cluster, without which Envoy discovers nothing",
            "write node: { id: NAME, cluster: NAME }, or start Envoy with --service-node and --service-cluster",
        );
    }
}

pub(super) fn check(placed: &Placed<'_>, folder: &Path, findings: &mut Findings) {
    let Some(discovery) = placed.entry.get("config_discovery") else { return };
    let path = format!("{}.config_discovery", placed.path);
    let source = discovery.at(&["config_source", "path_config_source"]);
    let Some(source) = source else { return };
    let path_of_source = format!("{path}.config_source.path_config_source");
    let Some(file) = source.get("path") else {
        return findings.error(
            "discovery",
            source,
            &path_of_source,
            "has no path",
            "write the file of the filter's resource",
        );
    };
    if source.at(&["watched_directory", "path"]).is_none() {
        findings.warning(
            "discovery",
            source,
            &path_of_source,
            "has no watched_directory: a file that is moved over it is seen only where the folder itself is not swapped",
            "write watched_directory: { path: FOLDER }, the folder whose entries are moved",
        );
    }
    if discovery.get("default_config").is_none()
        && discovery.get("apply_default_config_without_warming").is_some_and(Node::is_true)
    {
        findings.error(
            "discovery",
            discovery,
            &path,
            "has no default_config to apply without warming",
            "remove apply_default_config_without_warming",
        );
    }
    let name = file.text().unwrap_or_default();
    let Ok(text) = std::fs::read_to_string(folder.join(name)) else {
        let problem = format!("there is no file {}", folder.join(name).display());
        return findings.error(
            "discovery",
            file,
            &format!("{path_of_source}.path"),
            problem,
            "write the file of the filter's resource",
        );
    };
    match Node::parse(&text) {
        Ok(root)
            if Chains::find(&root).loose().iter().any(|loose| loose.filter.name == placed.filter.name) => {}
        Ok(_) => findings.error(
            "discovery",
            file,
            &format!("{path_of_source}.path"),
            format!("{name} has no resource TypedExtensionConfig of {}", placed.filter.name),
            "see envoy/hot-change for the form; check that file by itself, too",
        ),
        Err(error) => findings.error(
            "discovery",
            file,
            &format!("{path_of_source}.path"),
            format!("{name}: {error}"),
            "write YAML or JSON",
        ),
    }
}
