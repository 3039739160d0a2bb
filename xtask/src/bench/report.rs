//! The table of results.

use super::measure::Measured;
use super::statistics::Spread;

/// The case that all others are shown as multiples of.
const YARDSTICK: &str = "plain";

const HEADS: [&str; 8] =
    ["case", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "min–max", "× plain", "body bytes"];

/// A row for each case, the cells in the order of the columns. Medians over the rounds; the multiple of plain is the
/// median of the rounds' own.
fn rows(measured: &[Measured]) -> Vec<Vec<String>> {
    let plain = measured.iter().find(|measured| measured.case.name == YARDSTICK);
    let row = |measured: &Measured| {
        let cpu = measured.spread(|sample| sample.cpu_us);
        let ratio = plain.and_then(|plain| measured.compared(plain, |own, plain| own / plain));
        vec![
            measured.case.name.to_owned(),
            median(measured.spread(|sample| sample.rate), 0),
            median(measured.spread(|sample| sample.p50_ms), 2),
            median(measured.spread(|sample| sample.p99_ms), 2),
            median(cpu, 1),
            cpu.map_or_else(String::new, |cpu| format!("{:.1}–{:.1}", cpu.least, cpu.most)),
            median(ratio, 2),
            measured.body_bytes.to_string(),
        ]
    };
    measured.iter().map(row).collect()
}

fn median(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(|| "–".to_owned(), |spread| format!("{:.digits$}", spread.median))
}

/// The table for a terminal.
pub fn text(measured: &[Measured]) -> String {
    let rows = rows(measured);
    let all = || std::iter::once(HEADS.map(str::to_owned).to_vec()).chain(rows.iter().cloned());
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
    let mut text = String::new();
    for row in all() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            text += &if column == 0 { format!("{cell:width$}") } else { format!("  {cell:>width$}") };
        }
        text.push('\n');
    }
    text
}

/// The table in Markdown, with what each case is.
pub fn markdown(measured: &[Measured]) -> String {
    let mut text = format!("| {} | what it is |\n", HEADS.join(" | "));
    text += &format!("|---|{}---|\n", "--:|".repeat(HEADS.len() - 1));
    for (row, measured) in rows(measured).iter().zip(measured) {
        text += &format!("| {} | {} |\n", row.join(" | "), measured.case.what);
    }
    text
}
