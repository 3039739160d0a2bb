//! The tables of the results, and whether they reach the targets.

use std::fmt::Write;

use anyhow::Result;

use super::queries::TARGET;
use super::writes::Written;
use super::{Options, Results};
use crate::bench::record::{cpu_model, said};

/// Whether a target is reached.
#[derive(Debug)]
pub struct Verdict {
    /// Whether it is.
    pub holds: bool,
    what: String,
}

impl Verdict {
    /// In a line.
    pub fn line(&self) -> String {
        format!("{}  {}", if self.holds { "PASS" } else { "FAIL" }, self.what)
    }
}

/// Whether the targets are reached.
pub fn verdicts(results: &Results) -> Vec<Verdict> {
    let (most_ms, least_gain) = TARGET;
    let mut verdicts = Vec::new();
    for asked in results.asked.iter().filter(|asked| asked.must) {
        let gain = asked.without_ms / asked.with_ms;
        verdicts.push(Verdict {
            holds: asked.with_ms <= most_ms && gain >= least_gain,
            what: format!(
                "{}: p50 ≤ {most_ms} ms and ≥ {least_gain} times faster than without indexes ({:.2} ms, × {gain:.0})",
                asked.name, asked.with_ms
            ),
        });
    }
    for proven in &results.proven {
        let unused = if proven.unused.is_empty() {
            String::new()
        } else {
            format!("; not {}", proven.unused.join(", "))
        };
        verdicts.push(Verdict {
            holds: proven.used >= proven.least && proven.unused.is_empty(),
            what: format!(
                "the planner uses at least {} indexes of {} for the queries that they are for ({}{unused})",
                proven.least, proven.table, proven.used
            ),
        });
    }
    verdicts
}

/// Both tables.
pub fn text(results: &Results) -> String {
    let mut text = String::from("| query, p50 | without ms | with ms | × |\n|---|--:|--:|--:|\n");
    for asked in &results.asked {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {:.1} | {:.2} | {:.0} |",
            asked.name,
            asked.without_ms,
            asked.with_ms,
            asked.without_ms / asked.with_ms
        );
    }
    text += "\n| indexes | insert ms | × | WAL MB | × | update ms | × | WAL MB | × |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n";
    let Some(base) = results.written.first() else { return text };
    for written in &results.written {
        let _ = writeln!(text, "{}", row(written, base));
    }
    let _ = writeln!(
        text,
        "\nBuilding all indexes of the default set took {:.0} s.",
        results.built.as_secs_f64()
    );
    text
}

fn row(written: &Written, base: &Written) -> String {
    let mut row = format!("| {} |", written.name);
    for (own, base) in [(written.insert, base.insert), (written.update, base.update)] {
        let _ = write!(
            row,
            " {:.0} | {:.1} | {:.1} | {:.1} |",
            own.ms,
            own.ms / base.ms,
            own.wal / 1e6,
            own.wal / base.wal
        );
    }
    row
}

/// The record.
pub fn markdown(
    options: &Options,
    results: &Results,
    verdicts: &[Verdict],
    load_average: f64,
) -> Result<String> {
    let mut page = format!(
        "{}, commit {}: `cargo xtask bench db --rows {} --rounds {} --writes {}`; PostgreSQL {}, {}, {} processors, load average before \
         {load_average:.2}. Writes are of {} rows.\n\n",
        said("date", &["-u", "+%Y-%m-%d"])?,
        said("git", &["describe", "--always", "--dirty"])?,
        options.rows,
        options.rounds,
        options.writes,
        results.postgres,
        cpu_model()?,
        std::thread::available_parallelism()?,
        options.writes
    );
    page += &text(results);
    page.push('\n');
    for verdict in verdicts {
        let _ = writeln!(page, "- {}", verdict.line());
    }
    Ok(page)
}
