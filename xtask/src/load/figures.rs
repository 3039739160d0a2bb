//! The reference system's figures, and ours beside them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// What the reference system's own load tests had for a request, and what is asked of Slipstream.
#[derive(Debug)]
struct Row {
    kind: &'static str,
    label: &'static str,
    reference: &'static str,
    wanted: &'static str,
    least_rate: f64,
    /// The percentile that is judged, as k6 names it, and what it may be at most, in milliseconds.
    judged: (&'static str, f64),
    /// The share of requests that may fail.
    most_failed: f64,
}

static ROWS: [Row; 4] = [
    Row {
        kind: "list-items",
        label: "GET /api/items, 100 users",
        reference: "50-80 ms at 333/s",
        wanted: "p50 <= 10 ms at >= 1000/s",
        least_rate: 1_000.0,
        judged: ("med", 10.0),
        most_failed: 0.001,
    },
    Row {
        kind: "create-item",
        label: "POST /api/items, all indexes on",
        reference: "70-100 ms at 250/s",
        wanted: "p95 <= 70 ms at >= 250/s",
        // A rate that k6 gives itself comes out a little below what it says.
        least_rate: 249.0,
        judged: ("p(95)", 70.0),
        most_failed: 0.001,
    },
    Row {
        kind: "ask-again",
        label: "RAG, asked before",
        reference: "50-100 ms at 200/s",
        wanted: "p50 <= 10 ms at >= 200/s",
        least_rate: 199.0,
        judged: ("med", 10.0),
        most_failed: 0.001,
    },
    Row {
        kind: "ask-anew",
        label: "RAG, not asked before (extractive)",
        reference: "500-800 ms at 50/s",
        wanted: "p50 <= 500 ms at >= 50/s",
        least_rate: 49.0,
        judged: ("med", 500.0),
        most_failed: 0.001,
    },
];

/// What k6 found of a kind of request.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Found {
    rate: f64,
    p50: f64,
    p95: f64,
    p99: f64,
    failed: f64,
}

impl Found {
    fn read(summary: &Value, kind: &str, seconds: f64) -> Result<Found> {
        let value = |metric: &str, name: &str| summary["metrics"][metric]["values"][name].as_f64();
        let times = format!("http_req_duration{{kind:{kind}}}");
        let count = value(&format!("http_reqs{{kind:{kind}}}"), "count").unwrap_or_default();
        let failed = value(&format!("failed{{kind:{kind}}}"), "count").unwrap_or_default();
        let share = if count > 0.0 { failed / count } else { 1.0 };
        // Only questions that went to the engine are what that row is about.
        let metric = if kind == "ask-anew" { "uncached" } else { times.as_str() };
        let of = |name: &str| {
            value(metric, name).with_context(|| format!("k6's summary has no {name} of {metric}"))
        };
        Ok(Found {
            rate: count / seconds,
            p50: of("med")?,
            p95: of("p(95)")?,
            p99: of("p(99)")?,
            failed: share,
        })
    }

    fn is_enough_for(&self, row: &Row) -> bool {
        let (percentile, most) = row.judged;
        let seen = if percentile == "med" { self.p50 } else { self.p95 };
        self.rate >= row.least_rate && seen <= most && self.failed <= row.most_failed
    }

    /// Requests a second, times in milliseconds, failed ones in percent, and whether it is enough: what both tables say.
    fn cells(&self, row: &Row) -> [String; 6] {
        let time = |milliseconds: f64| format!("{milliseconds:.2}");
        [
            format!("{:.0}", self.rate),
            time(self.p50),
            time(self.p95),
            time(self.p99),
            format!("{:.3}", self.failed * 100.0),
            if self.is_enough_for(row) { "yes" } else { "no" }.to_owned(),
        ]
    }
}

