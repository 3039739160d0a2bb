//! What commonly goes wrong in an Envoy's configuration with Slipstream's filters.

mod chains;
mod clusters;
mod discovery;
mod finding;
mod listeners;
mod order;
mod plugin;
mod routes;
mod stats;

use std::path::Path;

pub use finding::{Finding, Report, Severity};

use crate::document::{Node, Unreadable};
use chains::Chains;
use finding::Findings;

/// Checks a bootstrap, or a file of resources for one. Relative paths in it start at `folder`, as they start where Envoy is
/// started.
pub fn check(text: &str, folder: &Path) -> Result<Report, Unreadable> {
    let root = Node::parse(text)?;
    let mut findings = Findings::default();
    let chains = Chains::find(&root);
    if !chains.have_filters() && chains.loose().is_empty() {
        findings.error(
            "no-filters",
            &root,
            "",
            "has none of Slipstream's filters",
            "`slipstream envoy init` writes a complete file to take them from",
        );
    }
    order::check(&chains, &mut findings);
    for placed in chains.plugins().chain(chains.loose()) {
        plugin::check(placed, folder, &mut findings);
        discovery::check(placed, folder, &mut findings);
        clusters::check_named(placed, &root, &mut findings);
    }
    plugin::check_agreement(&chains, &mut findings);
    discovery::check_node(&chains, &root, &mut findings);
    clusters::check_companions(&chains, &root, &mut findings);
    listeners::check(&chains, &mut findings);
    routes::check(&root, &mut findings);
    if root.get("static_resources").is_some() || root.get("admin").is_some() {
        stats::check(&chains, &root, &mut findings);
        listeners::check_admin(&root, &mut findings);
    }
    Ok(findings.report())
}

#[cfg(test)]
mod tests;
