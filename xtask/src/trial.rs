//! `cargo xtask trial`: the long forms of tests, with the figures that they print.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use testbed::artifacts::{self, Artifact};
use testbed::{Tool, workspace_root};

/// Which trials to run.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only trials whose names contain this
    filter: Option<String>,
}

/// Runs them one after the other, and prints what they measure.
pub fn run(options: &Options) -> Result<ExitCode> {
    crate::ensure(&[Tool::Envoy, Tool::RedisServer, Tool::RedisCli, Tool::Wrk, Tool::Postgres])?;
    artifacts::build(&[Artifact::Filters, Artifact::Companion])?;
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--release", "--no-fail-fast"]);
    cargo
        .args(["-p", "e2e", "-p", "slipstream", "-p", "migrations", "-p", "query-cache"])
        .args(&options.filter);
    cargo
        .args(["--", "--ignored", "--nocapture", "--test-threads=1", "--skip", "compose_"])
        .current_dir(workspace_root());
    let status = cargo.status().context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
