//! The reference system's figures, and ours beside them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// What the reference system's own load tests had for a request, and what is asked of Slipstream.
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

const ROWS: [Row; 2] = [
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
    fn read(summary: &Value, kind: &str) -> Result<Found> {
        let value = |metric: &str, name: &str| summary["metrics"][metric]["values"][name].as_f64();
        let times = format!("http_req_duration{{kind:{kind}}}");
        let of = |name: &str| {
            value(&times, name).with_context(|| format!("k6's summary has no {name} of {times}"))
        };
        let count = value(&format!("http_reqs{{kind:{kind}}}"), "count").unwrap_or_default();
        let failed = value(&format!("failed{{kind:{kind}}}"), "count").unwrap_or_default();
        // Each kind has half of the run for itself, and two seconds lie between.
        let seconds =
            summary["state"]["testRunDurationMs"].as_f64().context("k6's summary has no duration")? / 1_000.0;
        let own = ((seconds - 2.0) / ROWS.len() as f64).max(f64::MIN_POSITIVE);
        let share = if count > 0.0 { failed / count } else { 1.0 };
        Ok(Found { rate: count / own, p50: of("med")?, p95: of("p(95)")?, p99: of("p(99)")?, failed: share })
    }

    fn is_enough_for(&self, row: &Row) -> bool {
        let (percentile, most) = row.judged;
        let seen = if percentile == "med" { self.p50 } else { self.p95 };
        self.rate >= row.least_rate && seen <= most && self.failed <= row.most_failed
    }
}

/// Prints the table, from the summary that k6 wrote.
pub fn print(summary: &Path) -> Result<()> {
    let text = fs::read_to_string(summary).with_context(|| format!("cannot read {}", summary.display()))?;
    println!("{}", table(&serde_json::from_str(&text)?)?);
    Ok(())
}

fn table(summary: &Value) -> Result<String> {
    let mut lines = vec![format!(
        "{:33}{:21}{:29}{:>8}{:>9}{:>9}{:>9}{:>9}  REACHED",
        "REQUEST", "REFERENCE SYSTEM", "WANTED", "/S", "P50 MS", "P95 MS", "P99 MS", "FAILED"
    )];
    for row in &ROWS {
        let found = Found::read(summary, row.kind)?;
        lines.push(format!(
            "{:33}{:21}{:29}{:8.0}{:9.2}{:9.2}{:9.2}{:8.3}%  {}",
            row.label,
            row.reference,
            row.wanted,
            found.rate,
            found.p50,
            found.p95,
            found.p99,
            found.failed * 100.0,
            if found.is_enough_for(row) { "yes" } else { "no" }
        ));
    }
    Ok(lines.join("\n"))
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
        json!({"metrics": metrics, "state": {"testRunDurationMs": 22_000.0}})
    }

    #[test]
    fn a_row_is_reached_only_with_rate_latency_and_no_failures() {
        for (requests, p50, p95, failed, reached) in [
            (10_000, 10.0, 70.0, 10, [true, true]),
            (9_989, 10.0, 70.0, 0, [false, true]),
            (10_000, 10.1, 70.0, 0, [false, true]),
            (10_000, 10.0, 70.1, 0, [true, false]),
            (10_000, 10.0, 70.0, 11, [false, false]),
            (0, 0.0, 0.0, 0, [false, false]),
        ] {
            let summary = summary(requests, p50, p95, failed);
            let found: Vec<bool> =
                ROWS.iter().map(|row| Found::read(&summary, row.kind).unwrap().is_enough_for(row)).collect();
            assert_eq!(found, reached, "{requests} {p50} {p95} {failed}");
        }
    }

    #[test]
    fn what_was_not_measured_is_an_error() {
        let error =
            table(&json!({"metrics": {}, "state": {"testRunDurationMs": 1.0}})).unwrap_err().to_string();
        assert!(error.contains("list-items"), "{error}");
    }
}
