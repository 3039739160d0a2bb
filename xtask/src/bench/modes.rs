//! What the modes and codings of compression cost, for the pages that help to choose one.

use std::fmt::Write;

use super::measure::Measured;

/// The bodies that are compared, as the names of cases end.
const SIZES: [&str; 2] = ["20k", "50k"];

/// What each mode costs: what it is, and what its cases' names begin with.
const MODES: [(&str, &str); 5] = [
    ("`buffer`, gzip level 6", "gzip-wasm"),
    ("`stream`, the same in one piece", "stream"),
    ("Envoy's own compressor, gzip level 6", "gzip-native"),
    ("the same with `observe`, routes as one", "observe"),
    ("the same with `observe`, by route", "observe-asking"),
];

/// What each coding costs here and by Envoy's own compressor.
const CODINGS: [(&str, u8); 3] = [("gzip", 6), ("br", 5), ("zstd", 3)];

/// The table of modes.
pub fn modes(measured: &[Measured]) -> String {
    let mut text = "| | 20 kB of JSON: CPU µs/request | bytes | 50 kB of JSON: CPU µs/request | bytes |\n\
                    |---|--:|--:|--:|--:|\n"
        .to_owned();
    for (what, case) in MODES {
        let cells = SIZES.map(|size| cells(measured, &format!("{case}-{size}")));
        let _ = writeln!(text, "| {what} | {} |", cells.join(" | "));
    }
    text
}

/// The table of codings.
pub fn codings(measured: &[Measured]) -> String {
    let mut text = "| | 20 kB of JSON: CPU µs/request | bytes | 50 kB of JSON: CPU µs/request | bytes |\n\
                    |---|--:|--:|--:|--:|\n"
        .to_owned();
    for (coding, level) in CODINGS {
        for (whose, case) in [("", "wasm"), (", Envoy's own", "native")] {
            let cells = SIZES.map(|size| cells(measured, &format!("{coding}-{case}-{size}")));
            let _ = writeln!(text, "| {coding} {level}{whose} | {} |", cells.join(" | "));
        }
    }
    text
}

fn cells(measured: &[Measured], case: &str) -> String {
    let found = measured.iter().find(|measured| measured.case.name == case);
    let cpu = found.and_then(|found| Some((found.spread(|sample| sample.cpu_us)?.median, found.body_bytes)));
    cpu.map_or_else(|| "– | –".to_owned(), |(cpu_us, bytes)| format!("{cpu_us:.1} | {bytes}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::cases;
    use crate::bench::measure::Sample;

    #[test]
    fn each_row_has_its_cases() {
        let sample = Sample { rate: 1.0, p50_ms: 1.0, p99_ms: 1.0, cpu_us: 12.34, waited: 0.0 };
        let measured: Vec<Measured> = cases::CASES
            .iter()
            .map(|case| Measured { case, samples: vec![sample], body_bytes: 567 })
            .collect();
        for row in modes(&measured).lines().chain(codings(&measured).lines()) {
            assert_eq!(row.matches('|').count(), 6, "{row}");
        }
        let both = "12.3 | 567 | 12.3 | 567 |";
        assert_eq!(codings(&measured).lines().filter(|row| row.ends_with(both)).count(), 6);
        assert!(modes(&measured).contains(&format!("| Envoy's own compressor, gzip level 6 | {both}")));
        assert!(modes(&measured).contains("| the same with `observe`, by route | 12.3 | 567 | – | – |"));
        assert!(modes(&[]).contains("– | – | – | –"));
    }
}
