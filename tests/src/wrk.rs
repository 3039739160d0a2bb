//! Load by wrk.

use std::fs;
use std::time::Duration;

use testbed::{Launch, Tool};

/// What wrk saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Answers.
    pub requests: u64,
    /// Those that were no 2xx or 3xx, and requests that got none.
    pub errors: u64,
    /// The median of the latency, in milliseconds.
    pub p50_ms: f64,
}

/// Asks `host` for `path?NAME=N` with another number each time, over so many connections for so many seconds.
///
/// # Panics
/// If wrk does not run, or prints no results.
pub fn load(host: &str, path: &str, name: &str, connections: u32, seconds: u64) -> Load {
    let dir = testbed::temp_dir("wrk").expect("a folder");
    let script = format!(
        r#"local n = 0
request = function()
    n = n + 1
    return "GET {path}?{name}=" .. n .. " HTTP/1.1\r\nHost: {host}\r\n\r\n"
end
done = function(summary, latency)
    local errors = summary.errors
    local all = errors.status + errors.connect + errors.read + errors.write + errors.timeout
    io.write(string.format("\nRESULT %.0f %.0f %.3f\n", summary.requests, all, latency:percentile(50) / 1000))
end
"#
    );
    fs::write(dir.path().join("load.lua"), script).expect("a script");
    let mut wrk = Launch::new("wrk", Tool::Wrk.path().expect("wrk"), dir.path())
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "-s", "load.lua"])
        .arg(format!("http://{host}/"))
        .start(|| true)
        .expect("wrk");
    let ended =
        testbed::wait_until(Duration::from_secs(seconds + 30), || !matches!(wrk.exit_status(), Ok(None)));
    let log = wrk.log();
    let result = log.lines().find_map(|line| line.strip_prefix("RESULT ")).filter(|_| ended);
    let numbers: Vec<f64> =
        result.unwrap_or_default().split(' ').filter_map(|number| number.parse().ok()).collect();
    let [requests, errors, p50_ms] = numbers[..] else { panic!("wrk printed no results:\n{log}") };
    Load { requests: requests as u64, errors: errors as u64, p50_ms }
}
