//! `cargo xtask load`: the load tests of `k6/` against the whole, without containers, and its figures beside the reference system's.

mod figures;
mod k6;
mod record;
mod streams;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, bail};
use clap::ValueEnum as _;
use testbed::artifacts::{self, Artifact};
use testbed::{ApiStack, Tool, workspace_root};

use figures::Comparison;
use k6::K6;
use record::Run;

/// What to run, and how hard.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The scenario; `figures` is the comparison with the reference system alone
    #[arg(value_enum, default_value_t = Scenario::All)]
    scenario: Scenario,
    /// How many users there are, and when
    #[arg(long, value_enum, default_value_t = Profile::Load)]
    profile: Profile,
    /// The share of its time that a profile takes: 0.1 has everything over ten times as soon
    #[arg(long, default_value_t = 1.0, value_parser = time_scale)]
    time_scale: f64,
    /// Restart both companions and Redis, one after the other, again and again meanwhile
    #[arg(long)]
    rolling_restart: bool,
    /// Items, and signals, in the database
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    items: u32,
    /// For how many seconds reads, and then writes, are measured for the comparison
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Where reports go
    #[arg(long, default_value = "target/load")]
    reports: PathBuf,
    /// Write what the run came to into docs/LOAD_TESTING.md
    #[arg(long)]
    record: bool,
}

/// A scenario of `k6/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Scenario {
    /// All of them, and the comparison
    All,
    /// Items
    Workspace,
    /// Trading signals
    TpCapital,
    /// Questions about the documentation, and the time to each event of streamed answers
    Rag,
    /// The comparison
    Figures,
}

/// A profile of `k6/lib/profiles.js`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Profile {
    /// Some seconds: does it work?
    Smoke,
    /// An ordinary day in 4.5 minutes
    Load,
    /// Four times what it is made for
    Stress,
    /// Everybody at once
    Spike,
    /// An hour (SOAK_DURATION)
    Soak,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Profile::Smoke => "smoke",
            Profile::Load => "load",
            Profile::Stress => "stress",
            Profile::Spike => "spike",
            Profile::Soak => "soak",
        }
    }
}

fn time_scale(text: &str) -> Result<f64, String> {
    let scale = text.parse().ok().filter(|scale| (0.001..=100.0).contains(scale));
    scale.ok_or_else(|| "a number from 0.001 to 100 is expected".to_owned())
}

impl Options {
    /// The command that makes this run again.
    fn command(&self) -> String {
        let name = |value: Option<clap::builder::PossibleValue>| {
            value.map(|value| value.get_name().to_owned()).unwrap_or_default()
        };
        let mut command = format!("cargo xtask load {}", name(self.scenario.to_possible_value()));
        if self.scenario != Scenario::Figures {
            command += &format!(" --profile {}", self.profile.name());
        }
        if self.rolling_restart {
            command += " --rolling-restart";
        }
        if self.time_scale != 1.0 {
            command += &format!(" --time-scale {}", self.time_scale);
        }
        format!("{command} --items {} --seconds {}", self.items, self.seconds)
    }
}

/// Runs them, one after the other. It fails if a threshold is missed.
pub fn run(options: &Options) -> Result<ExitCode> {
    crate::ensure(&[
        Tool::Envoy,
        Tool::K6,
        Tool::Postgres,
        Tool::PgBouncer,
        Tool::RedisServer,
        Tool::RedisCli,
        Tool::MiniLm,
    ])?;
    // Before the build, which makes the machine busy itself.
    let run = Run::begin(&options.command())?;
    artifacts::build(&[Artifact::Filters, Artifact::Companion, Artifact::Demo])?;
    let reports = workspace_root().join(&options.reports);
    std::fs::create_dir_all(&reports).with_context(|| format!("cannot make {}", reports.display()))?;
    say("starting PostgreSQL, PgBouncer, the APIs, Redis, two companions and Envoy");
    let workers = thread::available_parallelism().map_or(1, |cores| cores.get().min(4)) as u32;
    let asks = matches!(options.scenario, Scenario::All | Scenario::Rag | Scenario::Figures);
    let mut stack = if asks {
        ApiStack::start_with_documentation(options.items, workers)?
    } else {
        ApiStack::start(options.items, workers)?
    };

    let k6 = K6 {
        base: stack.url(""),
        profile: options.profile.name(),
        time_scale: options.time_scale,
        seconds: options.seconds,
        has_documentation: stack.has_documentation(),
        reports: &reports,
    };
    let scenarios: &[&str] = match options.scenario {
        Scenario::All => &["workspace", "tp-capital", "rag", "figures"],
        Scenario::Workspace => &["workspace"],
        Scenario::TpCapital => &["tp-capital"],
        Scenario::Rag => &["rag"],
        Scenario::Figures => &["figures"],
    };
    let mut missed = Vec::new();
    for scenario in scenarios {
        say(&format!("{scenario}, profile {}", k6.profile));
        let mut running = k6.start(scenario)?;
        if options.rolling_restart {
            restart_until(&mut stack, || running.has_ended())?;
        }
        match running.wait()? {
            k6::Outcome::Passed => {}
            k6::Outcome::ThresholdsMissed => missed.push(*scenario),
        }
    }
    if scenarios.contains(&"figures") {
        let comparison = Comparison::read(&reports.join("figures.json"), options.seconds)?;
        println!("{}", comparison.text());
        if options.record {
            run.write_comparison(&comparison)?;
        }
    }
    let with_profile: Vec<&str> = scenarios.iter().copied().filter(|name| *name != "figures").collect();
    if options.record && !with_profile.is_empty() {
        run.write_scenarios(k6.profile, &with_profile, &reports)?;
    }
    if scenarios.contains(&"rag") {
        streams::print(&stack.url("/query/stream"))?;
    }
    println!("\nReports: {}", reports.display());
    if missed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("thresholds were missed in {}", missed.join(", "))
}

/// Restarts what Slipstream adds, part after part, until the load is over.
fn restart_until(stack: &mut ApiStack, mut is_over: impl FnMut() -> Result<bool>) -> Result<()> {
    let mut rounds = 0;
    while !is_over()? {
        stack.rolling_restart(|part| {
            if !part.is_empty() {
                say(&format!("restarting {part}"));
            }
            thread::sleep(std::time::Duration::from_secs(2));
        })?;
        rounds += 1;
    }
    say(&format!("restarted everything {rounds} times"));
    Ok(())
}

/// Tells on stderr what is going on.
fn say(what: &str) {
    eprintln!("load: {what}");
}
