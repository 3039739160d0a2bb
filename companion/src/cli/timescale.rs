//! `slipstream timescale`: what TimescaleDB does with the databases.

mod advise;
mod status;

use std::process::ExitCode;

use clap::Subcommand;
use migrations::{Endpoint, connect};
use tokio_postgres::Client;

use crate::config::{Config, Database};
use advise::Advise;
use status::Status;

#[derive(Debug, Subcommand)]
pub(super) enum Timescale {
    /// Show what is in force: sizes before and after compression, policies, and whether their jobs do what they should. Exits with 1 if
    /// a job does not, or data will be lost.
    Status(Status),
    /// Count how full the segments of each layout would be with the signals that there are, and say which is better.
    Advise(Advise),
}

impl Timescale {
    /// Asks, and prints what was found.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Status(status) => status.run().await,
            Self::Advise(advise) => advise.run().await,
        }
    }
}

/// The databases that are configured, by name.
fn databases(config: &Config) -> anyhow::Result<Vec<(&'static str, &Database)>> {
    let all = [("workspace", &config.workspace), ("tp-capital", &config.tp_capital)];
    let configured: Vec<_> = all.into_iter().filter(|(_, database)| database.is_configured()).collect();
    anyhow::ensure!(
        !configured.is_empty(),
        "workspace.url and tp_capital.url are empty, expected the direct URL of at least one database"
    );
    Ok(configured)
}

async fn open(database: &Database) -> anyhow::Result<Client> {
    let (url, tls_ca_file) = (database.url.reveal().to_owned(), database.tls_ca_file.clone());
    Ok(connect(&Endpoint { url, tls_ca_file }, "slipstream timescale").await?)
}
