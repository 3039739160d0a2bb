//! The table a person understands.

use super::measure::{Phase, Row};
use super::mix::Endpoint;

/// A figure, shown for several phases side by side.
struct Figure {
    title: &'static str,
    width: usize,
    phases: &'static [&'static str],
    show: fn(&Row) -> String,
}

const ALL: &[&str] = &["bare", "direct", "queries", "cold", "warm"];

/// The API itself neither caches nor compresses, and compression is the same cold and warm.
const FIGURES: [Figure; 6] = [
    Figure { title: "p50 ms", width: 7, phases: ALL, show: |row| milliseconds(row.p50_ms) },
    Figure { title: "p99 ms", width: 7, phases: ALL, show: |row| milliseconds(row.p99_ms) },
    Figure { title: "requests/s", width: 7, phases: ALL, show: |row| rate(row.rate) },
    Figure { title: "bytes on the wire", width: 7, phases: ALL, show: |row| format!("{:.0}", row.bytes) },
    Figure { title: "cache hits", width: 5, phases: &["cold", "warm"], show: |row| percent(row.hits) },
    Figure { title: "gzip", width: 5, phases: &["warm"], show: |row| format!("{:.1}×", row.compression) },
];

impl Figure {
    /// The phases that it is shown for, of those that were measured.
    fn shown<'a>(&'a self, phases: &'a [Phase]) -> impl Iterator<Item = &'a Phase> {
        phases.iter().filter(|phase| self.phases.contains(&phase.name))
    }
}

/// Prints a row an endpoint and one for all, each figure for the phases side by side.
pub fn print(phases: &[Phase], clients: u32) {
    let first = Endpoint::ALL.iter().map(|endpoint| endpoint.label().chars().count()).max().unwrap_or(0);
    let (mut titles, mut names) = (format!("{:first$}", ""), format!("{:first$}", ""));
    for figure in &FIGURES {
        let Figure { title, width, .. } = figure;
        let cells: Vec<String> =
            figure.shown(phases).map(|phase| format!("{:>width$}", phase.name)).collect();
        titles += &format!("  {title:^span$}", span = ((width + 1) * cells.len()).saturating_sub(1));
        names += &format!("  {}", cells.join(" "));
    }
    let rule = "─".repeat(names.chars().count());
    println!(
        "\n{clients} clients, the same mix of requests: straight to the API on a database without indexes (bare) and with them\n\
         (direct), to the API with its query cache (queries), and to the latter through Envoy (cold, warm)\n"
    );
    println!("{titles}\n{names}\n{rule}");
    for endpoint in Endpoint::ALL {
        println!("{}", line(endpoint.label(), first, phases, |phase| phase.row(endpoint)));
    }
    println!("{rule}\n{}", line("all", first, phases, Phase::total));
}

fn line(label: &str, first: usize, phases: &[Phase], row_of: impl Fn(&Phase) -> Row) -> String {
    let mut line = format!("{label:first$}");
    for figure in &FIGURES {
        let cells = figure
            .shown(phases)
            .map(|phase| format!("{:>width$}", cell(&row_of(phase), figure.show), width = figure.width));
        line += &format!("  {}", cells.collect::<Vec<_>>().join(" "));
    }
    line
}

fn cell(row: &Row, show: fn(&Row) -> String) -> String {
    if row.count == 0 { "–".to_owned() } else { show(row) }
}

fn rate(value: f64) -> String {
    let digits = if value < 1.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$}")
}

fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

fn milliseconds(value: f64) -> String {
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$}")
}
