//! `cargo xtask bench query-cache`: what a hit costs beside the query, and how soon a commit is seen.

use std::fs;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use testbed::{Tool, workspace_root};

use super::{record, say};

const BEGIN: &str = "<!-- recorded by cargo xtask bench query-cache: begin -->\n";
const END: &str = "<!-- recorded by cargo xtask bench query-cache: end -->\n";

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
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "-p", "query-cache", "--example", "bench"])
        .current_dir(workspace_root());
    anyhow::ensure!(cargo.status().context("cannot run cargo")?.success(), "the benchmark does not build");
    let load_average = record::load_average()?;
    say("running; it takes a minute or two");
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--release", "-p", "query-cache", "--example", "bench"]).current_dir(workspace_root());
    let output = cargo.stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{text}");
    if options.record {
        let path = record::path();
        let page = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let head = record::circumstances("cargo xtask bench query-cache", load_average)?;
        let page = record::replace_between(&page, BEGIN, END, &format!("{head}\n{text}"))
            .with_context(|| format!("{} lacks the markers {BEGIN:?} and {END:?}", path.display()))?;
        fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
        say(&format!("recorded in {}", path.display()));
    }
    Ok(if output.status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_its_markers() {
        let page = fs::read_to_string(record::path()).unwrap();
        assert!(record::replace_between(&page, BEGIN, END, "").is_some());
    }
}
