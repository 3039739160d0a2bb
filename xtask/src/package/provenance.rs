//! Where the files of a package are from: an in-toto statement with SLSA's predicate. It is not signed: who publishes signs.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};
use testbed::workspace_root;

use super::archive;
use super::origin::Origin;

/// The statement about the files with these checksums.
pub(super) fn statement(sums: &BTreeMap<String, String>, origin: &Origin) -> Result<Vec<u8>> {
    let subjects: Vec<Value> =
        sums.iter().map(|(name, sum)| json!({"name": name, "digest": {"sha256": sum}})).collect();
    let lock = std::fs::read(workspace_root().join("Cargo.lock"))?;
    let mut materials = vec![json!({"name": "Cargo.lock", "digest": {"sha256": archive::sha256(&lock)}})];
    if let Some(commit) = &origin.commit {
        materials.push(json!({"name": "slipstream", "digest": {"gitCommit": commit}}));
    }
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:slipstream:cargo-xtask-package:v1",
                "externalParameters": {"command": "cargo xtask package", "sourceDateEpoch": origin.epoch},
                "internalParameters": {"rustc": origin.rustc, "uncommittedChanges": origin.is_dirty},
                "resolvedDependencies": materials,
            },
            "runDetails": {
                "builder": {"id": "urn:slipstream:cargo-xtask", "version": {"slipstream": origin.version}},
            },
        },
    });
    Ok(format!("{statement:#}\n").into_bytes())
}
