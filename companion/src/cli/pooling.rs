//! `slipstream pooling`: PgBouncer's configuration, and what it does.

mod check;
mod render;
mod status;

use std::process::ExitCode;

use clap::Subcommand;

use check::Check;
use render::{Apply, Render};
use status::Status;

#[derive(Debug, Subcommand)]
pub(super) enum Pooling {
    /// Write pgbouncer.ini and userlist.txt from the settings, once the servers have been asked whether it all fits.
    Render(Render),
    /// Write both as `render` does, say what changes, and have the running PgBouncer read them.
    Apply(Apply),
    /// Show what the running PgBouncer does: pools, load, and whether they fit each other.
    Status(Status),
    /// Prove whether clients get each other's answers: many queries at once through PgBouncer, every answer checked. Exits with
    /// 0 if every query got its own.
    Check(Check),
}

impl Pooling {
    /// Does it, and prints what came of it.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Render(render) => render.run().await,
            Self::Apply(apply) => apply.run().await,
            Self::Status(status) => status.run().await,
            Self::Check(check) => check.run().await,
        }
    }
}
