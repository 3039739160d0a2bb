//! `cargo xtask bench db`: what the indexes bring to queries, and what they cost writes.

mod evidence;
mod queries;
mod report;
mod writes;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use migrations::{Endpoint, Migrator, Observer, Options as Sets, Source, Target, connect};
use testbed::{Postgres, Tool};

use super::{page, record, say};
use evidence::Proven;
use queries::Asked;
use writes::Written;

/// The migrations of the workspace up to here make its tables.
const TABLES: u32 = 2;

/// How much to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Items, and signals
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(20_000..))]
    rows: u32,
    /// How often each query is asked with indexes; without, a tenth as often, and at least 3 times
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(10..))]
    rounds: u16,
    /// How many rows a write writes
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    writes: u32,
    /// Write the results into docs/BENCHMARKS.md
    #[arg(long)]
    record: bool,
}

/// What was measured.
struct Results {
    postgres: String,
    asked: Vec<Asked>,
    written: Vec<Written>,
    built: Duration,
    proven: Vec<Proven>,
}

/// Runs the benchmark; it fails if a target is missed.
pub fn run(options: &Options) -> Result<ExitCode> {
    let load_average = record::load_average()?;
    crate::ensure(&[Tool::Postgres])?;
    let server = Postgres::start_with(&[
        "jit=off",
        "shared_buffers=512MB",
        "maintenance_work_mem=256MB",
        "max_wal_size=8GB",
        "autovacuum=off",
    ])?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let results = runtime.block_on(measure(&server, options))?;
    drop(server);
    println!("{}", report::text(&results));
    let verdicts = report::verdicts(&results);
    for verdict in &verdicts {
        println!("{}", verdict.line());
    }
    if options.record {
        page::write("cargo xtask bench db", &report::markdown(options, &results, &verdicts, load_average)?)?;
        say(&format!("recorded in {}", page::path().display()));
    }
    Ok(if verdicts.iter().all(|verdict| verdict.holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(server: &Postgres, options: &Options) -> Result<Results> {
    let endpoint = Endpoint { url: server.url(), ..Endpoint::default() };
    let client = connect(&endpoint, "bench").await?;
    let postgres = client.query_one("SELECT current_setting('server_version')", &[]).await?.try_get(0)?;
    migrator(&endpoint, Target::Workspace, &["default"]).await?.up(Some(TABLES)).await?;
    say(&format!("making {} items", options.rows));
    client.execute(include_str!("../../../demo/src/seed/items.sql"), &[&i64::from(options.rows)]).await?;
    client.batch_execute("SELECT setval('workspace.workspace_items_id_seq', 100000000)").await?;
    client.batch_execute("VACUUM ANALYZE workspace.workspace_items").await?;

    say("asking without indexes");
    let rarely = (options.rounds / 10).max(3);
    let without = queries::ask(&client, options.rows, rarely).await?;
    let mut written = vec![writes::measure(&client, "primary key alone", options.writes, &[]).await?];
    for index in writes::GIN {
        say(&format!("writing with {index} alone"));
        written.push(writes::with_one(&client, index, options.writes).await?);
    }
    let start = Instant::now();
    say("building the lean set");
    migrator(&endpoint, Target::Workspace, &[]).await?.up(None).await?;
    let mut built = start.elapsed();
    written.push(writes::measure(&client, "lean set", options.writes, &[]).await?);
    say("building the default set");
    let start = Instant::now();
    migrator(&endpoint, Target::Workspace, &["default"]).await?.up(None).await?;
    built += start.elapsed();
    written.push(writes::measure(&client, "default set", options.writes, &writes::GIN).await?);
    client.batch_execute("VACUUM ANALYZE workspace.workspace_items").await?;
    say("asking with indexes");
    let with = queries::ask(&client, options.rows, options.rounds).await?;
    let asked = queries::together(without, with);
    let mut proven = vec![Proven::of(&migrator(&endpoint, Target::Workspace, &["default"]).await?).await?];

    say(&format!("making {} signals", options.rows));
    migrator(&endpoint, Target::TpCapital, &["default"]).await?.up(Some(1)).await?;
    client.execute(include_str!("../../../demo/src/seed/signals.sql"), &[&i64::from(options.rows)]).await?;
    client.batch_execute("VACUUM ANALYZE tp_capital.tp_capital_signals").await?;
    let signals = migrator(&endpoint, Target::TpCapital, &["default"]).await?;
    signals.up(None).await?;
    proven.push(Proven::of(&signals).await?);
    Ok(Results { postgres, asked, written, built, proven })
}

async fn migrator(endpoint: &Endpoint, target: Target, sets: &[&str]) -> Result<Migrator> {
    let series = Source::BuiltIn.read(target)?;
    let sets = Sets { sets: sets.iter().map(|set| (*set).to_owned()).collect(), ..Sets::default() };
    Ok(Migrator::connect(endpoint, target, series, sets, Observer::silent()).await?)
}
