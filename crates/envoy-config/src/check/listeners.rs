//! Settings of listeners and connection managers that the filters rely on, and the admin interface's address.

use super::chains::{Chain, Chains};
use super::finding::Findings;
use crate::document::Node;

/// What Envoy holds of a response unless a listener says otherwise.
const ENVOYS_LIMIT: i64 = 1 << 20;
/// The compression filter's own limit unless set.
const MAX_BYTES: i64 = 1 << 20;

pub(super) fn check(chains: &Chains<'_>, findings: &mut Findings) {
    for chain in chains.iter() {
        check_buffers(chain, findings);
        check_paths(chain, findings);
    }
}

fn check_buffers(chain: &Chain<'_>, findings: &mut Findings) {
    let Some((listener, path)) = &chain.listener else { return };
    let compression = chain.placed.iter().find(|placed| placed.filter.name == "compression");
    let Some(plugin) = compression.and_then(|placed| placed.plugin) else { return };
    let max = plugin.at(&["configuration", "value", "max_bytes"]).and_then(Node::number).unwrap_or(MAX_BYTES);
    let limit = listener.get("per_connection_buffer_limit_bytes");
    let bytes = limit.and_then(Node::number).unwrap_or(ENVOYS_LIMIT);
    if bytes < max {
        findings.error(
            "buffer-limit",
            limit.unwrap_or(listener),
            &format!("{path}.per_connection_buffer_limit_bytes"),
            format!("is {bytes}, less than compression's max_bytes, {max}: longer responses fail with 500"),
            format!("write per_connection_buffer_limit_bytes: {} or more", max.saturating_mul(2)),
        );
    }
}

/// One resource must not have several keys, nor a path slip past its route.
fn check_paths(chain: &Chain<'_>, findings: &mut Findings) {
    let Some((manager, path)) = &chain.manager else { return };
    if !chain.placed.iter().any(|placed| placed.filter.name == "response-cache") {
        return;
    }
    for setting in ["normalize_path", "merge_slashes"] {
        if !manager.get(setting).is_some_and(Node::is_true) {
            findings.warning(
                "paths",
                manager,
                path,
                format!("{setting} is not true: spellings of one path are several entries of the cache"),
                format!("write {setting}: true"),
            );
        }
    }
}

pub(super) fn check_admin(root: &Node, findings: &mut Findings) {
    let Some(address) = root.at(&["admin", "address", "socket_address", "address"]) else { return };
    if matches!(address.text(), Some("0.0.0.0" | "::")) {
        findings.warning(
            "admin",
            address,
            "admin.address.socket_address.address",
            "the admin interface is open to everyone who reaches this machine, and can stop Envoy",
            "write 127.0.0.1, or keep others out by a network policy",
        );
    }
}
