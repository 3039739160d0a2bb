//! `cargo xtask trial`: the long forms of tests, with the figures that they print.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use testbed::artifacts::{self, Artifact};
use testbed::{Tool, workspace_root};

/// Which trials to run.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only trials whose names contain this
    filter: Option<String>,
}

/// A long form, and where it is: only what is to run is built.
struct Trial {
    name: &'static str,
    package: &'static str,
    target: &'static str,
}

const fn trial(package: &'static str, target: &'static str, name: &'static str) -> Trial {
    Trial { name, package, target }
}

const TRIALS: [Trial; 12] = [
    trial("e2e", "changed_rows", "a_write_by_psql_is_seen_within_150_ms_at_p99"),
    trial("e2e", "compression_streams", "a_hundred_mebibytes_flow_through_little_memory"),
    trial("e2e", "envoy_versions", "the_filters_work_in_every_envoy"),
    trial("e2e", "load", "a_miss_adds_a_tenth_at_most_to_an_origin_that_takes_20_ms"),
    trial("e2e", "load", "a_million_keys_take_no_more_memory_than_is_allowed"),
    trial("e2e", "load", "as_many_label_sets_as_there_may_be_cost_little_memory_and_are_scraped_quickly"),
    trial("e2e", "mesh", "a_thousand_misses_are_one_request"),
    trial("e2e", "mesh", "a_thousand_purges_are_acknowledged_within_100_ms_at_p99"),
    trial("migrations", "postgres", "migrate_holds_up_no_statement_while_all_indexes_are_built"),
    trial("query-cache", "consistency", "a_million_operations_with_a_bound_of_20_ms"),
    trial("slipstream", "migrate", "migrate_recovers_from_twenty_kills"),
    trial("slipstream", "rag", "ten_thousand_streams_at_a_time_take_little_memory"),
];

/// Runs them one after the other, and prints what they measure.
pub fn run(options: &Options) -> Result<ExitCode> {
    let filter = options.filter.as_deref().unwrap_or_default();
    let chosen: Vec<&Trial> = TRIALS.iter().filter(|trial| trial.name.contains(filter)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = TRIALS.iter().map(|trial| trial.name).collect();
        bail!("no trial's name contains {filter:?}; there are\n  {}", names.join("\n  "));
    }
    crate::ensure(&[Tool::Envoy, Tool::RedisServer, Tool::RedisCli, Tool::Wrk, Tool::Postgres])?;
    if chosen.iter().any(|trial| trial.target == "envoy_versions") {
        crate::ensure(&Tool::OLDER_ENVOYS)?;
    }
    artifacts::build(&[Artifact::Filters, Artifact::Companion])?;
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--release", "--no-fail-fast"]);
    for trial in &chosen {
        cargo.args(["-p", trial.package, "--test", trial.target]);
    }
    cargo.args(["--", "--ignored", "--nocapture", "--test-threads=1"]);
    cargo.args(chosen.iter().map(|trial| trial.name)).current_dir(workspace_root());
    let status = cargo.status().context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The names of long tests that this command runs, in the sources below `folder`.
    fn long_tests(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                long_tests(&path, names);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let marked = text.split("#[ignore = \"").skip(1);
                let ours = marked.filter(|rest| {
                    rest.lines().next().is_some_and(|reason| reason.contains("cargo xtask trial"))
                });
                names.extend(ours.map(|rest| {
                    let (_, rest) = rest.split_once("fn ").unwrap();
                    rest.split('(').next().unwrap().to_owned()
                }));
            }
        }
    }

    #[test]
    fn every_long_test_is_a_trial() {
        let mut names = BTreeSet::new();
        for folder in ["companion/tests", "crates", "tests/tests"] {
            long_tests(&workspace_root().join(folder), &mut names);
        }
        let trials: BTreeSet<String> = TRIALS.iter().map(|trial| trial.name.to_owned()).collect();
        assert_eq!(names, trials);
    }
}
