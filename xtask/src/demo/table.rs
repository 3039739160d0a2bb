//! The table a person understands.

use super::measure::{Phase, Row};
use super::mix::Endpoint;

/// How a figure of a row is shown.
type Format = fn(&Row) -> String;

/// Prints a row an endpoint and one for all, each figure for the phases side by side.
pub fn print(phases: &[Phase], clients: u32) {
    let groups: [(&str, usize, Format); 6] = [
        ("p50 ms", 8, |row| milliseconds(row.p50_ms)),
        ("p99 ms", 8, |row| milliseconds(row.p99_ms)),
        ("requests/s", 8, |row| format!("{:.*}", usize::from(row.rate < 10.0), row.rate)),
        ("bytes/response", 8, |row| format!("{:.0}", row.bytes)),
        ("cache hits", 7, |row| format!("{:.0} %", row.hits * 100.0)),
        ("compressed", 7, |row| format!("{:.1} ×", row.compression)),
    ];
    let labels = Endpoint::ALL.map(Endpoint::label);
    let first = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);

    println!("\n{clients} clients, the same mix of requests straight to the API and through Envoy\n");
    let mut heads = [format!("{:first$}", ""), format!("{:first$}", "")];
    for (title, width, _) in &groups {
        heads[0] += &format!("  {title:^span$}", span = (width + 1) * phases.len() - 1);
        let names: Vec<String> = phases.iter().map(|phase| format!("{:>width$}", phase.name)).collect();
        heads[1] += &format!("  {}", names.join(" "));
    }
    println!("{}\n{}", heads[0], heads[1]);
    println!("{}", "─".repeat(heads[1].chars().count()));
    let line = |label: &str, row_of: &dyn Fn(&Phase) -> Row| {
        let mut line = format!("{label:first$}");
        for (_, width, format) in &groups {
            let cells = phases.iter().map(row_of).map(|row| cell(&row, *format));
            let cells: Vec<String> = cells.map(|cell| format!("{cell:>width$}")).collect();
            line += &format!("  {}", cells.join(" "));
        }
        println!("{line}");
    };
    for endpoint in Endpoint::ALL {
        line(endpoint.label(), &|phase| phase.row(endpoint));
    }
    println!("{}", "─".repeat(heads[1].chars().count()));
    line("all", &|phase| phase.total());
}

fn cell(row: &Row, format: Format) -> String {
    if row.count == 0 { "–".to_owned() } else { format(row) }
}

fn milliseconds(value: f64) -> String {
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$}")
}
