//! `cargo xtask demo`: a real API behind a real Envoy gets faster, before your eyes.

mod changes;
mod check;
mod connection;
mod freshness;
mod load;
mod measure;
mod mix;
mod questions;
mod stack;
mod table;
mod tour;

use std::process::ExitCode;

use anyhow::{Context, Result};
use testbed::artifacts::{self, Artifact};
use testbed::{Tool, wait_until};
use tokio::runtime::Runtime;

use check::Check;
use load::Target;
use measure::Phase;
use stack::Stack;

/// How many times the warm phase runs the mix: it would be over too soon to be measured well.
const WARM_ROUNDS: usize = 5;
/// Without indexes the first part of the mix has to do, one in so many: all of it would take minutes.
const BARE_PART: usize = 4;
/// What the whole is for.
const LEAST_GAIN: f64 = 5.0;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Stop after the table; exit 0 only if every check passed
    #[arg(long)]
    once: bool,
    /// Leave Redis out: the companion keeps responses in its own memory, and no query is cached
    #[arg(long)]
    without_redis: bool,
    /// Requests in one round of the mix
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(1_500..))]
    requests: u32,
    /// Clients that ask at the same time, each on a connection of its own
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    concurrency: u32,
    /// Items in the database
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    items: u32,
}

/// Runs the demo.
pub fn run(options: &Options) -> Result<ExitCode> {
    let mut tools = vec![Tool::Envoy, Tool::Postgres, Tool::MiniLm, Tool::Python];
    if !options.without_redis {
        tools.extend([Tool::RedisServer, Tool::RedisCli]);
    }
    crate::ensure(&tools)?;
    say("building filters, companion and demo API");
    artifacts::build(&[Artifact::Filters, Artifact::Companion, Artifact::Demo])?;
    let runtime = Runtime::new().context("cannot start the load driver")?;
    let stack = Stack::start(options.items, !options.without_redis)?;

    let phases = measure_all(&runtime, &stack, options)?;
    let mut checks = judge(&phases);
    say("comparing every answer through Envoy with the API's own");
    checks.push(check::answers_are_equal(&stack)?);
    say("reading after writing, over and over");
    checks.push(freshness::no_read_is_stale(&stack)?);
    say("writing rows past all caches");
    checks.push(changes::rows_are_seen(&stack)?);

    say("asking questions about the documentation");
    let answers = questions::ask(&stack)?;
    checks.push(answers.check());

    table::print(&phases, options.concurrency);
    answers.print();
    let passed = check::print(&checks);
    if options.once {
        return Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    tour::print(&stack);
    runtime.block_on(tokio::signal::ctrl_c()).context("cannot wait for Ctrl-C")?;
    eprintln!();
    say("stopping");
    Ok(ExitCode::SUCCESS)
}

fn measure_all(runtime: &Runtime, stack: &Stack, options: &Options) -> Result<Vec<Phase>> {
    let requests = options.requests as usize;
    let mut plan =
        vec![("bare", stack.bare.port(), requests / BARE_PART), ("direct", stack.plain.port(), requests)];
    if stack.redis.is_some() {
        plan.push(("queries", stack.demo.port(), requests));
    }
    plan.extend([
        ("cold", stack.front.port(), requests),
        ("warm", stack.front.port(), requests * WARM_ROUNDS),
    ]);
    let mut phases = Vec::new();
    for (name, port, count) in plan {
        if name == "warm" {
            // Entries that the last requests of the cold phase brought are sent to the companion without waiting.
            wait_until(std::time::Duration::from_millis(200), || false);
        }
        let target = Target { name, port, requests: count, round: requests, clients: options.concurrency };
        phases.push(runtime.block_on(load::run(target, options.items))?);
    }
    Ok(phases)
}

/// What the measurements themselves show.
fn judge(phases: &[Phase]) -> Vec<Check> {
    let failed: u64 = phases.iter().map(Phase::failed).sum();
    let first = phases.iter().find_map(|phase| phase.first_failure.clone()).unwrap_or_default();
    let rate =
        |name: &str| phases.iter().find(|phase| phase.name == name).map_or(0.0, |phase| phase.total().rate);
    let gain = if rate("direct") > 0.0 { rate("warm") / rate("direct") } else { 0.0 };
    vec![
        Check::new(
            "every request was answered as it should be",
            failed == 0,
            if failed == 0 {
                format!("{} requests", phases.iter().map(|phase| phase.total().count).sum::<u64>())
            } else {
                format!("{failed} were not; the first: {first}")
            },
        ),
        Check::new(
            &format!("warm serves at least {LEAST_GAIN} times the requests a second of direct"),
            gain >= LEAST_GAIN,
            format!("{gain:.1} times"),
        ),
    ]
}

/// Tells on stderr what is going on.
fn say(what: &str) {
    eprintln!("demo: {what}");
}
