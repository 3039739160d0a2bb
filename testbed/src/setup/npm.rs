//! Libraries of npm.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::{apt, publish, run};
use crate::paths::tools_dir;
use crate::tool::{Tool, on_path};
use crate::workspace_root;

/// Installs what `testbed/NAME/package-lock.json` says into a folder of its own under the tools folder.
pub fn install(tool: Tool, version: &str, progress: &mut impl FnMut(&str)) -> Result<()> {
    if on_path("npm").is_none() {
        apt::install(&["npm"], progress)?;
    }
    progress(&format!("downloading {} {version}", tool.name()));
    let tools = tools_dir();
    fs::create_dir_all(&tools)?;
    let staging = tempfile::tempdir_in(&tools).context("cannot make a folder for the download")?;
    let staged = staging.path().join("npm");
    fs::create_dir(&staged)?;
    for file in ["package.json", "package-lock.json"] {
        let from = workspace_root().join("testbed").join(tool.name()).join(file);
        fs::copy(&from, staged.join(file)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    // Nothing that comes along may run.
    // npm takes a folder that it reaches by a symbolic link for a link to another package.
    let staged = staged.canonicalize()?;
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"];
    run(Command::new("npm").args(arguments).arg(&staged))?;
    publish(&staged, &tools.join(format!("{}-{version}", tool.name())))
}
