//! What came of it, for people and for machines.

use migrations::{Blocks, Check, Difference, Error, IndexReport, Planned, State, Status, Target, Verdict};
use serde_json::{Value, json};

use crate::cli::table::{Table, bytes};

/// What a command has to say about one database.
#[derive(Debug)]
pub(super) struct Answer {
    /// For people.
    pub(super) text: String,
    /// For machines.
    pub(super) json: Value,
    /// Whether all is well: it decides on the exit status.
    pub(super) good: bool,
}

impl Answer {
    pub(super) fn failure(error: &Error) -> Self {
        Self { text: String::new(), json: json!({ "error": error.to_string() }), good: false }
    }
}

/// How a database stands, in one line; of what is behind or wrong, the most urgent.
pub(crate) fn summary(status: &Status) -> String {
    let edited = status.migrations.iter().filter(|own| own.state == State::Edited).count();
    let waiting = status.migrations.iter().filter(|own| matches!(own.state, State::NotInForce(_))).count();
    let mut text = match (edited, status.due()) {
        (0, 0) => format!("current, version {}", status.version()),
        (0, due) => format!("behind, version {}, {due} to apply", status.version()),
        (edited, _) => format!("{edited} edited after they ran, version {}", status.version()),
    };
    if waiting > 0 {
        text += &format!(", {waiting} not in force");
    }
    if !status.unknown.is_empty() {
        text += &format!(", {} applied by a newer version", status.unknown.len());
    }
    text
}

pub(super) fn status(status: &Status) -> Answer {
    let mut table = Table::new(&["NUMBER", "NAME", "STATE", "TOOK", "BY", "WHY"]);
    for own in &status.migrations {
        let (state, why) = state(&own.state);
        let entry = own.entry.as_ref();
        let took = entry.and_then(|entry| entry.duration_ms).map(|took| format!("{took} ms"));
        let by = entry.map(|entry| entry.applied_by.clone());
        table.row([
            format!("{:03}", own.number),
            own.name.clone(),
            state.to_owned(),
            took.unwrap_or_default(),
            by.unwrap_or_default(),
            why.to_owned(),
        ]);
    }
    for entry in &status.unknown {
        let why = "applied by a newer version".to_owned();
        let number = format!("{:03}", entry.number);
        table.row([
            number,
            entry.name.clone(),
            "unknown".to_owned(),
            String::new(),
            entry.applied_by.clone(),
            why,
        ]);
    }
    Answer {
        text: format!("{table}{}: {}\n", status.target, summary(status)),
        json: json!({ "current": status.is_current(), "version": status.version(), "status": status }),
        good: status.is_current(),
    }
}

fn state(state: &State) -> (&'static str, &str) {
    match state {
        State::Applied => ("applied", ""),
        State::Edited => ("edited", "changed after it ran: `migrate repair --accept-edited`, or restore it"),
        State::Pending => ("pending", ""),
        State::Interrupted(why) => ("interrupted", why),
        State::NotInForce(why) => ("not in force", why),
        State::NotChosen(_) => ("not chosen", "its set was not chosen"),
    }
}

pub(super) fn plan(status: &Status, due: &[Planned]) -> Answer {
    let mut text = String::new();
    for planned in due {
        let how = if planned.transactional { "in a transaction" } else { "outside of a transaction" };
        text += &format!("{:03} {} ({how})\n", planned.number, planned.name);
        for (statement, lock) in &planned.locks {
            text += &format!("    {statement} …\n        lock {lock}\n");
        }
        for finding in &planned.findings {
            let help = finding.help.as_ref().map(|help| format!(" {help}")).unwrap_or_default();
            text += &format!("    line {}: {} ({}).{help}\n", finding.line, finding.message, finding.rule);
        }
    }
    for own in &status.migrations {
        match &own.state {
            State::NotInForce(why) => {
                text += &format!("{:03} {} is not in force: {why}\n", own.number, own.name)
            }
            State::Edited => {
                text += &format!("{:03} {} was edited after it ran: `up` will refuse\n", own.number, own.name)
            }
            _ => {}
        }
    }
    let blocking = due.iter().filter(|planned| planned.blocks() > Blocks::Nothing).count();
    let findings: usize = due.iter().map(|planned| planned.findings.len()).sum();
    text += &format!(
        "{}: {} to apply; {blocking} may hold somebody up; {findings} findings of the linter\n",
        status.target,
        due.len()
    );
    let edited = status.migrations.iter().any(|own| own.state == State::Edited);
    Answer { text, json: Value::Null, good: !edited }
}

