//! `cargo xtask generate`: writes what is made from the code and kept in the repository. Tests compare it with the code.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use testbed::artifacts::FILTERS;
use testbed::{WRITE_GENERATED, workspace_root};

/// Writes the schemas of the filters' settings, and then the pages that show them.
pub fn run() -> Result<()> {
    let test = |packages: &[&str], name: &str| -> Result<()> {
        let mut cargo = Command::new("cargo");
        cargo.args(["test", "--quiet"]).current_dir(workspace_root()).env(WRITE_GENERATED, "1");
        for package in packages {
            cargo.args(["-p", package]);
        }
        let status = cargo.arg(name).status().context("cannot run cargo")?;
        ensure!(status.success(), "cargo test {name} failed");
        Ok(())
    };
    test(&FILTERS, "the_schema_is_the_codes")?;
    test(&["documentation"], "the_reference_is_the_schemas")
}
