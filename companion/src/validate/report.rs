//! What the checks have found.

use serde::Serialize;

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Pass,
    Fail,
    /// There was nothing to check.
    Skip,
}

impl Verdict {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Skip => "SKIP",
        }
    }
}

/// What was seen, what that means, and why.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub seen: String,
    pub verdict: Verdict,
    pub why: String,
}

impl Finding {
    pub(super) fn pass(seen: impl Into<String>) -> Self {
        Self { seen: seen.into(), verdict: Verdict::Pass, why: String::new() }
    }

    pub(super) fn fail(seen: impl Into<String>, why: impl Into<String>) -> Self {
        Self { seen: seen.into(), verdict: Verdict::Fail, why: why.into() }
    }

    pub(super) fn skip(seen: impl Into<String>, why: impl Into<String>) -> Self {
        Self { seen: seen.into(), verdict: Verdict::Skip, why: why.into() }
    }
}

/// A check and its finding.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    pub check: String,
    #[serde(flatten)]
    pub finding: Finding,
}

/// All checks of one endpoint, in the order in which they make sense.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub url: String,
    pub checks: Vec<Check>,
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl Report {
    pub(super) fn new(url: String) -> Self {
        Self { url, checks: Vec::new(), passed: 0, failed: 0, skipped: 0 }
    }

    pub(super) fn add(&mut self, check: impl Into<String>, finding: Finding) {
        match finding.verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::Fail => self.failed += 1,
            Verdict::Skip => self.skipped += 1,
        }
        self.checks.push(Check { check: check.into(), finding });
    }
}
