//! What a program is made of: a CycloneDX document with every crate that is compiled into it or builds it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::workspace_root;

use super::archive;
use super::origin::Origin;

pub(super) fn of_filter(name: &str, origin: &Origin) -> Result<Vec<u8>> {
    document(name, "wasm32-wasip1", "library", origin)
}

pub(super) fn of_companion(origin: &Origin) -> Result<Vec<u8>> {
    document("slipstream", &format!("{}-unknown-linux-gnu", std::env::consts::ARCH), "application", origin)
}

fn document(package: &str, target: &str, kind: &str, origin: &Origin) -> Result<Vec<u8>> {
    let metadata = metadata(target)?;
    let closure = closure(&metadata, package, target)?;
    let checksums = checksums()?;
    let packages = list(&metadata, "packages").iter().filter_map(|one| Some((one["id"].as_str()?, one)));
    let packages: BTreeMap<&str, &Value> = packages.collect();
    let reference = |id: &str| packages.get(id).map(|one| purl(one)).unwrap_or_default();
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for (id, needs) in &closure.needs {
        let one = packages.get(id.as_str()).with_context(|| format!("cargo names no package {id}"))?;
        let needs: BTreeSet<String> = needs.iter().map(|id| reference(id)).collect();
        dependencies.push(json!({"ref": purl(one), "dependsOn": needs}));
        if *id == closure.root {
            continue;
        }
        let mut component = component(one, "library");
        if let Some(sum) = checksums.get(&(text(one, "name"), text(one, "version"))) {
            component["hashes"] = json!([{"alg": "SHA-256", "content": sum}]);
        }
        components.push(component);
    }
    let sort = |list: &mut Vec<Value>, key: &str| list.sort_by_key(|one| text(one, key));
    sort(&mut components, "bom-ref");
    sort(&mut dependencies, "ref");
    let root = packages.get(closure.root.as_str()).context("cargo names no such package")?;
    let mut bom = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": origin.time(),
            "tools": {"components": [{"type": "application", "name": "cargo xtask package", "version": origin.version}]},
            "component": component(root, kind),
            "properties": [{"name": "cargo:target", "value": target}],
        },
        "components": components,
        "dependencies": dependencies,
    });
    // The same content has the same number.
    let sum = archive::sha256(bom.to_string().as_bytes());
    let part = |from: usize, to: usize| sum.get(from..to).unwrap_or_default();
    let serial = format!(
        "urn:uuid:{}-{}-4{}-8{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 15),
        part(15, 18),
        part(18, 30)
    );
    bom["serialNumber"] = json!(serial);
    Ok(format!("{bom:#}\n").into_bytes())
}

fn component(package: &Value, kind: &str) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    });
    if let Some(license) = package["license"].as_str() {
        // Some crates still write the slash of old.
        component["licenses"] = json!([{"expression": license.replace('/', " OR ").replace("  ", " ")}]);
    }
    component
}

fn purl(package: &Value) -> String {
    format!("pkg:cargo/{}@{}", text(package, "name"), text(package, "version").replace('+', "%2B"))
}

struct Closure {
    root: String,
    /// Packages by id, with what each needs.
    needs: BTreeMap<String, BTreeSet<String>>,
}

/// A package and all that it needs to be built and to run, but not to be tested. `cargo metadata` would add what only tests
/// switch on.
fn closure(metadata: &Value, package: &str, target: &str) -> Result<Closure> {
    let ids: BTreeMap<(String, String), String> = list(metadata, "packages")
        .iter()
        .map(|one| ((text(one, "name"), text(one, "version")), text(one, "id")))
        .collect();
    let arguments = ["tree", "--locked", "--package", package, "--target", target];
    let format = ["--edges", "normal,build", "--prefix", "depth", "--format", " {p}"];
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut path: Vec<String> = Vec::new();
    for line in cargo(&[&arguments[..], &format[..]].concat())?.lines() {
        let mut words = line.split_whitespace();
        let (depth, name, version) = (words.next(), words.next(), words.next());
        let depth: usize = depth.and_then(|depth| depth.parse().ok()).context("cargo tree tells no depth")?;
        let key = (
            name.unwrap_or_default().to_owned(),
            version.unwrap_or_default().trim_start_matches('v').to_owned(),
        );
        let id = ids.get(&key).with_context(|| format!("cargo names no package {} {}", key.0, key.1))?;
        path.truncate(depth);
        if let Some(parent) = path.last() {
            needs.entry(parent.clone()).or_default().insert(id.clone());
        }
        needs.entry(id.clone()).or_default();
        path.push(id.clone());
    }
    let root = path.into_iter().next().with_context(|| format!("the workspace has no package {package}"))?;
    Ok(Closure { root, needs })
}

fn metadata(target: &str) -> Result<Value> {
    let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", target];
    Ok(serde_json::from_str(&cargo(&arguments)?)?)
}

fn cargo(arguments: &[&str]) -> Result<String> {
    let output = Command::new("cargo").args(arguments).current_dir(workspace_root()).output();
    let output = output.context("cannot run cargo")?;
    let command = arguments.first().unwrap_or(&"");
    ensure!(output.status.success(), "cargo {command}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The checksums that Cargo.lock has, by name and version.
fn checksums() -> Result<BTreeMap<(String, String), String>> {
    let lock = std::fs::read_to_string(workspace_root().join("Cargo.lock"))?;
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")));
        line.map(|line| line.trim_end_matches('"').to_owned())
    };
    let found = lock.split("[[package]]").filter_map(|block| {
        Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?))
    });
    Ok(found.collect())
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}
