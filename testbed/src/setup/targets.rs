//! The toolchain's WebAssembly targets.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::run;
use crate::tool::on_path;
use crate::workspace_root;

/// What the filters are built for, and what the host-free crates are tested in. `rust-toolchain.toml` names them too, but
/// rustup adds them only to a toolchain that it installs itself.
const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-unknown-unknown"];

/// Adds what the toolchain lacks. Without rustup the error says what to install.
pub fn ensure(progress: &mut impl FnMut(&str)) -> Result<()> {
    let missing = missing()?;
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if on_path("rustup").is_none() {
        bail!(
            "the Rust toolchain has no target {list}, and there is no rustup to add it: install Rust by rustup"
        );
    }
    progress(&format!("adding {list} to the Rust toolchain"));
    run(Command::new("rustup").args(["target", "add"]).args(&missing))
        .with_context(|| format!("cannot add {list}"))
}

fn missing() -> Result<Vec<&'static str>> {
    let libraries = sysroot()?.join("lib/rustlib");
    Ok(TARGETS.into_iter().filter(|target| !libraries.join(target).join("lib").is_dir()).collect())
}

fn sysroot() -> Result<PathBuf> {
    let mut rustc = Command::new("rustc");
    let output = rustc.args(["--print", "sysroot"]).current_dir(workspace_root()).output();
    let output = output.context("cannot run rustc")?;
    ensure!(output.status.success(), "rustc failed:\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().into())
}
