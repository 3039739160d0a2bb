//! `cargo xtask bench timescale`: how signals should lie, and what daily sums are worth.

mod ask;
mod report;

use std::process::ExitCode;

use anyhow::{Context, Result};
use migrations::{Endpoint, Migrator, Observer, Series, Target, connect};
use testbed::{Timescale, Tool, workspace_root};
use timescale::{LAYOUTS, Measured, measure};
use tokio_postgres::Client;

use super::{page, record, say};
use ask::{Asked, Sums};

/// How much to measure
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Assets
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=12))]
    assets: u32,
    /// Signals of each
    #[arg(long, default_value_t = 125_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    signals: u32,
    /// How often each question is asked; the least time counts
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u8).range(3..))]
    rounds: u8,
    /// Write the results into docs/BENCHMARKS.md
    #[arg(long)]
    record: bool,
}

/// The signals' own index for what is asked of one asset; the server in WebAssembly cannot build it concurrently.
const ASSET_LATEST: &str =
    "CREATE INDEX tp_capital_signals_asset_latest ON tp_capital_signals (asset, ts DESC, id DESC)";

/// What was measured.
struct Results {
    rows: i64,
    layouts: Vec<Measured>,
    /// The answers to all questions: of the plain hypertable, the compressed one, and the continuous aggregate.
    asked: Vec<[Asked; 3]>,
}

/// Runs the benchmark; it fails if a target is missed.
pub fn run(options: &Options) -> Result<ExitCode> {
    let load_average = record::load_average()?;
    crate::ensure(&[Tool::Node, Tool::Timescale])?;
    let server = Timescale::start()?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let results = runtime.block_on(measure_all(&server, options))?;
    drop(server);
    println!("{}", report::text(&results));
    let verdicts = report::verdicts(&results);
    for verdict in &verdicts {
        println!("{}", verdict.line());
    }
    if options.record {
        page::write(
            "cargo xtask bench timescale",
            &report::markdown(options, &results, &verdicts, load_average)?,
        )?;
        say(&format!("recorded in {}", page::path().display()));
    }
    Ok(if verdicts.iter().all(|verdict| verdict.holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure_all(server: &Timescale, options: &Options) -> Result<Results> {
    let endpoint = Endpoint { url: server.url(), ..Endpoint::default() };
    let client = connect(&endpoint, "bench").await?;
    migrate(&endpoint, &[]).await?;
    client.batch_execute("SET search_path TO tp_capital, public").await?;
    say(&format!("making {} signals", options.assets * options.signals));
    client.batch_execute(&Timescale::signals(options.assets, options.signals)).await?;
    let rows = client.query_one("SELECT count(*) FROM tp_capital_signals", &[]).await?.try_get(0)?;
    let mut layouts = Vec::new();
    for layout in LAYOUTS {
        say(&format!("measuring {layout}"));
        layouts.push(measure(&client, layout, 3_650, u32::MAX).await?);
    }
    say("applying the migrations of the set timescale");
    client.batch_execute(ASSET_LATEST).await?;
    migrate(&endpoint, &["timescale"]).await?;
    say("asking");
    let (name, rounds) = ("hypertable, not compressed", options.rounds);
    let mut plain = Vec::new();
    for sums in Sums::ALL {
        plain.push(ask::signals(&client, sums, name, rounds).await?);
    }
    compress(&client).await?;
    let mut asked = Vec::new();
    for (sums, plain) in Sums::ALL.into_iter().zip(plain) {
        let compressed = ask::signals(&client, sums, "hypertable, compressed", rounds).await?;
        let aggregate = ask::aggregate(&client, sums, "continuous aggregate", rounds).await?;
        for other in [&compressed, &aggregate] {
            anyhow::ensure!(
                other.answer == plain.answer,
                "{} and {} answer differently",
                plain.name,
                other.name
            );
        }
        asked.push([plain, compressed, aggregate]);
    }
    Ok(Results { rows, layouts, asked })
}

/// The signals' own table, and what is about TimescaleDB: the server in WebAssembly cannot build indexes concurrently.
async fn migrate(endpoint: &Endpoint, sets: &[&str]) -> Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(workspace_root().join("companion/migrations/tp-capital"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("001_") || name.starts_with('1') {
            files.push((name, std::fs::read_to_string(&path)?));
        }
    }
    let series = Series::new(files.iter().map(|(name, text)| (name.as_str(), text.as_str())))?;
    let sets = sets.iter().map(|set| (*set).to_owned()).collect();
    let options = migrations::Options { sets, ..migrations::Options::default() };
    let migrator =
        Migrator::connect(endpoint, Target::TpCapital, series, options, Observer::silent()).await?;
    migrator.up(None).await?;
    Ok(())
}

async fn compress(client: &Client) -> Result<()> {
    let sql = "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'";
    let job: i32 = client.query_one(sql, &[]).await?.try_get(0)?;
    Ok(client.batch_execute(&format!("CALL run_job({job})")).await?)
}
