//! `cargo xtask test`: every test there is, on the real parts, and one line that sums them up.

mod faults;
mod programs;
mod summary;

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use testbed::artifacts::{self, Artifact};
use testbed::{Tool, containers, workspace_root};

use summary::Summary;

/// The crates that know no host, which also have to work as WebAssembly.
const HOST_FREE: [&str; 11] = [
    "cache-policy",
    "cache-protocol",
    "circuit-breaker",
    "compression-policy",
    "content-codings",
    "http-semantics",
    "invalidation",
    "metric-model",
    "request-memo",
    "event-stream",
    "semantic-exchange",
];
const WASM: &str = "wasm32-unknown-unknown";

/// Which tests to run.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only tests whose names contain this; `compose` starts the compose demo for real, which takes a container engine; `faults`
    /// breaks one part after the other under load, and prints what clients saw
    filter: Option<String>,
    /// Which faults, such as `redis-killed`; all unless named
    #[arg(requires = "filter")]
    rows: Vec<String>,
    /// Write the table of all faults into docs/RELIABILITY.md
    #[arg(long, requires = "filter")]
    record: bool,
    /// So many times in a row, up to the first failure
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    times: u16,
}

/// Runs them all and prints `N passed, N failed` as the last line. What keeps the tests from running is one failure.
pub fn run(options: &Options) -> ExitCode {
    let mut total = Summary::default();
    for time in 1..=options.times {
        total.add(run_once(options));
        if options.times > 1 {
            println!("=== {time} of {} times: {total}", options.times);
        }
        if total.failed > 0 {
            break;
        }
    }
    println!("{total}");
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_once(options: &Options) -> Summary {
    let run = match options.filter.as_deref() {
        Some("faults") => faults::run_rows(&options.rows, options.record),
        _ if options.record || !options.rows.is_empty() => {
            Err(anyhow!("only `cargo xtask test faults` takes rows and --record"))
        }
        Some("compose") => run_compose(),
        _ => run_all(options),
    };
    run.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        Summary { passed: 0, failed: 1 }
    })
}

/// The compose file is validated, and, where an engine can run, brought up and used.
fn run_compose() -> Result<Summary> {
    let mut needed = vec![Tool::Envoy, Tool::K6, Tool::RedisServer, Tool::RedisCli];
    needed.extend([Tool::DockerCompose, Tool::MiniLm, Tool::RedisCommander]);
    stage("setup", || crate::ensure(&needed))?;
    // The test says what is missing, and validates all the same.
    if let Err(error) = stage("container engine", || crate::ensure(&containers::TOOLS)) {
        eprintln!("no container engine: {error:#}");
    }
    stage("filters, companion and demo API", || {
        artifacts::build(&[Artifact::Filters, Artifact::Companion, Artifact::Demo])
    })?;
    let arguments = [
        "-p",
        "e2e",
        "--test",
        "compose_file",
        "--test",
        "compose",
        "--",
        "--include-ignored",
        "--nocapture",
    ];
    let mut total = stage("compose", || cargo_test(&arguments, &[], None))?;
    let arguments = ["-p", "xtask", "debian_package", "--", "--include-ignored", "--nocapture"];
    total.add(stage("Debian package", || cargo_test(&arguments, &[], None))?);
    Ok(total)
}

fn run_all(options: &Options) -> Result<Summary> {
    let mut tools = vec![Tool::Envoy, Tool::RedisServer, Tool::RedisCli, Tool::Postgres, Tool::PgBouncer];
    tools.extend([Tool::Prometheus, Tool::Promtool, Tool::Chromium, Tool::K6]);
    tools.extend([Tool::Node, Tool::Timescale, Tool::KubernetesModels, Tool::WasmBindgenTestRunner]);
    tools.extend([Tool::MiniLm, Tool::Python, Tool::OpenAiClient, Tool::RedisServer8]);
    tools.extend([Tool::DockerRegistry, Tool::Skopeo, Tool::Envoy136]);
    tools.extend([Tool::DockerCompose, Tool::Ip]);
    tools.extend(crate::book::TOOLS);
    stage("setup", || crate::ensure(&tools))?;
    stage("filters, companion and demo API", || {
        artifacts::build(&[Artifact::Filters, Artifact::Companion, Artifact::Demo, Artifact::MovedClock])
    })?;

    let filter = options.filter.as_deref();
    let wasm: Vec<&str> =
        ["--target", WASM].into_iter().chain(HOST_FREE.iter().flat_map(|name| ["-p", name])).collect();
    let runner = Tool::WasmBindgenTestRunner.path()?.display().to_string();
    // Doc tests run natively below; the runner for wasm cannot run them.
    let wasm = [wasm.as_slice(), &["--lib", "--tests"]].concat();
    let runner = [("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)];
    let mut total = tests("host-free crates in wasm", || cargo_test(&wasm, &runner, filter))?;
    let programs = stage("building native and end-to-end tests", programs::build)?;
    total.add(tests("native and end-to-end tests", || programs::run(programs, filter))?);
    total.add(tests("documentation's examples", || cargo_test(&["--workspace", "--doc"], &[], filter))?);
    Ok(total)
}

/// Runs one stage of tests and tells how many passed.
fn tests(name: &str, work: impl FnOnce() -> Result<Summary>) -> Result<Summary> {
    let summary = stage(name, work)?;
    println!("=== {name}: {summary}");
    Ok(summary)
}

/// Runs one stage and tells how long it took.
fn stage<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("=== {name}");
    let start = Instant::now();
    let result = work().with_context(|| name.to_owned());
    println!("=== {name} took {:.1} s", start.elapsed().as_secs_f64());
    result
}

/// Runs `cargo test`, passing on what it prints and adding up its result lines.
fn cargo_test(arguments: &[&str], environment: &[(&str, String)], filter: Option<&str>) -> Result<Summary> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--no-fail-fast"]).args(arguments).args(filter).current_dir(workspace_root());
    cargo.envs(environment.iter().map(|(name, value)| (name, value)));
    let mut child = cargo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let summary = Summary::of(output, &mut std::io::stdout().lock())?;
    Ok(summary.ended(child.wait()?))
}
