//! Tables and verdicts.

use std::fmt::Write;

use anyhow::Result;
use timescale::{CHOSEN, Measured};

use super::ask::Asked;
use super::{Options, Results};
use crate::bench::record::{cpu_model, said};

/// How much smaller than the plain hypertable the chosen layout has to be, in percent.
const LEAST_SAVED: f64 = 75.0;
/// How many times faster daily sums have to be.
const LEAST_GAIN: f64 = 20.0;
const MIB: f64 = 1_048_576.0;
const TWO_YEARS: f64 = 730.0;

/// Whether a target is met.
pub struct Verdict {
    /// Whether it is.
    pub holds: bool,
    what: String,
}

impl Verdict {
    /// For people.
    pub fn line(&self) -> String {
        format!("{}: {}", if self.holds { "met" } else { "MISSED" }, self.what)
    }
}

/// What has to be so.
pub fn verdicts(results: &Results) -> Vec<Verdict> {
    let gain = |[plain, _, aggregate]: &[Asked; 3]| plain.ms / aggregate.ms;
    let mut gains = results.asked.iter().map(gain);
    let [days, asset, parts] = [(); 3].map(|()| gains.next().unwrap_or(0.0));
    let chosen = results.layouts.iter().find(|measured| measured.layout == CHOSEN);
    let saved = chosen.map_or(0.0, Measured::saved_percent);
    let smallest = results.layouts.iter().min_by_key(|measured| measured.compressed_bytes);
    vec![
        Verdict {
            holds: smallest.is_some_and(|smallest| smallest.layout == CHOSEN),
            what: format!(
                "no layout is smaller than the chosen one ({CHOSEN}); the smallest is {}",
                smallest.map_or_else(String::new, |smallest| smallest.layout.to_string())
            ),
        },
        Verdict {
            holds: saved >= LEAST_SAVED,
            what: format!(
                "the chosen layout is {saved:.1} % smaller than the plain hypertable, of {LEAST_SAVED} %"
            ),
        },
        Verdict {
            holds: days >= LEAST_GAIN,
            what: format!(
                "sums by day come {days:.1} × faster from the continuous aggregate, of {LEAST_GAIN} × (by day and type, of one asset {asset:.1} ×; by day, asset and type {parts:.1} ×)"
            ),
        },
    ]
}

/// Both tables.
pub fn text(results: &Results) -> String {
    let mut text = format!(
        "{} signals\n\n| segments; chunks | plain MiB | compressed MiB | saved | MiB after 2 years |\n|---|---|---|---|---|\n",
        results.rows
    );
    for measured in &results.layouts {
        let name = if measured.layout == CHOSEN {
            format!("**{}**", measured.layout)
        } else {
            measured.layout.to_string()
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {name} | {:.1} | {:.1} | {:.1} % | {:.1} |",
            measured.plain_bytes as f64 / MIB,
            measured.compressed_bytes as f64 / MIB,
            measured.saved_percent(),
            measured.footprint(TWO_YEARS).bytes / MIB
        );
    }
    text += "\n| sums of 30 days by day; by day and type, of one asset; by day, asset and type; from the | ms |\n|---|---|\n";
    for asked in results.asked.iter().flatten() {
        let _ = writeln!(text, "| {} ({} rows) | {:.2} |", asked.name, asked.answer.len(), asked.ms);
    }
    text
}

/// The record.
pub fn markdown(
    options: &Options,
    results: &Results,
    verdicts: &[Verdict],
    load_average: f64,
) -> Result<String> {
    let mut page = format!(
        "{}, commit {}: `cargo xtask bench timescale --assets {} --signals {} --rounds {}`; {}, {} processors, load average before \
         {load_average:.2}. “After 2 years” adds the newest signals, which are not compressed yet.\n\n",
        said("date", &["-u", "+%Y-%m-%d"])?,
        said("git", &["describe", "--always", "--dirty"])?,
        options.assets,
        options.signals,
        options.rounds,
        cpu_model()?,
        std::thread::available_parallelism()?
    );
    page += &text(results);
    page.push('\n');
    for verdict in verdicts {
        let _ = writeln!(page, "- {}", verdict.line());
    }
    Ok(page)
}
