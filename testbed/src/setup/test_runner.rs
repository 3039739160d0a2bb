//! wasm-bindgen's test runner, built from source.

use std::process::Command;

use anyhow::{Context, Result};

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
    let install = |options: &[&str]| {
        let mut cargo = Command::new("cargo");
        cargo.args(["install", "wasm-bindgen-cli", "--quiet", "--bin", "wasm-bindgen-test-runner"]);
        cargo.args(["--version", version]).args(options).arg("--root").arg(&root);
        run(cargo.env("CARGO_TARGET_DIR", &target))
    };
    // A registry's mirror may lack a version that the tool's own lock file names; any compatible one will do then.
    if let Err(error) = install(&["--locked"]) {
        progress("its locked dependencies cannot be had; building with the newest compatible ones");
        install(&[]).with_context(|| format!("with its own lock file: {error:#}"))?;
    }
    publish(&root, &tools.join(format!("wasm-bindgen-{version}")))
}
