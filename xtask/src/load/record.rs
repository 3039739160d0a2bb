//! What a run of the load tests came to, in `docs/LOAD_TESTING.md`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::figures::Comparison;
use crate::bench::{page, record};

const PAGE: &str = "docs/LOAD_TESTING.md";
const COMPARISON: &str = "cargo xtask load figures";
const SCENARIOS: &str = "cargo xtask load";

/// When and on what a run was made.
#[derive(Debug)]
pub struct Run {
    head: String,
}

impl Run {
    /// A run that begins now, by this command. Whatever makes the machine or the sources busy comes later.
    pub fn begin(command: &str) -> Result<Run> {
        Ok(Run { head: record::circumstances(command, record::load_average()?)? })
    }

    /// Records the comparison.
    pub fn write_comparison(&self, comparison: &Comparison) -> Result<()> {
        page::write_into(PAGE, COMPARISON, &format!("{}\n{}", self.head, comparison.markdown()))
    }

    /// Records what the scenarios came to, each from the summary that k6 wrote.
    pub fn write_scenarios(&self, profile: &str, scenarios: &[&str], reports: &Path) -> Result<()> {
        let mut text = self.head.clone();
        text += "\n| scenario | profile | users | requests | a second | p50 ms | p95 ms | failed | hits | thresholds |\n\
                 |---|---|--:|--:|--:|--:|--:|--:|--:|---|\n";
        for scenario in scenarios {
            let file = reports.join(format!("{scenario}.json"));
            let read = || format!("cannot read {}", file.display());
            let summary: Value = serde_json::from_str(&fs::read_to_string(&file).with_context(read)?)?;
            text += &line(scenario, profile, &summary)?;
        }
        page::write_into(PAGE, SCENARIOS, &text)
    }
}

fn line(scenario: &str, profile: &str, summary: &Value) -> Result<String> {
    let value = |metric: &str, name: &str| {
        let value = summary["metrics"][metric]["values"][name].as_f64();
        value.with_context(|| format!("k6's summary of {scenario} has no {name} of {metric}"))
    };
    let missed = missed(summary);
    Ok(format!(
        "| {scenario} | {profile} | {:.0} | {:.0} | {:.0} | {:.2} | {:.2} | {:.3} % | {:.1} % | {} |\n",
        value("vus_max", "max")?,
        value("http_reqs", "count")?,
        value("http_reqs", "rate")?,
        value("http_req_duration", "med")?,
        value("http_req_duration", "p(95)")?,
        value("http_req_failed", "rate")? * 100.0,
        value("cache_hits", "rate")? * 100.0,
        if missed.is_empty() { "passed".to_owned() } else { format!("missed: {}", missed.join(", ")) }
    ))
}

/// The thresholds that were missed, as the scripts have them.
fn missed(summary: &Value) -> Vec<String> {
    let mut missed = Vec::new();
    for (metric, found) in summary["metrics"].as_object().into_iter().flatten() {
        for (expression, outcome) in found["thresholds"].as_object().into_iter().flatten() {
            if outcome["ok"] != true {
                missed.push(format!("`{metric} {expression}`"));
            }
        }
    }
    missed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn summary(ok: bool) -> Value {
        json!({"metrics": {
            "vus_max": {"values": {"max": 100}},
            "http_reqs": {"values": {"count": 1_000, "rate": 99.6}},
            "http_req_duration": {
                "values": {"med": 1.5, "p(95)": 20.0},
                "thresholds": {"p(95)<500": {"ok": ok}},
            },
            "http_req_failed": {"values": {"rate": 0.001}},
            "cache_hits": {"values": {"rate": 0.5}},
        }})
    }

    #[test]
    fn a_scenario_is_a_line_that_names_what_was_missed() {
        assert_eq!(
            line("rag", "load", &summary(true)).unwrap(),
            "| rag | load | 100 | 1000 | 100 | 1.50 | 20.00 | 0.100 % | 50.0 % | passed |\n"
        );
        assert!(
            line("rag", "load", &summary(false))
                .unwrap()
                .ends_with("missed: `http_req_duration p(95)<500` |\n")
        );
        assert!(line("rag", "load", &json!({})).unwrap_err().to_string().contains("vus_max"));
    }

    #[test]
    fn the_page_has_the_markers() {
        for command in [COMPARISON, SCENARIOS] {
            assert!(page::has_markers(PAGE, command).unwrap(), "{command}");
        }
    }
}