pub(super) fn up(applied: &[u32], status: &Status) -> Answer {
    let text = format!("{}: {} applied; {}\n", status.target, applied.len(), summary(status));
    Answer {
        text,
        json: json!({ "applied": applied, "version": status.version(), "status": status }),
        good: true,
    }
}

pub(super) fn list(target: Target, what: &str, items: &[String]) -> Answer {
    let mut text: String = items.iter().map(|item| format!("{item}\n")).collect();
    text += &format!("{target}: {} {what}\n", items.len());
    Answer { text, json: json!({ what.replace(' ', "_"): items }), good: true }
}

pub(super) fn checks(target: Target, checks: &[Check]) -> Answer {
    let mut table = Table::new(&["INDEX OR MIGRATION", "RESULT", "TOOK", "WHY"]);
    let count = |verdict| checks.iter().filter(|check| check.verdict == verdict).count();
    for check in checks {
        let verdict = match check.verdict {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::Covered => "COVERED",
            Verdict::Unjudged => "UNJUDGED",
        };
        let took = check.took_ms.map(|took| format!("{took:.2} ms")).unwrap_or_default();
        table.row([check.what.clone(), verdict.to_owned(), took, check.why.clone()]);
    }
    let failed = count(Verdict::Fail);
    let text = format!(
        "{table}{target}: {} passed, {failed} failed, {} covered by others, {} not judged\n",
        count(Verdict::Pass),
        count(Verdict::Covered),
        count(Verdict::Unjudged)
    );
    Answer { text, json: json!({ "failed": failed, "checks": checks }), good: failed == 0 }
}

pub(super) fn drift(target: Target, differences: &[Difference]) -> Answer {
    let mut text = String::new();
    for own in differences {
        text += &match (&own.expected, &own.found) {
            (Some(expected), None) => format!("{} {} is missing: {expected}\n", own.kind, own.name),
            (None, Some(found)) => {
                format!("{} {} is there, but no migration makes it: {found}\n", own.kind, own.name)
            }
            (expected, found) => format!(
                "{} {} differs:\n    expected {}\n    found    {}\n",
                own.kind,
                own.name,
                expected.as_deref().unwrap_or_default(),
                found.as_deref().unwrap_or_default()
            ),
        };
    }
    let verdict = match differences.len() {
        0 => "the schema is what the migrations make".to_owned(),
        count => format!("{count} differences from what the migrations make"),
    };
    Answer {
        text: format!("{text}{target}: {verdict}\n"),
        json: json!({ "differences": differences }),
        good: differences.is_empty(),
    }
}

pub(super) fn report(target: Target, indexes: &[IndexReport]) -> Answer {
    let mut table = Table::new(&["INDEX", "TABLE", "SIZE", "USED", "WRITE", "WAL", "COULD GO"]);
    for own in indexes {
        let (write, wal) = own.write_cost.map_or((String::new(), String::new()), |cost| {
            (format!("+{:.1} µs/row", cost.micros_per_row), format!("+{:.0} B/row", cost.wal_bytes_per_row))
        });
        table.row([
            own.index.clone(),
            own.table.clone(),
            bytes(own.bytes),
            own.scans.to_string(),
            write,
            wal,
            own.could_go.clone().unwrap_or_default(),
        ]);
    }
    let size: u64 = indexes.iter().map(|own| own.bytes).sum();
    let could_go: u64 = indexes.iter().filter(|own| own.could_go.is_some()).map(|own| own.bytes).sum();
    let text = format!(
        "{table}{target}: {} indexes, {}; {} could go\n",
        indexes.len(),
        bytes(size),
        bytes(could_go)
    );
    Answer { text, json: json!({ "indexes": indexes }), good: true }
}
