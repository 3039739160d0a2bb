//! `cargo xtask bench query-cache`: what a hit costs beside the query, and how soon a commit is seen.

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use testbed::{Tool, workspace_root};

use super::{page, record, say};

const COMMAND: &str = "cargo xtask bench query-cache";

/// What to do with the results.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Write the results into docs/BENCHMARKS.md
    #[arg(long)]
    record: bool,
}

/// Runs the benchmark; it fails if a target is missed.
pub fn run(options: &Options) -> Result<ExitCode> {
    crate::ensure(&[Tool::RedisServer, Tool::RedisCli, Tool::Postgres])?;
    // Before the build, which makes the machine busy itself.
    let load_average = record::load_average()?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "-p", "query-cache", "--example", "bench"])
        .current_dir(workspace_root());
    anyhow::ensure!(cargo.status().context("cannot run cargo")?.success(), "the benchmark does not build");
    say("running; it takes a minute or two");
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--release", "-p", "query-cache", "--example", "bench"]).current_dir(workspace_root());
    let output = cargo.stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{text}");
    if options.record {
        let head = record::circumstances(COMMAND, load_average)?;
        page::write(COMMAND, &format!("{head}\n{text}"))?;
        say(&format!("recorded in {}", page::path().display()));
    }
    Ok(if output.status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
