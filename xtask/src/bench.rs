//! `cargo xtask bench`: the proxy's CPU time per request, beside what others offer.

use anyhow::{Result, bail};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {}

/// Runs the benchmark.
pub fn run(_options: Options) -> Result<()> {
    bail!("not built yet")
}
