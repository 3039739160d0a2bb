//! What the workspace itself builds: filters, companion, demo API, and a library for tests.
//!
//! `build` is for `cargo xtask`. Tests only look up, for a build inside `cargo test` would make them slow and let
//! them wait for each other.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::paths::{target_dir, workspace_root};

/// The filters' names: their packages, and the stems of their `.wasm` files.
pub const FILTERS: [&str; 5] =
    ["request-metrics", "response-cache", "compression", "compression-observer", "semantic-cache"];

const TARGET: &str = "wasm32-wasip1";

/// Something the workspace builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Artifact {
    /// All filters, as wasm.
    Filters,
    /// The companion, `slipstream`.
    Companion,
    /// The demo's API, `slipstream-demo`.
    Demo,
    /// What tells a program another time of day, `libmoved_clock.so`.
    MovedClock,
}

/// Builds these with cargo, whose messages go to stderr. Nothing is done that is done already.
pub fn build(artifacts: &[Artifact]) -> Result<()> {
    let package = |artifact: &Artifact| match artifact {
        Artifact::Filters | Artifact::MovedClock => None,
        Artifact::Companion => Some("slipstream"),
        Artifact::Demo => Some("slipstream-demo"),
    };
    let native: Vec<&str> = artifacts.iter().filter_map(package).collect();
    if !native.is_empty() {
        cargo_build(&native, &["--release", "--bins"])?;
    }
    if artifacts.contains(&Artifact::MovedClock) {
        cargo_build(&["moved-clock"], &["--release", "--lib"])?;
    }
    if artifacts.contains(&Artifact::Filters) {
        cargo_build(&FILTERS, &["--profile", "filter", "--target", TARGET])?;
        collect_filters()?;
    }
    Ok(())
}

/// Where the filters are put: `target/filters`.
pub fn filters_dir() -> PathBuf {
    target_dir().join("filters")
}

/// A filter's `.wasm`, by the filter's name.
pub fn filter(name: &str) -> Result<PathBuf> {
    built(filters_dir().join(format!("{name}.wasm")))
}

/// The companion's binary.
pub fn companion() -> Result<PathBuf> {
    built(target_dir().join("release/slipstream"))
}

/// The demo API's binary.
pub fn demo() -> Result<PathBuf> {
    built(target_dir().join("release/slipstream-demo"))
}

/// The library that moves a program's clock.
pub fn moved_clock() -> Result<PathBuf> {
    built(target_dir().join("release/libmoved_clock.so"))
}

fn built(path: PathBuf) -> Result<PathBuf> {
    ensure!(path.is_file(), "{} is not built: run `cargo xtask test`, which builds it first", path.display());
    Ok(path)
}

fn cargo_build(packages: &[&str], options: &[&str]) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked"]).args(options).current_dir(workspace_root());
    for package in packages {
        cargo.args(["-p", package]);
    }
    let status = cargo.status().context("cannot run cargo")?;
    ensure!(status.success(), "building {} failed", packages.join(", "));
    Ok(())
}

/// Puts the filters where the shipped configuration expects them, with the callbacks they take. Each file is moved into
/// place, so that an Envoy starting meanwhile reads either the old or the new one, whole.
fn collect_filters() -> Result<()> {
    let folder = filters_dir();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for name in FILTERS {
        let built = target_dir().join(TARGET).join("filter").join(format!("{}.wasm", name.replace('-', "_")));
        let wasm = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
        let wasm = filter_exports::take_callbacks(&wasm)
            .with_context(|| format!("cannot set the callbacks of {}", built.display()))?;
        let staged = folder.join(format!("{name}.{}", std::process::id()));
        fs::write(&staged, wasm).with_context(|| format!("cannot write {}", staged.display()))?;
        fs::rename(&staged, folder.join(format!("{name}.wasm")))?;
    }
    Ok(())
}
