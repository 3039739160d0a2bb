//! The images of the compose file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Engine, base, output};
use crate::{Tool, artifacts, temp_dir, workspace_root};

/// Targets of `testbed/containers/Dockerfile`, and the published images that they stand in for.
pub const STAND_INS: [(&str, &str); 8] = [
    ("redis", "redis:7.4-bookworm"),
    ("timescaledb", "timescale/timescaledb:2.17.2-pg15"),
    ("prometheus", "prom/prometheus:v2.53.4"),
    ("envoy", "envoyproxy/envoy:v1.40.0"),
    ("k6", "grafana/k6:1.1.0"),
    ("redis-commander", "ghcr.io/joeferner/redis-commander:0.9.0"),
    ("rust", "rust:1.95-bookworm"),
    ("python", "python:3.11-slim-bookworm"),
];
/// Targets of `compose/Dockerfile`.
pub const OWN: [&str; 5] = ["companion", "demo", "envoy", "pgbouncer", "documentation"];

/// Builds them all.
pub fn make(engine: &Engine, mut progress: impl FnMut(&str)) -> Result<()> {
    base::make(engine, &mut progress)?;
    let context = temp_dir("images")?;
    let folder = workspace_root().join("testbed/containers");
    for file in ["Dockerfile", "cargo.sh", "pip.sh", "postgres.sh"] {
        fs::copy(folder.join(file), context.path().join(file))
            .with_context(|| format!("cannot copy {file}"))?;
    }
    let filters = context.path().join("built/filters");
    fs::create_dir_all(&filters)?;
    let copy = |from: &Path, to: &str| {
        fs::copy(from, context.path().join(to))
            .map(drop)
            .with_context(|| format!("cannot copy {}", from.display()))
    };
    copy(&Tool::Envoy.path()?, "envoy")?;
    copy(&Tool::K6.path()?, "k6")?;
    copy(&artifacts::companion()?, "built/slipstream")?;
    copy(&artifacts::demo()?, "built/slipstream-demo")?;
    for name in artifacts::FILTERS {
        copy(&artifacts::filter(name)?, &format!("built/filters/{name}.wasm"))?;
    }
    let model = Tool::MiniLm.path()?;
    fs::create_dir(context.path().join("model"))?;
    for file in fs::read_dir(model.parent().context("the model is in no folder")?)? {
        let file = file?;
        if !file.file_type()?.is_file() {
            continue;
        }
        copy(&file.path(), &format!("model/{}", file.file_name().display()))?;
    }
    copy_folder(&modules_of(&Tool::RedisCommander.path()?)?, &context.path().join("node_modules"))?;
    for (target, tag) in STAND_INS {
        progress(&format!("making an image in place of {tag}"));
        build(engine, context.path(), "Dockerfile", target, tag)?;
    }
    let root = workspace_root();
    let sources = temp_dir("sources")?;
    copy_sources(&root, sources.path())?;
    for target in OWN {
        progress(&format!("building slipstream/{target}"));
        build(engine, sources.path(), "compose/Dockerfile", target, &format!("slipstream/{target}:dev"))?;
    }
    Ok(())
}

/// The `node_modules` that a file is in.
fn modules_of(file: &Path) -> Result<PathBuf> {
    let modules = file.ancestors().find(|folder| folder.ends_with("node_modules"));
    modules.map(Path::to_owned).with_context(|| format!("{} is in no node_modules", file.display()))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    output(Command::new("cp").args(["-r", "--no-target-directory"]).arg(from).arg(to)).map(drop)
}

/// What a fresh clone has, so that neither the target folder nor anything else of this machine is sent to the engine.
fn copy_sources(root: &Path, to: &Path) -> Result<()> {
    let listed = output(
        Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root),
    )?;
    for file in listed.split('\0').filter(|file| !file.is_empty()) {
        let (from, to) = (root.join(file), to.join(file));
        // A file that is deleted but still listed.
        let Ok(kind) = from.symlink_metadata() else { continue };
        to.parent().map_or(Ok(()), fs::create_dir_all)?;
        if kind.is_symlink() {
            symlink(fs::read_link(&from)?, &to)?;
        } else {
            fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        }
    }
    Ok(())
}

fn build(engine: &Engine, context: &Path, file: &str, target: &str, tag: &str) -> Result<()> {
    let mut build = engine.client();
    // Its steps fetch packages by this machine's own network.
    build.args(["build", "--quiet", "--network", "host", "--target", target, "--tag", tag, "--file"]);
    output(build.arg(context.join(file)).arg(context))
        .map(drop)
        .with_context(|| format!("cannot build {tag}"))
}
