//! Runs k6.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use testbed::{Tool, workspace_root};

/// What k6 exits with where thresholds are missed.
const THRESHOLDS_MISSED: i32 = 99;

/// k6, and what it is to know.
#[derive(Debug)]
pub struct K6<'a> {
    /// Scheme, host and port of the proxy.
    pub base: String,
    /// The profile.
    pub profile: &'a str,
    /// The share of its time that the profile takes.
    pub time_scale: f64,
    /// For how long each part of the comparison is measured, in seconds.
    pub seconds: u32,
    /// Whether questions are answered.
    pub has_documentation: bool,
    /// The folder that reports go to.
    pub reports: &'a Path,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// It ran, and found that something is not as it should be.
    ThresholdsMissed,
}

/// A run under way; it is killed when dropped.
#[derive(Debug)]
pub struct Running(Child);

impl K6<'_> {
    /// Starts one of the scripts of `k6/`, which prints what it found when it ends.
    pub fn start(&self, script: &str) -> Result<Running> {
        let mut k6 = Command::new(Tool::K6.path()?);
        k6.args(["run", "--quiet", "--address", ""]).arg(workspace_root().join(format!("k6/{script}.js")));
        k6.env("BASE_URL", &self.base).env("PROFILE", self.profile).env("REPORT_DIR", self.reports);
        k6.env("TIME_SCALE", self.time_scale.to_string());
        k6.env("SECONDS", self.seconds.to_string()).env("K6_NO_USAGE_REPORT", "true").stdin(Stdio::null());
        k6.env("RAG", if self.has_documentation { "1" } else { "0" });
        k6.spawn().map(Running).context("cannot run k6")
    }
}

impl Running {
    /// Whether it has ended.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Result<Outcome> {
        let status = self.0.wait()?;
        match status.code() {
            Some(0) => Ok(Outcome::Passed),
            Some(THRESHOLDS_MISSED) => Ok(Outcome::ThresholdsMissed),
            _ => bail!("k6 failed ({status})"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
