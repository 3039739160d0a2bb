//! `slipstream envoy`: Envoy's configuration, written and checked.

mod check;
mod init;
mod questions;

use std::process::ExitCode;

use clap::Subcommand;

use check::Check;
use init::Init;

#[derive(Debug, Subcommand)]
pub(super) enum Envoy {
    /// Write a complete and commented envoy.yaml for one service, from options or, in a terminal, from a few questions.
    Init(Init),
    /// Find what commonly goes wrong in an Envoy's configuration with Slipstream's filters. Exits with 0 if there is no error, 1
    /// if there is one, 2 if the file cannot be read.
    Check(Check),
}

impl Envoy {
    /// Does it, and prints what came of it.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Init(init) => init.run(),
            Self::Check(check) => check.run(),
        }
    }
}
