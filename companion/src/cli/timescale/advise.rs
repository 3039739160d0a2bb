//! `slipstream timescale advise`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use timescale::{LAYOUTS, Measured, Presence, Segments, better, measure, segments};

use super::open;
use crate::cli::ConfigArgs;
use crate::cli::table::{Table, bytes};

/// How long signals are kept, for what a layout comes to: two years.
const KEPT_DAYS: f64 = 730.0;

#[derive(Debug, Args)]
pub(in crate::cli) struct Advise {
    /// How many days of signals to look at, back from the newest. Each layout reads them once.
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: u32,
    /// Make each layout of a copy and compress it, which takes the copy's room and time. Needs TimescaleDB with its own licence.
    #[arg(long)]
    measure: bool,
    /// How many signals to copy at most.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    rows: u32,
    /// Print JSON instead of tables for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

impl Advise {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config.load()?;
        anyhow::ensure!(
            config.tp_capital.is_configured(),
            "tp_capital.url is empty, expected the direct URL of the database with the signals"
        );
        let client = open(&config.tp_capital).await?;
        let counted = segments(&client, &LAYOUTS, self.days).await?;
        let mut measured = Vec::new();
        if self.measure {
            if let Some(lacks) = Presence::ask(&client).await?.lacks() {
                anyhow::bail!("cannot measure: {lacks}");
            }
            for layout in LAYOUTS {
                eprintln!("measuring: {layout}");
                measured.push(measure(&client, layout, self.days, self.rows).await?);
            }
        }
        let best = match smallest(&measured) {
            Some(smallest) => Some(smallest.layout),
            None => better(&counted).map(|segments| segments.layout),
        };
        if self.json {
            println!("{}", json!({ "segments": counted, "measured": measured, "better": best }));
            return Ok(ExitCode::SUCCESS);
        }
        print!("{}", table(&counted, &measured));
        match best {
            None => println!("there are no signals to judge by"),
            Some(best) => println!("better: {best}. {}", why(&measured)),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn smallest(measured: &[Measured]) -> Option<&Measured> {
    measured
        .iter()
        .min_by(|one, other| one.footprint(KEPT_DAYS).bytes.total_cmp(&other.footprint(KEPT_DAYS).bytes))
}

fn why(measured: &[Measured]) -> &'static str {
    if measured.is_empty() {
        "Up to 1,000 rows of a segment are compressed together, so segments should have that many; --measure shows the sizes"
    } else {
        "It is the smallest once signals have come in for two years, the newest, which are not compressed yet, included"
    }
}

fn table(counted: &[Segments], measured: &[Measured]) -> Table {
    let mut titles = vec!["SEGMENTS AND CHUNKS", "ROWS", "SEGMENTS", "ROWS A SEGMENT", "ROWS A BATCH"];
    if !measured.is_empty() {
        titles.extend(["PLAIN", "COMPRESSED", "SAVED", "AFTER 2 YEARS"]);
    }
    let mut table = Table::new(&titles);
    let size = |size: i64| bytes(u64::try_from(size).unwrap_or(0));
    for segments in counted {
        let mut row = vec![
            segments.layout.to_string(),
            segments.rows.to_string(),
            segments.segments.to_string(),
            format!("{:.0}", segments.rows_per_segment),
            format!("{:.0}", segments.rows_per_batch),
        ];
        if let Some(own) = measured.iter().find(|measured| measured.layout == segments.layout) {
            row.extend([
                size(own.plain_bytes),
                size(own.compressed_bytes),
                format!("{:.1} %", own.saved_percent()),
                size(own.footprint(KEPT_DAYS).bytes as i64),
            ]);
        }
        table.row(row);
    }
    table
}
