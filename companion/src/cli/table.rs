//! Tables for people.

use std::fmt;

/// Rows of cells; a column is as wide as its widest.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table under these titles, if there are any.
    pub(super) fn new(titles: &[&str]) -> Self {
        let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
        Self { rows: if titles.is_empty() { Vec::new() } else { vec![titles] } }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        // What others have stored must not steer the terminal.
        let visible = |cell: String| cell.replace(char::is_control, "?");
        self.rows.push(cells.into_iter().map(visible).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for row in &self.rows {
            let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            writeln!(f, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// A time in its largest fitting unit, such as `90 s`, `5 min` or `-2 h`.
pub(super) fn seconds(seconds: i64) -> String {
    match seconds.unsigned_abs() {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A size in its largest fitting unit, such as `512 B` or `1.5 KiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut size = bytes as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if size < 1024.0 {
            break;
        }
        (size, unit) = (size / 1024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{size:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["A", "B"]);
        table.row(["long é".to_owned(), "x\u{1b}[31m".to_owned()]);
        table.row(["".to_owned(), "y".to_owned()]);
        assert_eq!(table.to_string(), "A       B\nlong é  x?[31m\n        y\n");
    }

    #[test]
    fn numbers_come_with_units() {
        for (number, text) in
            [(0, "0 s"), (-119, "-119 s"), (120, "2 min"), (-7_200, "-2 h"), (172_800, "2 d")]
        {
            assert_eq!(seconds(number), text);
        }
        for (number, text) in [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (5 << 30, "5.0 GiB")] {
            assert_eq!(bytes(number), text);
        }
    }
}
