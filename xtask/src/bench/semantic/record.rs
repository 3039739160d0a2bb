//! The record in `docs/BENCHMARKS.md`.

use anyhow::Result;
use minilm::Model;

use super::Verdict;
use super::speed::Speed;
use crate::bench::page;
use crate::bench::record::{cpu_model, said};

const COMMAND: &str = "cargo xtask bench semantic";

/// Records a run.
pub fn write(
    load_average: f64,
    model: &Model,
    speed: Option<&Speed>,
    table: &str,
    verdicts: &[Verdict],
) -> Result<()> {
    let lines: String = verdicts.iter().map(|verdict| format!("- {}\n", verdict.line())).collect();
    let text = format!(
        "{date}, commit {commit}: `{COMMAND}`\n\n\
         - {cpu}, {cores} processors; load average before {load_average:.2}; kernel {kernel}\n\n{speed}{table}{lines}",
        date = said("date", &["-u", "+%Y-%m-%d"])?,
        commit = said("git", &["describe", "--always", "--dirty"])?,
        cpu = cpu_model()?,
        cores = std::thread::available_parallelism()?,
        kernel = model.kernel().name(),
        speed = speed.map(Speed::table).unwrap_or_default(),
    );
    page::write(COMMAND, &text)
}
