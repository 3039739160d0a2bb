//! `cargo xtask bench`: the proxy's CPU time per request, beside what others offer.

mod bodies;
mod cases;
mod cpu;
mod db;
mod envoy_config;
mod first_byte;
mod floor;
mod load;
mod measure;
mod modes;
pub mod page;
mod query_cache;
pub mod record;
mod report;
mod semantic;
mod stack;
mod statistics;
mod targets;
mod timescale;
mod verify;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use testbed::Tool;
use testbed::artifacts::{self, Artifact};

use cases::{CASES, Case};
use stack::Stack;
use targets::Verdict;

/// What to measure.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    /// Something else than the proxy
    #[command(subcommand)]
    other: Option<Other>,
    /// How often every case is measured; the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(3..))]
    rounds: u8,
    /// For how long each time, in seconds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Only these cases, separated by commas
    #[arg(long, value_name = "CASE", value_delimiter = ',', value_parser = cases::parse)]
    only: Vec<&'static Case>,
    /// Write the results into docs/BENCHMARKS.md, docs/COMPRESSION.md and README.md
    #[arg(long, conflicts_with = "only")]
    record: bool,
}

/// What there is to measure beside the proxy.
#[derive(Debug, clap::Subcommand)]
enum Other {
    /// Measure queries and writes of a million items with and without indexes
    Db(db::Options),
    /// Compare how signals may lie in TimescaleDB, and daily sums with the signals themselves
    Timescale(timescale::Options),
    /// Compare a hit of the query cache with the query, and see how soon a commit is seen
    QueryCache(query_cache::Options),
    /// Measure what the least that a measuring filter has to do costs, step by step
    Floor(floor::Options),
    /// Compare when the first byte comes of a response that trickles, compressed and not
    FirstByte(first_byte::Options),
    /// Measure the semantic cache: its embeddings, its index, and its decisions on streams of questions
    Semantic(semantic::Options),
}

/// Runs the benchmark; it fails if a target is missed.
pub fn run(options: &Options) -> Result<ExitCode> {
    match &options.other {
        Some(Other::Db(options)) => return db::run(options),
        Some(Other::Timescale(options)) => return timescale::run(options),
        Some(Other::QueryCache(options)) => return query_cache::run(options),
        Some(Other::Floor(options)) => return floor::run(options),
        Some(Other::FirstByte(options)) => return first_byte::run(options),
        Some(Other::Semantic(options)) => return semantic::run(options),
        None => {}
    }
    // Before the build, which makes the machine busy itself.
    let load_average = record::load_average()?;
    if load_average > 0.5 {
        say(&format!("the machine is busy (load average {load_average}): expect the numbers to be off"));
    }
    let chosen =
        |case: &&Case| options.only.is_empty() || options.only.iter().any(|only| only.name == case.name);
    let cases: Vec<&'static Case> = CASES.iter().filter(chosen).collect();
    crate::ensure(&[Tool::Envoy, Tool::Wrk, Tool::Nginx, Tool::RedisServer, Tool::RedisCli])?;
    say("building what is measured");
    artifacts::build(&[Artifact::Filters])?;
    if cases.iter().any(|case| case.has_companion()) {
        artifacts::build(&[Artifact::Companion])?;
    }
    say("starting the servers");
    let stack = Stack::start(&cases)?;
    let rounds = usize::from(options.rounds);
    // Starting, Envoy warns of what it thinks of its own cache filters.
    let log_start = stack.envoy.log().len();
    let measured = measure::all(&stack, &cases, rounds, options.seconds)?;
    let log = stack.envoy.log().split_off(log_start);
    ensure!(log.trim().is_empty(), "Envoy complained during the run:\n{log}");
    drop(stack);

    println!("{}", report::text(&measured));
    let mut verdicts = targets::judge(&measured);
    if options.only.is_empty() {
        verdicts.push(first_byte::measure(first_byte::TRIES)?.verdict());
    }
    for verdict in &verdicts {
        println!("{}", verdict.line());
    }
    if options.record {
        let run = record::Run { rounds, seconds: options.seconds, load_average };
        record::write(run, &measured, &verdicts)?;
        say(&format!("recorded in {}", page::path().display()));
    }
    Ok(if verdicts.iter().any(Verdict::fails) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Tells on stderr what is going on.
fn say(what: &str) {
    eprintln!("bench: {what}");
}
