//! The shipped rules: `promtool` takes them, each alert is tested to fire and to end, and each has a runbook.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use e2e::wait_for;
use testbed::{Prometheus, Tool, workspace_root};

/// Runs promtool in the folder of the shipped configuration.
fn promtool(arguments: &[&str]) -> String {
    let folder = workspace_root().join("compose/prometheus");
    let promtool = Tool::Promtool.path().unwrap();
    let output = Command::new(promtool).args(arguments).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
    said
}

/// The names of the files in a folder of the shipped configuration, with the folder's.
fn files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(workspace_root().join("compose/prometheus").join(folder)).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| format!("{folder}/{}", entry.unwrap().file_name().display())).collect();
    names.sort();
    names
}

fn text(path: &str) -> String {
    fs::read_to_string(workspace_root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn promtool_takes_the_configuration() {
    promtool(&["check", "config", "prometheus.yml"]);
}

#[test]
fn alerts_fire_and_end() {
    let tests = files("tests");
    let arguments: Vec<&str> =
        ["test", "rules"].into_iter().chain(tests.iter().map(String::as_str)).collect();
    let said = promtool(&arguments);
    assert_eq!(said.matches("SUCCESS").count(), tests.len(), "{said}");
}

#[test]
fn each_alert_is_tested_and_has_a_runbook() {
    let rules: Vec<(String, String)> = files("rules")
        .iter()
        .map(|name| {
            (name.trim_start_matches("rules/").to_owned(), text(&format!("compose/prometheus/{name}")))
        })
        .collect();
    let names: Vec<&str> = rules.iter().map(|(name, _)| name.as_str()).collect();
    let files_of_rules: Vec<(&str, &str)> =
        rules.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let configuration = format!("rule_files: {names:?}");
    let prometheus = Prometheus::start(&configuration, &files_of_rules).unwrap();
    let mut alerts = Vec::new();
    wait_for("the rules to be loaded", || {
        let groups = prometheus.ask("rules", &[("type", "alert")]).unwrap()["groups"].take();
        let rules = groups.as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
        alerts = rules.cloned().collect();
        !alerts.is_empty()
    });
    let tests: String =
        files("tests").iter().map(|name| text(&format!("compose/prometheus/{name}"))).collect();
    let runbooks = anchors(&text("docs/OPERATIONS.md"));
    assert!(alerts.len() >= 17, "{alerts:?}");
    for alert in &alerts {
        let name = alert["name"].as_str().unwrap();
        let severity = alert["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("page" | "ticket")), "{name}: severity {severity:?}");
        let annotations = &alert["annotations"];
        assert!(
            annotations["summary"].as_str().is_some_and(|summary| !summary.is_empty()),
            "{name}: no summary"
        );
        let runbook = annotations["runbook"].as_str().unwrap_or_default();
        let anchor = runbook.strip_prefix("docs/OPERATIONS.md#").unwrap_or_default();
        assert!(runbooks.contains(anchor), "{name}: no runbook {runbook:?}, expected one of {runbooks:?}");
        assert!(
            text("docs/OPERATIONS.md").contains(&format!("`{name}`")),
            "the runbook does not name {name}"
        );
        let (fires, ends) = tested(&tests, name);
        assert!(fires && ends, "{name}: tested to fire: {fires}, to end: {ends}");
    }
}

/// What a page's headings are linked by.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
    headings.map(|heading| heading.to_lowercase().replace(' ', "-")).collect()
}

/// Whether a test expects this alert, and whether a later one in the file expects that it is over.
fn tested(tests: &str, alert: &str) -> (bool, bool) {
    let mentions = tests
        .split("alertname: ")
        .skip(1)
        .filter(|rest| rest.split([',', '\n']).next().is_some_and(|name| name.trim() == alert));
    let fires: Vec<bool> =
        mentions.map(|rest| !rest.lines().next().unwrap().contains("exp_alerts: []")).collect();
    let first = fires.iter().position(|fires| *fires);
    (first.is_some(), first.is_some_and(|first| fires[first..].contains(&false)))
}
