//! `cargo xtask fuzz`: libFuzzer looks for inputs that the targets of `fuzz/` do not hold on.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use testbed::workspace_root;

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
    /// Keep what reaches new code in the corpus, as small as can be
    #[arg(long)]
    keep: bool,
}

/// Fuzzes one target after the other; an input that one fails on is left in `target/fuzz/TARGET/`.
pub fn run(options: &Options) -> Result<ExitCode> {
    let names = names(options.target.as_deref())?;
    let program = build()?;
    let mut failed = Vec::new();
    for name in &names {
        println!("=== {name}: {} s", options.seconds);
        let [corpus, found, findings] =
            [corpus().join(name), work().join("corpus").join(name), work().join(name)];
        for folder in [&found, &findings] {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let mut fuzzer = Command::new(&program);
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
        if !fuzzer.status().context("cannot run the fuzzer")?.success() {
            failed.push(name.as_str());
        } else if options.keep {
            keep(&program, name, &corpus, &found)?;
        }
    }
    println!("{} of {} targets hold", names.len() - failed.len(), names.len());
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("inputs that fail are in {}: {}", work().display(), failed.join(", "));
    Ok(ExitCode::FAILURE)
}

/// Adds to the corpus what reaches code that nothing in it reaches.
fn keep(program: &PathBuf, name: &str, corpus: &PathBuf, found: &PathBuf) -> Result<()> {
    let mut merge = Command::new(program);
    merge.env("SLIPSTREAM_FUZZ_TARGET", name).args(["-merge=1", "-verbosity=0"]).arg(corpus).arg(found);
    if !merge.status().context("cannot run the fuzzer")?.success() {
        bail!("cannot merge what was found into {}", corpus.display());
    }
    Ok(())
}

/// The names of the targets, which are those of the corpora.
fn names(wanted: Option<&str>) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(corpus()).with_context(|| corpus().display().to_string())?;
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