/// The table, from the summary that k6 wrote; each row had so many seconds.
#[derive(Debug)]
pub struct Comparison(Vec<(&'static Row, Found)>);

impl Comparison {
    /// Reads k6's summary.
    pub fn read(summary: &Path, seconds: u32) -> Result<Comparison> {
        let text =
            fs::read_to_string(summary).with_context(|| format!("cannot read {}", summary.display()))?;
        Comparison::of(&serde_json::from_str(&text)?, seconds.into())
    }

    fn of(summary: &Value, seconds: f64) -> Result<Comparison> {
        let is_measured = |row: &&Row| {
            // The questions are left out where nobody answers them.
            !row.kind.starts_with("ask-")
                || !summary["metrics"][format!("http_reqs{{kind:{}}}", row.kind)].is_null()
        };
        let rows = ROWS.iter().filter(is_measured);
        rows.map(|row| Ok((row, Found::read(summary, row.kind, seconds)?)))
            .collect::<Result<_>>()
            .map(Comparison)
    }

    /// For the terminal.
    pub fn text(&self) -> String {
        let mut lines = vec![format!(
            "{:36}{:21}{:29}{:>8}{:>9}{:>9}{:>9}{:>9}  REACHED",
            "REQUEST", "REFERENCE SYSTEM", "WANTED", "/S", "P50 MS", "P95 MS", "P99 MS", "FAILED"
        )];
        for (row, found) in &self.0 {
            let [rate, p50, p95, p99, failed, verdict] = found.cells(row);
            lines.push(format!(
                "{:36}{:21}{:29}{rate:>8}{p50:>9}{p95:>9}{p99:>9}{failed:>8}%  {verdict}",
                row.label, row.reference, row.wanted
            ));
        }
        lines.join("\n")
    }

    /// For a page.
    pub fn markdown(&self) -> String {
        let mut text = "| request | reference system | wanted | a second | p50 ms | p95 ms | p99 ms | failed | reached |\n\
                        |---|---|---|--:|--:|--:|--:|--:|---|\n"
            .to_owned();
        for (row, found) in &self.0 {
            let [rate, p50, p95, p99, failed, verdict] = found.cells(row);
            text += &format!(
                "| {} | {} | {} | {rate} | {p50} | {p95} | {p99} | {failed} % | {verdict} |\n",
                row.label, row.reference, row.wanted
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn summary(requests: u32, p50: f64, p95: f64, failed: u32) -> Value {
        let mut metrics = serde_json::Map::new();
        for row in &ROWS {
            let kind = row.kind;
            metrics.insert(format!("http_reqs{{kind:{kind}}}"), json!({"values": {"count": requests}}));
            metrics.insert(
                format!("http_req_duration{{kind:{kind}}}"),
                json!({"values": {"med": p50, "p(95)": p95, "p(99)": p95}}),
            );
            metrics.insert(format!("failed{{kind:{kind}}}"), json!({"values": {"count": failed}}));
        }
        metrics.insert(
            "uncached".to_owned(),
            json!({"values": {"med": p50 * 50.0, "p(95)": p95, "p(99)": p95}}),
        );
        json!({ "metrics": metrics })
    }

    #[test]
    fn a_row_is_reached_only_with_rate_latency_and_no_failures() {
        for (requests, p50, p95, failed, reached) in [
            (10_000, 10.0, 70.0, 10, [true; 4]),
            (9_989, 10.0, 70.0, 0, [false, true, true, true]),
            (10_000, 10.1, 70.0, 0, [false, true, false, false]),
            (10_000, 10.0, 70.1, 0, [true, false, true, true]),
            (10_000, 10.0, 70.0, 11, [false; 4]),
            (0, 0.0, 0.0, 0, [false; 4]),
        ] {
            let summary = summary(requests, p50, p95, failed);
            let found: Vec<bool> = ROWS
                .iter()
                .map(|row| Found::read(&summary, row.kind, 10.0).unwrap().is_enough_for(row))
                .collect();
            assert_eq!(found, reached, "{requests} {p50} {p95} {failed}");
        }
    }

    #[test]
    fn both_tables_have_every_row_with_its_verdict() {
        let comparison = Comparison::of(&summary(10_000, 10.1, 70.0, 0), 10.0).unwrap();
        for (table, yes, no) in
            [(comparison.text(), "  yes", "  no"), (comparison.markdown(), "| yes |", "| no |")]
        {
            for row in &ROWS {
                let line = table.lines().find(|line| line.contains(row.label)).unwrap();
                assert!(line.ends_with(if row.judged.0 == "p(95)" { yes } else { no }), "{line}");
                assert!(line.contains(row.reference) && line.contains(row.wanted), "{line}");
            }
        }
    }

    #[test]
    fn what_was_not_measured_is_an_error() {
        let error = Comparison::of(&json!({"metrics": {}}), 1.0).err().unwrap().to_string();
        assert!(error.contains("list-items"), "{error}");
    }
}
