//! Building what is packaged so that the place does not show in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use testbed::{artifacts, workspace_root};

/// What was built.
pub(super) struct Built {
    /// The folder of the filters.
    pub(super) filters: PathBuf,
    /// The companion's binary.
    pub(super) companion: PathBuf,
}

impl Built {
    /// What other commands have built.
    pub(super) fn as_it_is() -> Result<Built> {
        for name in artifacts::FILTERS {
            artifacts::filter(name)?;
        }
        Ok(Built { filters: artifacts::filters_dir(), companion: artifacts::companion()? })
    }

    /// Builds everything anew in a folder of this name in `target`.
    pub(super) fn build(folder: &str) -> Result<Built> {
        let target = workspace_root().join("target").join(folder);
        // The filters are built by the command that builds them for all others.
        let this = std::env::current_exe().context("cannot tell which program this is")?;
        run(Command::new(this).arg("filters"), &target)?;
        let build = ["build", "--locked", "--release", "-p", "slipstream", "--bins"];
        run(Command::new("cargo").args(build), &target)?;
        Ok(Built { filters: target.join("filters"), companion: target.join("release/slipstream") })
    }

    pub(super) fn filter(&self, name: &str) -> PathBuf {
        self.filters.join(format!("{name}.wasm"))
    }
}

fn run(command: &mut Command, target: &Path) -> Result<()> {
    command.current_dir(workspace_root()).env("CARGO_TARGET_DIR", target).env("CARGO_INCREMENTAL", "0");
    // Flags of a target are added to those in .cargo/config.toml; these would take their place.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let flags = remapped(target)?;
    let native = format!("{}_UNKNOWN_LINUX_GNU", std::env::consts::ARCH.to_uppercase());
    for triple in ["WASM32_WASIP1", native.as_str()] {
        command.env(format!("CARGO_TARGET_{triple}_RUSTFLAGS"), &flags);
    }
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

/// Flags that have messages name the same paths wherever it is built. Of two that fit, the last counts.
fn remapped(target: &Path) -> Result<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home =
        home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).context("there is no home folder")?;
    let root = workspace_root();
    let paths = [(home.as_path(), "/cargo"), (root.as_path(), "/slipstream"), (target, "/target")];
    for (path, _) in paths {
        let shown = path.display().to_string();
        ensure!(!shown.contains(char::is_whitespace), "{shown} has a space, which cargo's flags cannot have");
    }
    let flags = paths.map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()));
    Ok(flags.join(" "))
}
