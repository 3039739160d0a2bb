//! The record in `docs/BENCHMARKS.md`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use testbed::{Tool, workspace_root};

use super::load::CONNECTIONS;
use super::measure::Measured;
use super::targets::Verdict;
use super::{modes, page, report};

/// How the run was made.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Rounds.
    pub rounds: usize,
    /// Seconds that each case had in each round.
    pub seconds: u64,
    /// How many programs wanted a processor, on average over the minute before the run.
    pub load_average: f64,
}

const COMMAND: &str = "cargo xtask bench";

/// Records a run of the proxy's benchmark.
pub fn write(run: Run, measured: &[Measured], verdicts: &[Verdict]) -> Result<()> {
    page::write(COMMAND, &render(run, measured, verdicts)?)?;
    let from = format!(
        "{}, commit {}, load average before {:.2}:\n\n",
        said("date", &["-u", "+%Y-%m-%d"])?,
        said("git", &["describe", "--always", "--dirty"])?,
        run.load_average
    );
    let modes = from + &modes::modes(measured);
    page::write_into("README.md", COMMAND, &modes)?;
    let both = format!("{modes}\n{}", modes::codings(measured));
    page::write_into("docs/COMPRESSION.md", COMMAND, &both)
}

/// When and of what a command was run.
pub fn origin(command: &str) -> Result<String> {
    let date = said("date", &["-u", "+%Y-%m-%d"])?;
    let commit = said("git", &["describe", "--always", "--dirty"])?;
    Ok(format!("{date}, commit {commit}: `{command}`\n"))
}

/// When, of what and on what a command was run.
pub fn circumstances(command: &str, load_average: f64) -> Result<String> {
    Ok(format!(
        "{origin}\n- {cpu}, {cores} processors; Linux {kernel}; load average before {load_average:.2}\n- {redis}; {postgres}\n",
        origin = origin(command)?,
        cpu = cpu_model()?,
        cores = std::thread::available_parallelism()?,
        kernel = read(Path::new("/proc/sys/kernel/osrelease"))?.trim(),
        redis = redis_version()?,
        postgres = said(Tool::Postgres.path()?, &["--version"])?,
    ))
}

fn render(run: Run, measured: &[Measured], verdicts: &[Verdict]) -> Result<String> {
    let waited = measured.iter().flat_map(|measured| &measured.samples).map(|sample| sample.waited);
    let waited = waited.fold(0.0, f64::max) * 100.0;
    let mut text = format!(
        "{date}, commit {commit}: `cargo xtask bench --rounds {rounds} --seconds {seconds}`\n\n\
         - {cpu}, {cores} processors; Linux {kernel}; load average before {load:.2}\n\
         - {envoy}; {nginx}; {wrk}, {CONNECTIONS} connections; {redis}\n\
         - In the worst round, the proxy waited for its processor for {waited:.1} % of the time that it ran\n\n",
        date = said("date", &["-u", "+%Y-%m-%d"])?,
        commit = said("git", &["describe", "--always", "--dirty"])?,
        rounds = run.rounds,
        seconds = run.seconds,
        cpu = cpu_model()?,
        cores = std::thread::available_parallelism()?,
        kernel = read(Path::new("/proc/sys/kernel/osrelease"))?.trim(),
        load = run.load_average,
        envoy = envoy_version()?,
        nginx = said(Tool::Nginx.path()?, &["-v"])?.replace("nginx version: ", ""),
        wrk = wrk_version()?,
        redis = redis_version()?,
    );
    text += &report::markdown(measured);
    text += "\nCPU time per request, but for sizes and first bytes; the median of the rounds' own ratios or differences:\n\n";
    for verdict in verdicts {
        text += &format!("- {}\n", verdict.line());
    }
    Ok(text)
}

/// The load average over the last minute.
pub fn load_average() -> Result<f64> {
    let text = read(Path::new("/proc/loadavg"))?;
    let first = text.split_whitespace().next().and_then(|first| first.parse().ok());
    first.with_context(|| format!("/proc/loadavg holds {text:?}"))
}

/// The processor, as it calls itself.
pub(super) fn cpu_model() -> Result<String> {
    let text = read(Path::new("/proc/cpuinfo"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    Ok(line.map_or("unknown processor", |line| line.trim_start_matches([' ', '\t', ':'])).to_owned())
}

fn envoy_version() -> Result<String> {
    let said = said(Tool::Envoy.path()?, &["--version"])?;
    let version = parse_envoy_version(&said).with_context(|| format!("envoy --version says {said:?}"))?;
    Ok(format!("Envoy {version}"))
}

/// `PATH  version: COMMIT/VERSION/Clean/RELEASE/BoringSSL`.
fn parse_envoy_version(said: &str) -> Option<&str> {
    said.split_once("version:")?.1.split('/').nth(1)
}

fn wrk_version() -> Result<String> {
    // wrk has no call for its version alone, and fails after having printed it.
    let said = said(Tool::Wrk.path()?, &["-v"])?;
    Ok(said.split(" [").next().unwrap_or(&said).to_owned())
}

fn redis_version() -> Result<String> {
    // Redis server v=7.0.15 sha=…
    let said = said(Tool::RedisServer.path()?, &["--version"])?;
    let version = said.split("v=").nth(1).and_then(|rest| rest.split_whitespace().next());
    Ok(format!("Redis {}", version.unwrap_or("of unknown version")))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The first line that a program prints.
pub(super) fn said(program: impl AsRef<Path>, arguments: &[&str]) -> Result<String> {
    let program = program.as_ref();
    let output = Command::new(program).args(arguments).current_dir(workspace_root()).output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.map(str::to_owned).with_context(|| format!("{} {arguments:?} said nothing", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envoys_version_is_not_taken_from_its_path() {
        let said = "/opt/envoy/bin/envoy  version: f1a2/1.40.0/Clean/RELEASE/BoringSSL";
        assert_eq!(parse_envoy_version(said), Some("1.40.0"));
        assert_eq!(parse_envoy_version("no such option"), None);
    }
}
