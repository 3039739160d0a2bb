//! `cargo xtask soak`: a long run under load, and what has grown.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use reliability::{Kind, Stand, soak};
use testbed::Tool;
use testbed::artifacts::{self, Artifact};

use crate::bench::{page, record};

const PAGE: &str = "docs/RELIABILITY.md";
const COMMAND: &str = "cargo xtask soak";

/// How long to run.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// For how many minutes; the long form is 60
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    minutes: u64,
    /// Write what came of it into docs/RELIABILITY.md
    #[arg(long)]
    record: bool,
}

/// Runs it. It fails if a request failed, an answer was wrong, or something grew.
pub fn run(options: &Options) -> Result<ExitCode> {
    // Before the build, which makes the machine busy itself.
    let load_average = record::load_average()?;
    crate::ensure(&[Tool::Envoy, Tool::RedisServer, Tool::RedisCli])?;
    artifacts::build(&[Artifact::Filters, Artifact::Companion, Artifact::Demo])?;
    let mut stand = Stand::start(Kind::Usual)?;
    let time = Duration::from_secs(options.minutes * 60);
    let report = soak(&mut stand, time, |step| eprintln!("soak: {step}"))?;
    let table = report.table();
    println!("{table}");
    if options.record {
        let command = format!("{COMMAND} --minutes {} --record", options.minutes);
        let from = record::circumstances(&command, load_average)?;
        let after = record::load_average()?;
        page::write_into(PAGE, COMMAND, &format!("{from}- load average at the end {after:.2}\n\n{table}"))?;
    }
    let complaints = report.complaints();
    for complaint in &complaints {
        println!("{complaint}");
    }
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
