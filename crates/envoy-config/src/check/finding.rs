//! What was found.

use serde::Serialize;

use crate::document::Node;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Requests fail, or a filter does not do what it is for.
    Error,
    /// It works, but not as well as it could, or not in every case.
    Warning,
}

impl Severity {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The name of the rule.
    pub rule: &'static str,
    /// The line in the file, from 1.
    pub line: usize,
    /// The place in the file: `static_resources.listeners[0].name`.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
    /// What to write instead.
    pub fix: String,
}

/// All that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many of the findings are errors.
    pub errors: usize,
    /// How many are warnings.
    pub warnings: usize,
    /// In the order of the file.
    pub findings: Vec<Finding>,
}

#[derive(Default)]
pub(super) struct Findings {
    findings: Vec<Finding>,
}

impl Findings {
    pub(super) fn error(
        &mut self,
        rule: &'static str,
        at: &Node,
        path: &str,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add(Severity::Error, rule, at.line, path, problem.into(), fix.into());
    }

    pub(super) fn warning(
        &mut self,
        rule: &'static str,
        at: &Node,
        path: &str,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add(Severity::Warning, rule, at.line, path, problem.into(), fix.into());
    }

    pub(super) fn add(
        &mut self,
        severity: Severity,
        rule: &'static str,
        line: usize,
        path: &str,
        problem: String,
        fix: String,
    ) {
        let path = if path.is_empty() { "." } else { path }.to_owned();
        self.findings.push(Finding { severity, rule, line, path, problem, fix });
    }

    pub(super) fn report(mut self) -> Report {
        self.findings.sort_by(|a, b| (a.line, a.severity, &a.path).cmp(&(b.line, b.severity, &b.path)));
        let errors = self.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        Report { errors, warnings: self.findings.len() - errors, findings: self.findings }
    }
}
