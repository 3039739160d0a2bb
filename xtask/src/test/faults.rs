//! `cargo xtask test faults`: each fault under load, in its long form.

use anyhow::{Context, Result, bail};
use reliability::{Effort, Kind, Outcome, ROWS, Row, Stand, run, table};
use testbed::Tool;
use testbed::artifacts::{self, Artifact};

use super::summary::Summary;
use crate::bench::{page, record};

/// A lookup's time-out as shipped.
const LOOKUP_TIMEOUT: std::time::Duration = std::time::Duration::from_millis(100);
const PAGE: &str = "docs/RELIABILITY.md";
const COMMAND: &str = "cargo xtask test faults";

/// Tries these faults, or all, and prints their table. Each is a test.
pub fn run_rows(names: &[String], record: bool) -> Result<Summary> {
    let rows = chosen(names)?;
    if record && rows.len() < ROWS.len() {
        bail!("--record wants all rows: {PAGE} would keep only those that are named");
    }
    // Before the build, which makes the machine busy itself.
    let load_average = record::load_average()?;
    super::stage("setup", || crate::ensure(&[Tool::Envoy, Tool::RedisServer, Tool::RedisCli, Tool::Ip]))?;
    // Together with the demo, as all tests build them: another set of packages would be compiled anew.
    let built = [Artifact::Filters, Artifact::Companion, Artifact::Demo, Artifact::MovedClock];
    super::stage("filters, companion and demo API", || artifacts::build(&built))?;

    let (mut summary, mut outcomes, mut stand) = (Summary::default(), Vec::new(), None);
    for row in rows {
        if let Some(obstacle) = row.obstacle() {
            println!("{}: left out: {obstacle}", row.name);
            continue;
        }
        let complaints = match try_row(row, &mut stand) {
            Ok(outcome) => {
                print!("{}", outcome.line());
                let mut complaints = outcome.complaints();
                complaints.extend(outcome.slowness(LOOKUP_TIMEOUT));
                outcomes.push(outcome);
                complaints
            }
            Err(error) => vec![format!("{error:#}")],
        };
        for complaint in &complaints {
            println!("{}: {complaint}", row.name);
        }
        if complaints.is_empty() {
            summary.passed += 1;
        } else {
            summary.failed += 1;
        }
    }
    let table = table(&outcomes);
    println!("\n{table}");
    if record {
        let after = record::load_average()?;
        let from = record::circumstances(&format!("{COMMAND} --record"), load_average)?;
        let text = format!("{from}- load average at the end {after:.2}\n\n{table}");
        page::write_into(PAGE, COMMAND, &text)?;
    }
    Ok(summary)
}

/// Tries a row on the stand of the row before, if it is of the right kind and as good as new.
fn try_row(row: &Row, stand: &mut Option<(Kind, Stand)>) -> Result<Outcome> {
    eprintln!("faults: {}: {}", row.name, row.fault);
    let (kind, mut standing) = match stand.take() {
        Some((kind, standing)) if kind == row.kind && kind.recovers() => (kind, standing),
        old => {
            drop(old);
            (row.kind, Stand::start(row.kind)?)
        }
    };
    let outcome = run(&mut standing, row, &Effort::LONG)?;
    if outcome.complaints().is_empty() {
        *stand = Some((kind, standing));
    }
    Ok(outcome)
}

fn chosen(names: &[String]) -> Result<Vec<&'static Row>> {
    if names.is_empty() {
        return Ok(ROWS.iter().collect());
    }
    let find = |name: &String| {
        let known = || ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
        ROWS.iter()
            .find(|row| row.name == name)
            .with_context(|| format!("no row {name:?}; there are {}", known()))
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_name_and_a_wrong_name_shows_all() {
        assert_eq!(chosen(&["redis-full".to_owned()]).unwrap()[0].name, "redis-full");
        let error = chosen(&["redis-fool".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("no row \"redis-fool\"; there are redis-killed, "), "{error}");
    }
}
