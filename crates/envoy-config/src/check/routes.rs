//! What routes say to filters, in their metadata.

use super::finding::{Findings, Severity};
use crate::document::{Node, Value};
use crate::filters::{FILTERS, Filter};
use crate::schema;

pub(super) fn check(root: &Node, findings: &mut Findings) {
    walk(root, "", findings);
}

fn walk(node: &Node, path: &str, findings: &mut Findings) {
    if let Some(metadata) = node.at(&["metadata", "filter_metadata"]) {
        check_metadata(metadata, &format!("{path}.metadata.filter_metadata"), findings);
    }
    match &node.value {
        Value::Map(entries) => {
            for (key, value) in entries {
                let place = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(value, &place, findings);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{path}[{index}]"), findings);
            }
        }
        _ => {}
    }
}

fn check_metadata(metadata: &Node, path: &str, findings: &mut Findings) {
    for (namespace, settings) in metadata.entries() {
        let path = format!("{path}.{namespace}");
        if !namespace.starts_with("slipstream.") {
            continue;
        }
        let Some(filter) = Filter::named(namespace) else {
            let known = FILTERS.iter().map(|filter| format!("slipstream.{}", filter.name));
            let fix = format!("write one of {}", known.collect::<Vec<_>>().join(", "));
            findings.error("route-settings", settings, &path, "no filter reads this", fix);
            continue;
        };
        for mistake in schema::mistakes(filter.route_schema, settings) {
            let path = format!("{path}{}", mistake.path);
            findings.add(
                Severity::Error,
                "route-settings",
                mistake.line,
                &path,
                mistake.problem,
                mistake.fix,
            );
        }
    }
}
