//! `cargo xtask fuzz`: libFuzzer looks for inputs that the targets of `fuzz/` do not hold on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use testbed::workspace_root;

use crate::bench::{page, record};

const PAGE: &str = "docs/SECURITY.md";
const COMMAND: &str = "cargo xtask fuzz";

/// What has LLVM count the code that an input reaches. Without a sanitizer, which only a nightly toolchain has: what is
/// fuzzed is safe code, and a target fails by panicking.
const COVERAGE: &str = "--cfg fuzzing -Cdebug-assertions -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What to fuzz, and for how long.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only the target of this name
    target: Option<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// How many targets at a time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    jobs: u8,
    /// Keep what reaches new code in the corpus, as small as can be
    #[arg(long)]
    keep: bool,
    /// Write what came of all targets into docs/SECURITY.md
    #[arg(long, conflicts_with = "target")]
    record: bool,
}

/// Fuzzes each target; an input that one fails on is left in `target/fuzz/TARGET/`.
pub fn run(options: &Options) -> Result<ExitCode> {
    let names = names(options.target.as_deref())?;
    let program = build()?;
    let next = Mutex::new(names.iter());
    let mut runs = thread::scope(|scope| {
        let work = || {
            let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
            std::iter::from_fn(take).map(|name| fuzz(&program, name, options)).collect::<Result<Vec<_>>>()
        };
        let workers: Vec<_> = (0..options.jobs).map(|_| scope.spawn(work)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker.join().map_err(|_| anyhow!("a fuzzer's thread died"))?
        };
        workers.into_iter().map(join).collect::<Result<Vec<_>>>()
    })?
    .concat();
    runs.sort_by(|one, other| one.name.cmp(&other.name));
    if options.record {
        page::write_into(PAGE, COMMAND, &table(&runs, options)?)?;
    }
    let failed: Vec<&str> = runs.iter().filter(|run| !run.holds).map(|run| run.name.as_str()).collect();
    println!("{} of {} targets hold", runs.len() - failed.len(), runs.len());
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("inputs that fail are in {}: {}", work().display(), failed.join(", "));
    Ok(ExitCode::FAILURE)
}

/// What came of a target.
#[derive(Debug, Clone)]
struct Run {
    name: String,
    /// How many inputs it was given.
    inputs: u64,
    /// How many of them reach code that the others do not.
    kept: usize,
    holds: bool,
}

fn fuzz(program: &Path, name: &str, options: &Options) -> Result<Run> {
    let [corpus, found, findings] =
        [corpus().join(name), work().join("corpus").join(name), work().join(name)];
    for folder in [&found, &findings] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut fuzzer = Command::new(program);
    fuzzer.env("SLIPSTREAM_FUZZ_TARGET", name).arg(&found).arg(&corpus);
    fuzzer
        .arg(format!("-max_total_time={}", options.seconds))
        .arg(format!("-artifact_prefix={}/", findings.display()));
    fuzzer.args([
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-max_len=4096",
        "-print_final_stats=1",
        "-verbosity=0",
    ]);
    println!("{name}: {} s", options.seconds);
    let output = fuzzer.output().context("cannot run the fuzzer")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let holds = output.status.success();
    if !holds {
        eprintln!("{name} fails:\n{said}");
    } else if options.keep {
        keep(program, name, &corpus, &found)?;
    }
    let run =
        Run { name: name.to_owned(), inputs: inputs(&said), kept: fs::read_dir(&found)?.count(), holds };
    println!("{name}: {} inputs, {} reach code of their own", run.inputs, run.kept);
    Ok(run)
}

/// How many inputs libFuzzer says it has run.
fn inputs(said: &str) -> u64 {
    let number = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    number.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

fn table(runs: &[Run], options: &Options) -> Result<String> {
    let command = format!("{COMMAND} --seconds {} --jobs {} --record", options.seconds, options.jobs);
    let head = format!(
        "{}\n| target | inputs | with code of their own | |\n|---|--:|--:|---|\n",
        record::origin(&command)?
    );
    Ok(runs.iter().fold(head, |table, Run { name, inputs, kept, holds }| {
        table + &format!("| `{name}` | {inputs} | {kept} | {} |\n", if *holds { "holds" } else { "FAILS" })
    }))
}

/// Adds to the corpus what reaches code that nothing in it reaches.
fn keep(program: &Path, name: &str, corpus: &Path, found: &Path) -> Result<()> {
    let mut merge = Command::new(program);
    merge.env("SLIPSTREAM_FUZZ_TARGET", name).args(["-merge=1", "-verbosity=0"]).arg(corpus).arg(found);
    if !merge.status().context("cannot run the fuzzer")?.success() {
        bail!("cannot merge what was found into {}", corpus.display());
    }
    Ok(())
}

/// The names of the targets, which are those of the corpora.
fn names(wanted: Option<&str>) -> Result<Vec<String>> {
    let entries = fs::read_dir(corpus()).with_context(|| corpus().display().to_string())?;
    let mut names: Vec<String> =
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect::<Result<_>>()?;
    names.sort();
    let Some(wanted) = wanted else { return Ok(names) };
    if !names.iter().any(|name| name == wanted) {
        bail!("there is no target {wanted}: expected one of {}", names.join(", "));
    }
    Ok(vec![wanted.to_owned()])
}

fn build() -> Result<PathBuf> {
    if Command::new("c++").arg("--version").output().is_err() {
        bail!("libFuzzer is built with a C++ compiler, and there is no c++: install g++");
    }
    let mut cargo = Command::new("cargo");
    cargo.args([
        "build",
        "--locked",
        "--release",
        "-p",
        "fuzz",
        "--features",
        "libfuzzer",
        "--target",
        TARGET,
    ]);
    // A folder of its own: these flags make other programs of the same crates.
    cargo
        .env("RUSTFLAGS", COVERAGE)
        .env("CARGO_TARGET_DIR", work().join("build"))
        .current_dir(workspace_root());
    if !cargo.status().context("cannot run cargo")?.success() {
        bail!("the fuzzer does not build");
    }
    Ok(work().join("build").join(TARGET).join("release").join("fuzz"))
}

fn corpus() -> PathBuf {
    workspace_root().join("fuzz").join("corpus")
}

fn work() -> PathBuf {
    workspace_root().join("target").join("fuzz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_inputs_is_what_libfuzzer_says() {
        let said = "Done 7 runs in 2 second(s)\nstat::number_of_executed_units: 1234\nstat::average_exec_per_sec:     617\n";
        assert_eq!(inputs(said), 1234);
        assert_eq!(inputs(""), 0);
    }

    #[test]
    fn the_page_has_a_place_for_the_table() {
        assert!(page::has_markers(PAGE, COMMAND).unwrap());
    }
}
