//! `slipstream query-cache`.

use std::process::ExitCode;

use anyhow::{Context, bail};
use cache_protocol::{ErrorBody, names};
use clap::{Args, Subcommand};
use hyper::{Method, StatusCode};

use super::Remote;
use super::table::{Table, bytes};
use crate::change_capture::{Phase, Report};
use crate::http::{TableInvalidation, TablesInvalidated};

#[derive(Debug, Subcommand)]
pub(super) enum QueryCache {
    /// Show how the changes are followed, and which tables are not and why. Exits with 1 unless this companion follows, or another does.
    Status(Status),
    /// Void all results that were read from tables, and wait until query caches are told.
    Invalidate(Invalidate),
}

#[derive(Debug, Args)]
pub(super) struct Status {
    /// Print JSON instead of a table for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Invalidate {
    /// A table: NAME, SCHEMA.NAME, or SCHEMA.* for all of a schema; its partitions and chunks are meant too.
    #[arg(required = true, value_name = "TABLE")]
    tables: Vec<String>,
    #[command(flatten)]
    remote: Remote,
}

impl QueryCache {
    /// Asks for it and prints it.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Status(Status { json, remote }) => {
                let text = ask(&remote, Method::GET, Vec::new()).await?;
                let report: Report =
                    serde_json::from_str(&text).context("the companion's answer is no report")?;
                if json {
                    println!("{text}");
                } else {
                    print!("{}", show(&report));
                }
                let is_well = matches!(report.phase, Phase::Following | Phase::Standby);
                Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Self::Invalidate(Invalidate { tables, remote }) => {
                let shown = tables.join(", ");
                let body = serde_json::to_vec(&TableInvalidation { tables })?;
                let text = ask(&remote, Method::POST, body).await?;
                let done: TablesInvalidated =
                    serde_json::from_str(&text).context("the companion's answer is no acknowledgement")?;
                println!("invalidated {shown} at {}", done.lsn);
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

async fn ask(remote: &Remote, method: Method, body: Vec<u8>) -> anyhow::Result<String> {
    let answer = remote
        .client()?
        .send(method, names::QUERY_CACHE_PATH, &[("content-type", "application/json")], body)
        .await?;
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    if answer.status() != StatusCode::OK {
        let reason = serde_json::from_str::<ErrorBody>(&text).map_or(text, |body| body.error);
        bail!("{reason} ({})", answer.status());
    }
    Ok(text)
}

fn show(report: &Report) -> String {
    let phase = match report.phase {
        Phase::Starting => "starting",
        Phase::Standby => "standby",
        Phase::Following => "following",
        Phase::Failed => "failed",
    };
    let age = report.lag_ms.map_or_else(|| "unknown".to_owned(), |age| format!("{age} ms"));
    let mut figures = Table::new(&[]);
    for (name, value) in [
        ("phase", phase.to_owned()),
        ("error", report.error.clone().unwrap_or_default()),
        ("database", report.database.clone()),
        ("epoch", report.epoch.clone()),
        ("log position", report.lsn.clone()),
        ("behind", format!("{}, {age}", bytes(report.lag_bytes))),
        ("definitions", report.definitions.clone()),
    ] {
        if !value.is_empty() {
            figures.row([name.to_owned(), value]);
        }
    }
    let mut tables = Table::new(&["TABLE", "FOLLOWED", "WHY NOT"]);
    for table in &report.tables {
        let followed = if table.refused.is_none() { "yes" } else { "no" };
        tables.row([table.table.clone(), followed.to_owned(), table.refused.clone().unwrap_or_default()]);
    }
    let warnings: String = report.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    format!("{figures}{warnings}\n{tables}")
}
