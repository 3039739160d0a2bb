//! `slipstream timescale status`.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::{Map, Value};
use timescale::{Health, Job};

use super::{databases, open};
use crate::cli::ConfigArgs;
use crate::cli::table::{Table, bytes};

#[derive(Debug, Args)]
pub(in crate::cli) struct Status {
    /// Exit with 1 also where TimescaleDB, or a part of it, is not in force.
    #[arg(long)]
    require: bool,
    /// Print JSON instead of tables for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

impl Status {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config.load()?;
        let (mut is_wrong, mut lacks, mut found) = (false, false, Map::new());
        for (name, database) in databases(&config)? {
            let client = open(database).await?;
            let status = timescale::status(&client).await.with_context(|| name.to_owned())?;
            is_wrong |= status.is_wrong();
            lacks |= status.presence.lacks().is_some();
            if self.json {
                found.insert(name.to_owned(), serde_json::to_value(&status)?);
            } else {
                print!("{}", text(name, &status));
            }
        }
        if self.json {
            println!("{}", Value::Object(found));
        }
        Ok(if is_wrong || (self.require && lacks) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn text(name: &str, status: &timescale::Status) -> String {
    let mut text = match status.presence.lacks() {
        Some(lacks) => format!("{name}: {lacks}\n"),
        None => format!("{name}: in force\n"),
    };
    if !status.hypertables.is_empty() {
        text += &hypertables(status).to_string();
    }
    if !status.aggregates.is_empty() {
        let mut table = Table::new(&["AGGREGATE", "OF", "SIZE", "WHAT IS NEWER THAN THE LAST REFRESH"]);
        for aggregate in &status.aggregates {
            let newer =
                if aggregate.materialized_only { "is left out" } else { "is summed up when asked for" };
            let size = bytes(u64::try_from(aggregate.bytes).unwrap_or(0));
            table.row([aggregate.name.clone(), aggregate.of.clone(), size, newer.to_owned()]);
        }
        text += &table.to_string();
    }
    if !status.jobs.is_empty() {
        text += &jobs(&status.jobs).to_string();
    }
    for risk in &status.risks {
        text += &format!(
            "{}: rows are deleted after {}, and each refresh goes back {}: it removes the sums of what was deleted. Give its policy a \
             start_offset below {}\n",
            risk.aggregate,
            risk.kept,
            risk.refreshed.as_deref().unwrap_or("to the beginning"),
            risk.kept
        );
    }
    text
}

fn hypertables(status: &timescale::Status) -> Table {
    let size = |size: i64| bytes(u64::try_from(size).unwrap_or(0));
    let mut table = Table::new(&[
        "HYPERTABLE",
        "CHUNKS OF",
        "COMPRESSED",
        "SIZE",
        "BEFORE",
        "AFTER",
        "SAVED",
        "SEGMENTS BY",
        "ORDER",
    ]);
    for one in &status.hypertables {
        table.row([
            one.name.clone(),
            one.chunk_interval.clone(),
            format!("{} of {}", one.compressed_chunks, one.chunks),
            size(one.bytes),
            size(one.before_bytes),
            size(one.after_bytes),
            one.saved_percent().map_or_else(|| "-".to_owned(), |saved| format!("{saved:.1} %")),
            one.segment_by.clone(),
            one.order_by.clone(),
        ]);
    }
    table
}

fn jobs(jobs: &[Job]) -> Table {
    let mut table = Table::new(&["JOB", "WHAT", "ON", "EVERY", "RUNS", "FAILED", "HEALTH", "SETTINGS"]);
    for job in jobs {
        table.row([
            job.id.to_string(),
            job.what.clone(),
            job.on.clone(),
            job.every.clone(),
            job.runs.to_string(),
            job.failures.to_string(),
            match &job.health {
                Health::Healthy => "healthy".to_owned(),
                Health::NotYet => "has not run yet".to_owned(),
                Health::Failing(why) => format!("FAILING: {why}"),
                Health::Overdue(why) => format!("OVERDUE: {why}"),
                Health::Off => format!("SWITCHED OFF: SELECT alter_job({}, scheduled => true)", job.id),
            },
            job.config.clone(),
        ]);
    }
    table
}
