//! Where the dependencies come from, under which licences, and what runs when they are built.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
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
    let mut sources = BTreeSet::new();
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

/// Name and version of each package that is not the project's own.
fn foreign() -> BTreeSet<(String, String)> {
    let lock = toml("Cargo.lock");
    let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
    let packages = lock["package"].as_array().unwrap().iter();
    let foreign = packages.filter(|package| package.get("source").is_some());
    foreign.map(|package| (text(package, "name"), text(package, "version"))).collect()
}

/// What is built for any of the platforms that deny.toml names: `cargo metadata` lists what features leave out, too.
fn built() -> BTreeMap<String, Vec<semver::Version>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--workspace", "--prefix=none", "--no-dedupe", "--format={p}"]);
    cargo.args(["--edges=normal,build,dev"]);
    for target in toml("deny.toml")["graph"]["targets"].as_array().unwrap() {
        cargo.args(["--target", target.as_str().unwrap()]);
    }
    let output = cargo.current_dir(workspace()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut versions: BTreeMap<String, Vec<semver::Version>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines().collect::<BTreeSet<_>>() {
        // `name v1.2.3`, and what else there is to say.
        let Some((name, rest)) = line.split_once(" v") else { continue };
        let version: semver::Version = rest.split(' ').next().unwrap().parse().unwrap();
        let known = versions.entry(name.to_owned()).or_default();
        if !known.contains(&version) {
            known.push(version);
        }
    }
    versions
}

#[test]
fn every_second_version_is_known_and_who_asks_for_it() {
    let mut older = BTreeSet::new();
    for (name, mut versions) in built() {
        versions.sort();
        versions.pop();
        for mut version in versions {
            version.build = semver::BuildMetadata::EMPTY;
            older.insert(format!("{name}@{version}"));
        }
    }
    let deny = toml("deny.toml");
    let skipped = deny["bans"]["skip"].as_array().unwrap().iter();
    let skipped: BTreeSet<String> = skipped.map(|skip| skip["crate"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        skipped, older,
        "left: bans.skip of deny.toml, right: what is built for its platforms beside a newer version"
    );
}

/// `cargo vet` asks for this, and for what others have vetted, which is not to be had without a network.
#[test]
fn every_dependency_is_vetted_or_exempt_by_version() {
    let config = toml("supply-chain/config.toml");
    let audits = toml("supply-chain/audits.toml");
    let mut recorded = BTreeSet::new();
    for table in [config.get("exemptions"), audits.get("audits")].into_iter().flatten() {
        for (name, entries) in table.as_table().unwrap() {
            let versions =
                entries.as_array().unwrap().iter().filter_map(|entry| entry.get("version")?.as_str());
            recorded.extend(versions.map(|version| (name.clone(), version.to_owned())));
        }
    }
    let foreign = foreign();
    let unknown: Vec<_> = foreign.difference(&recorded).collect();
    assert!(unknown.is_empty(), "in Cargo.lock, and not in supply-chain/: {unknown:?}; run cargo vet");
    let gone: Vec<_> = recorded.difference(&foreign).collect();
    assert!(gone.is_empty(), "in supply-chain/, and no longer in Cargo.lock: {gone:?}; run cargo vet prune");
}
