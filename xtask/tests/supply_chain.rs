//! Where the dependencies come from, under which licences, and what runs when they are built.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Packages of the project that have a build script, each read: it writes files from files of the project.
const OWN_BUILD_SCRIPTS: [&str; 1] = ["migrations"];

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn packages() -> Vec<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--filter-platform",
        "x86_64-unknown-linux-gnu",
    ]);
    let output = cargo.current_dir(workspace()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn toml(file: &str) -> toml::Table {
    std::fs::read_to_string(workspace().join(file)).unwrap().parse().unwrap()
}

#[test]
fn every_licence_is_one_of_those_allowed() {
    let deny = toml("deny.toml");
    let allowed: Vec<spdx::Licensee> = deny["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|licence| spdx::Licensee::parse(licence.as_str().unwrap()).unwrap())
        .collect();
    let mut refused = Vec::new();
    for package in packages() {
        let licence = package["license"].as_str().unwrap_or("none");
        let expression = spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX);
        let is_allowed = expression.is_ok_and(|expression| {
            expression.evaluate(|required| allowed.iter().any(|licensee| licensee.satisfies(required)))
        });
        if !is_allowed {
            refused.push(format!("{} {}: {licence}", package["name"], package["version"]));
        }
    }
    assert!(refused.is_empty(), "deny.toml does not allow the licences of {refused:#?}");
}

#[test]
fn every_dependency_comes_from_the_registry_with_a_checksum() {
    let lock = toml("Cargo.lock");
    let packages = lock["package"].as_array().unwrap();
    let foreign = packages.iter().filter_map(|package| Some((package.get("source")?.as_str()?, package)));
    let mut sources = std::collections::BTreeSet::new();
    for (source, package) in foreign {
        assert!(source.starts_with("registry+"), "{package}");
        assert!(package.get("checksum").is_some(), "{package} has no checksum");
        sources.insert(source);
    }
    assert_eq!(sources.len(), 1, "one registry: {sources:?}");
}

#[test]
fn only_build_scripts_that_have_been_read_are_the_projects_own() {
    let has_build_script = |package: &Value| {
        let targets = package["targets"].as_array().unwrap();
        targets.iter().any(|target| target["kind"] == serde_json::json!(["custom-build"]))
    };
    let own =
        packages().into_iter().filter(|package| package["source"].is_null() && has_build_script(package));
    let names: Vec<String> = own.map(|package| package["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, OWN_BUILD_SCRIPTS);
}
