//! What is dangerous in a migration, as squawk sees it.

use serde::Serialize;
use squawk_linter::{Linter, Rule};
use squawk_syntax::SourceFile;

use crate::Migration;

/// Rules that say what the migrator sees to itself (time-outs, transactions, repairs of what was half done), that the schema comes from
/// `search_path`, or that are a matter of taste.
const SEEN_TO: [Rule; 6] = [
    Rule::PreferRobustStmts,
    Rule::RequireTimeoutSettings,
    Rule::RequireLockTimeout,
    Rule::RequireStatementTimeout,
    Rule::RequireTableSchema,
    Rule::UnusedIgnore,
];

/// Something that the linter found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's name; `syntax` for what is no SQL.
    pub rule: String,
    /// The line in the file, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do instead.
    pub help: Option<String>,
}

impl Migration {
    /// Lints what applies it.
    pub fn lint(&self) -> Vec<Finding> {
        let sql = &self.up.sql;
        let parsed = SourceFile::parse(sql);
        let line = |offset: usize| {
            self.up.lines_before + 1 + sql.bytes().take(offset).filter(|byte| *byte == b'\n').count()
        };
        let mut findings: Vec<Finding> = parsed
            .errors()
            .iter()
            .map(|error| Finding {
                rule: "syntax".to_owned(),
                line: line(error.range().start().into()),
                message: error.message().to_owned(),
                help: None,
            })
            .collect();
        let mut linter = Linter::with_rules(&[], &SEEN_TO);
        linter.settings.assume_in_transaction = self.transactional;
        findings.extend(linter.lint(&parsed, sql).into_iter().map(|violation| Finding {
            rule: violation.code.to_string(),
            line: line(violation.text_range.start().into()),
            message: violation.message,
            help: violation.help,
        }));
        findings.sort_by_key(|finding| finding.line);
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dangerous_is_found() {
        for (sql, rule) in [
            ("CREATE INDEX i ON a (b);", Some("require-concurrent-index-creation")),
            ("ALTER TABLE a ALTER COLUMN b TYPE bigint;", Some("changing-column-type")),
            ("ALTER TABLE a DROP COLUMN b;", Some("ban-drop-column")),
            ("CREATE TABLE a (b bigint NOT NULL", Some("syntax")),
            ("CREATE TABLE a (b bigint NOT NULL);", None),
        ] {
            let findings = Migration::parse("001_a.sql", sql).unwrap().lint();
            match rule {
                Some(rule) => assert!(
                    findings.iter().any(|found| found.rule == rule && found.line == 1),
                    "{findings:?}"
                ),
                None => assert_eq!(findings, []),
            }
        }
    }
}
