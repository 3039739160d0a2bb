//! The rules that make labels of the metrics' names.

use std::collections::BTreeSet;

use super::chains::Chains;
use super::finding::Findings;
use crate::document::Node;

/// The shipped file has them all.
const SHIPPED: &str = include_str!("../../../../envoy/front-proxy.yaml");

pub(super) fn check(chains: &Chains<'_>, root: &Node, findings: &mut Findings) {
    let Ok(shipped) = Node::parse(SHIPPED) else { return };
    let needed: BTreeSet<&str> = chains.plugins().flat_map(|placed| placed.filter.labels).copied().collect();
    let (expected, written) = (tags(&shipped), tags(root));
    let at = root.get("stats_config").unwrap_or(root);
    let mut missing = Vec::new();
    for (name, regex) in expected.into_iter().filter(|(name, _)| needed.contains(name)) {
        match written.iter().find(|(own, _)| *own == name) {
            None => missing.push(name),
            Some((_, own)) if *own == regex => {}
            Some((_, own)) => findings.error(
                "stats-tags",
                at,
                "stats_config.stats_tags",
                format!("the rule of `{name}` is {own}, which does not find the label in Slipstream's names"),
                format!("write {{ tag_name: {name}, regex: \"{}\" }}", regex.replace('\\', "\\\\")),
            ),
        }
    }
    if !missing.is_empty() {
        findings.error(
            "stats-tags",
            at,
            "stats_config.stats_tags",
            format!("has no rule for {}: the metrics' names keep what should be labels", missing.join(", ")),
            "copy stats_config from envoy/front-proxy.yaml, or from what `slipstream envoy init` writes",
        );
    }
}

fn tags(root: &Node) -> Vec<(&str, &str)> {
    let tags = root.at(&["stats_config", "stats_tags"]).map(Node::items).unwrap_or_default();
    tags.iter().filter_map(|tag| Some((tag.text_at(&["tag_name"])?, tag.text_at(&["regex"])?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FILTERS;

    #[test]
    fn the_shipped_rules_are_those_of_the_filters_labels() {
        let shipped = Node::parse(SHIPPED).unwrap();
        let shipped: BTreeSet<&str> = tags(&shipped).into_iter().map(|(name, _)| name).collect();
        let labels: BTreeSet<&str> = FILTERS.iter().flat_map(|filter| filter.labels).copied().collect();
        assert_eq!(labels, shipped);
    }
}
