//! `slipstream pooling status`.

use std::process::ExitCode;

use clap::Args;

use crate::cli::ConfigArgs;
use crate::cli::table::{Table, bytes};
use crate::config::PgBouncerVersion;
use crate::pooling::{Console, Figures, judge_load};

#[derive(Debug, Args)]
pub(in crate::cli) struct Status {
    /// Print JSON instead of tables for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

impl Status {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config.load()?;
        let pooling = &config.pooling;
        let figures = Console::open(pooling).await?.figures().await?;
        if self.json {
            println!("{}", serde_json::to_string(&figures)?);
            return Ok(ExitCode::SUCCESS);
        }
        println!("{} at {}:{}", figures.version, pooling.host, pooling.port);
        print!("{}{}", pools(&figures), stats(&figures));
        for line in judge_load(pooling, &figures) {
            println!("- {line}");
        }
        let running = figures.version.rsplit(' ').next().and_then(PgBouncerVersion::parse);
        if let Some(running) = running.filter(|running| *running != pooling.version) {
            println!("- it is {running}, and the settings are for {} (pooling.version)", pooling.version);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn pools(figures: &Figures) -> Table {
    let mut table = Table::new(&[
        "DATABASE",
        "USER",
        "MODE",
        "CLIENTS",
        "WAITING",
        "SERVERS",
        "IDLE",
        "OTHER",
        "LONGEST WAIT",
    ]);
    for pool in &figures.pools {
        table.row([
            pool.database.clone(),
            pool.user.clone(),
            pool.mode.clone(),
            pool.clients_active.to_string(),
            pool.clients_waiting.to_string(),
            pool.servers_active.to_string(),
            pool.servers_idle.to_string(),
            pool.servers_other.to_string(),
            format!("{:.1} ms", pool.longest_wait_us as f64 / 1e3),
        ]);
    }
    table
}

fn stats(figures: &Figures) -> Table {
    let mut table = Table::new(&[
        "DATABASE",
        "TRANSACTIONS",
        "QUERIES",
        "RECEIVED",
        "SENT",
        "MEAN TRANSACTION",
        "MEAN WAIT",
    ]);
    for stats in &figures.stats {
        let mean = |sum: u64| match stats.transactions {
            0 => String::new(),
            transactions => format!("{:.2} ms", sum as f64 / transactions as f64 / 1e3),
        };
        table.row([
            stats.database.clone(),
            stats.transactions.to_string(),
            stats.queries.to_string(),
            bytes(stats.received_bytes),
            bytes(stats.sent_bytes),
            mean(stats.transaction_us),
            mean(stats.wait_us),
        ]);
    }
    table
}
