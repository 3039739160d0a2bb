//! The load: wrk, and what it saw.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use testbed::{Launch, Tool, wait_until};

/// Connections that wrk keeps busy: enough that the worker never waits for the next request.
pub const CONNECTIONS: u32 = 32;

/// What to ask for.
#[derive(Debug)]
pub struct Load<'a> {
    /// Scheme, host and port.
    pub base: &'a str,
    /// The path.
    pub path: &'a str,
    /// The content coding to ask for.
    pub coding: Option<&'a str>,
    /// If each request is to be for another URL: what no other run's URLs begin with.
    pub unique: Option<&'a str>,
    /// For how many seconds.
    pub seconds: u64,
}

/// What wrk saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Answers.
    pub requests: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Bytes received, headers included.
    pub bytes: u64,
    /// Answers whose status is not 2xx or 3xx.
    pub bad_statuses: u64,
    /// Connections that were not made, broke or timed out.
    pub errors: u64,
    /// The median of the latency, in milliseconds.
    pub p50_ms: f64,
    /// What 99 of 100 requests stay below, in milliseconds.
    pub p99_ms: f64,
}

/// Runs wrk, pinned to processors of its own.
#[derive(Debug)]
pub struct Wrk {
    program: PathBuf,
    cpus: String,
    dir: TempDir,
}

impl Wrk {
    /// A wrk for these processors, in the notation of `taskset -c`.
    pub fn new(cpus: &str) -> Result<Wrk> {
        Ok(Wrk { program: Tool::Wrk.path()?, cpus: cpus.to_owned(), dir: testbed::temp_dir("wrk")? })
    }

    /// Loads a server and tells what came of it.
    pub fn run(&self, load: &Load<'_>) -> Result<Seen> {
        let log = self.dir.path().join("wrk.log");
        fs::write(self.dir.path().join("load.lua"), script(load)).context("cannot write wrk's script")?;
        // wrk's log is its output: it starts empty.
        fs::write(&log, "").context("cannot empty wrk's log")?;
        let mut launch = Launch::new("wrk", &self.program, self.dir.path())
            .args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{}s", load.seconds)])
            .args(["--latency", "-s", "load.lua"])
            .cpus(Some(self.cpus.clone()));
        if let Some(coding) = load.coding {
            launch = launch.args(["-H", &format!("Accept-Encoding: {coding}")]);
        }
        let mut wrk = launch.arg(format!("{}{}", load.base, load.path)).start(|| true)?;
        let mut ended = Ok(None);
        let patience = Duration::from_secs(load.seconds + 30);
        wait_until(patience, || {
            ended = wrk.exit_status();
            !matches!(ended, Ok(None))
        });
        let status = ended?.with_context(|| format!("wrk did not end within {patience:?}"))?;
        ensure!(status.success(), "wrk failed ({status}):\n{}", wrk.log_tail());
        parse(&wrk.log()).with_context(|| format!("wrk printed no results:\n{}", wrk.log_tail()))
    }
}

/// What the line with the results begins with.
const RESULT: &str = "RESULT ";

fn script(load: &Load<'_>) -> String {
    let mut script = format!(
        r#"done = function(summary, latency)
    local errors = summary.errors
    io.write(string.format("\n{RESULT}%.0f %.0f %.0f %.0f %.0f %.0f %.0f\n",
        summary.requests, summary.duration, summary.bytes, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
"#
    );
    if let Some(unique) = load.unique {
        // The request as text, because having wrk put it together each time slows wrk down.
        let host = load.base.trim_start_matches("http://");
        let path = load.path;
        script += &format!(
            r#"local n = 0
request = function()
    n = n + 1
    return "GET {path}?{unique}=" .. n .. " HTTP/1.1\r\nHost: {host}\r\n\r\n"
end
"#
        );
    }
    script
}

/// The line that the script wrote: counts, and times in microseconds.
fn parse(output: &str) -> Option<Seen> {
    let line = output.lines().find_map(|line| line.strip_prefix(RESULT))?;
    let numbers: Vec<u64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let [requests, duration_us, bytes, bad_statuses, errors, p50_us, p99_us] = numbers[..] else {
        return None;
    };
    Some(Seen {
        requests,
        seconds: duration_us as f64 / 1e6,
        bytes,
        bad_statuses,
        errors,
        p50_ms: p50_us as f64 / 1e3,
        p99_ms: p99_us as f64 / 1e3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_from_among_what_wrk_prints() {
        let output =
            "Running 3s test\n  1 threads\n\nRESULT 90000 3000100 5000000000 2 1 1050 2900\nTransfer: 1\n";
        let expected = Seen {
            requests: 90_000,
            seconds: 3.0001,
            bytes: 5_000_000_000,
            bad_statuses: 2,
            errors: 1,
            p50_ms: 1.05,
            p99_ms: 2.9,
        };
        assert_eq!(parse(output), Some(expected));
        assert_eq!(parse("RESULT 1 2"), None);
        assert_eq!(parse(""), None);
    }
}
