//! wasm-bindgen's test runner, built from source.

use std::process::Command;

use anyhow::Result;

use super::{publish, run};
use crate::paths::tools_dir;

/// Builds the test runner of this version with `cargo install`, in a target folder of its own, so that it neither
/// waits for nor disturbs a build of the workspace.
pub fn install(version: &str, progress: &mut impl FnMut(&str)) -> Result<()> {
    progress(&format!("building wasm-bindgen-test-runner {version} (a few minutes, once)"));
    let tools = tools_dir();
    std::fs::create_dir_all(&tools)?;
    let staging = tempfile::tempdir_in(&tools)?;
    let (root, target) = (staging.path().join("root"), staging.path().join("target"));
    let mut cargo = Command::new("cargo");
    cargo.args(["install", "wasm-bindgen-cli", "--locked", "--quiet", "--bin", "wasm-bindgen-test-runner"]);
    cargo.args(["--version", version]).arg("--root").arg(&root).env("CARGO_TARGET_DIR", &target);
    run(&mut cargo)?;
    publish(&root, &tools.join(format!("wasm-bindgen-{version}")))
}
