//! What Istio, Envoy Gateway and the Gateway API define of their resources, by validators that are made of their published
//! definitions, and strictly: a field that no definition has is a mistake.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;
use testbed::{Tool, workspace_root};

/// What is said of one resource.
#[derive(Debug)]
pub struct Checked {
    /// What is wrong, each with its path.
    pub mistakes: Vec<String>,
    /// Paths that the definition leaves to others, such as a filter's settings.
    pub free: Vec<String>,
}

/// Checks resources of any kinds.
pub fn check(resources: &[&Value]) -> Vec<Checked> {
    let library = Tool::KubernetesModels.path().unwrap();
    let folder = library.ancestors().nth(4).unwrap();
    let mut node = Command::new(Tool::Node.path().unwrap())
        .arg(workspace_root().join("testbed/kubernetes-models/check.mjs"))
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = serde_json::to_string(resources).unwrap();
    node.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "the check itself failed");
    let checked: Value = serde_json::from_slice(&output.stdout).unwrap();
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let checked = checked.as_array().unwrap().iter();
    checked.map(|one| Checked { mistakes: texts(&one["mistakes"]), free: texts(&one["free"]) }).collect()
}
