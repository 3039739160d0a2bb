//! The shipped dashboards' panels.

use std::fs;

use serde_json::Value;
use testbed::workspace_root;

/// A dashboard as it is shipped.
pub struct Dashboard {
    pub file: String,
    pub json: Value,
    pub panels: Vec<Panel>,
}

/// A panel of one.
pub struct Panel {
    /// The dashboard's file and the panel's title.
    pub name: String,
    pub title: String,
    pub description: String,
    pub id: u64,
    pub unit: String,
    pub source: String,
    pub place: Place,
    /// Queries as they are shipped, with Grafana's variables.
    pub queries: Vec<String>,
}

/// Where a panel stands, in cells of a grid that is 24 wide.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub x: u64,
    pub y: u64,
    pub w: u64,
    pub h: u64,
}

impl Place {
    pub fn overlaps(self, other: Place) -> bool {
        let apart = self.x + self.w <= other.x || other.x + other.w <= self.x;
        let above = self.y + self.h <= other.y || other.y + other.h <= self.y;
        !apart && !above
    }
}

/// All of them.
pub fn dashboards() -> Vec<Dashboard> {
    let folder = workspace_root().join("compose/grafana/dashboards");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .map(|path| {
            dashboard(path.file_name().unwrap().display().to_string(), &fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn dashboard(file: String, text: &str) -> Dashboard {
    let json: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let panels = json["panels"].as_array().unwrap().iter().map(|panel| read(&file, panel)).collect();
    Dashboard { file, json, panels }
}

fn read(file: &str, panel: &Value) -> Panel {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let cells = |name: &str| panel["gridPos"][name].as_u64().unwrap_or_else(|| panic!("{file}: {panel}"));
    Panel {
        name: format!("{file}: {}", text(&panel["title"])),
        title: text(&panel["title"]),
        description: text(&panel["description"]),
        id: panel["id"].as_u64().unwrap_or_else(|| panic!("{file}: {panel}")),
        unit: text(&panel["fieldConfig"]["defaults"]["unit"]),
        source: text(&panel["datasource"]["uid"]),
        place: Place { x: cells("x"), y: cells("y"), w: cells("w"), h: cells("h") },
        queries: panel["targets"].as_array().unwrap().iter().map(|target| text(&target["expr"])).collect(),
    }
}

/// A query as Grafana sends it when everything is chosen.
pub fn filled_in(query: &str, rate_interval: &str) -> String {
    let filled = query.replace("$__rate_interval", rate_interval);
    let filled = filled.replace("$service", ".*").replace("$route", ".*");
    assert!(!filled.contains('$'), "a variable that this test does not know: {query}");
    filled
}
