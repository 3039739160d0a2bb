//! What the statements of a migration are, and whom they hold up.

use std::fmt;

use serde::Serialize;
use squawk_syntax::SourceFile;
use squawk_syntax::ast::{self, AstNode};

/// A statement, and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its text, without the semicolon.
    pub text: String,
    kind: Kind,
}

/// What a statement does, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    CreateIndex {
        concurrently: bool,
        table: String,
    },
    DropIndex {
        concurrently: bool,
    },
    EndsTransaction,
    /// Reindexing and the like, `CONCURRENTLY`, and `VACUUM`.
    Concurrent,
    /// Makes something that nobody knows yet.
    New {
        table: Option<String>,
    },
    AlterTable {
        table: String,
    },
    AlterIndex,
    CreateTrigger,
    Analyse,
    Rows,
    Drops {
        data: bool,
    },
    Other,
}

/// Whom a lock holds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blocks {
    /// Neither reads nor writes.
    Nothing,
    /// Writes.
    Writes,
    /// Reads and writes.
    ReadsAndWrites,
    /// Whatever the statement chooses.
    Unknown,
}

/// A lock that a statement takes on what others use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lock {
    /// PostgreSQL's name for it; empty: none.
    pub mode: &'static str,
    /// Whom it holds up.
    pub blocks: Blocks,
}

impl Lock {
    const NONE: Self = Self { mode: "", blocks: Blocks::Nothing };
    const SHARED_UPDATE: Self = Self { mode: "SHARE UPDATE EXCLUSIVE", blocks: Blocks::Nothing };
    const ROWS: Self = Self { mode: "ROW EXCLUSIVE", blocks: Blocks::Nothing };
    const SHARED: Self = Self { mode: "SHARE", blocks: Blocks::Writes };
    const SHARED_ROWS: Self = Self { mode: "SHARE ROW EXCLUSIVE", blocks: Blocks::Writes };
    const EXCLUSIVE: Self = Self { mode: "ACCESS EXCLUSIVE", blocks: Blocks::ReadsAndWrites };
    const UNKNOWN: Self = Self { mode: "", blocks: Blocks::Unknown };
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.mode, self.blocks) {
            (_, Blocks::Unknown) => f.write_str("cannot tell"),
            ("", _) => f.write_str("none"),
            (mode, Blocks::Nothing) => write!(f, "{mode}: holds up neither reads nor writes"),
            (mode, Blocks::Writes) => write!(f, "{mode}: holds up writes"),
            (mode, _) => write!(f, "{mode}: holds up reads and writes"),
        }
    }
}

impl Statement {
    /// The lock it takes, given what the same migration has made before.
    pub(crate) fn lock(&self, made: &[String]) -> Lock {
        let is_new = |table: &str| made.iter().any(|own| own == table);
        match &self.kind {
            Kind::New { .. } | Kind::EndsTransaction => Lock::NONE,
            Kind::CreateIndex { table, .. } | Kind::AlterTable { table } if is_new(table) => Lock::NONE,
            Kind::CreateIndex { concurrently: false, .. } => Lock::SHARED,
            Kind::CreateIndex { .. } | Kind::DropIndex { concurrently: true } => Lock::SHARED_UPDATE,
            Kind::Concurrent | Kind::AlterIndex | Kind::Analyse => Lock::SHARED_UPDATE,
            Kind::CreateTrigger => Lock::SHARED_ROWS,
            Kind::Rows => Lock::ROWS,
            Kind::DropIndex { .. } | Kind::AlterTable { .. } | Kind::Drops { .. } => Lock::EXCLUSIVE,
            Kind::Other => Lock::UNKNOWN,
        }
    }

    /// The table that it makes.
    pub(crate) fn made_table(&self) -> Option<&str> {
        match &self.kind {
            Kind::New { table } => table.as_deref(),
            _ => None,
        }
    }

    /// The table whose index it makes.
    pub(crate) fn indexed_table(&self) -> Option<&str> {
        match &self.kind {
            Kind::CreateIndex { table, .. } => Some(table),
            _ => None,
        }
    }

    pub(crate) fn ends_transaction(&self) -> bool {
        self.kind == Kind::EndsTransaction
    }

    pub(crate) fn wants_no_transaction(&self) -> bool {
        matches!(
            self.kind,
            Kind::CreateIndex { concurrently: true, .. }
                | Kind::DropIndex { concurrently: true }
                | Kind::Concurrent
        )
    }

    /// Whether rows are lost with it.
    pub(crate) fn loses_data(&self) -> bool {
        self.kind == Kind::Drops { data: true }
    }

    /// Its beginning, to recognise it by.
    pub fn first_words(&self) -> String {
        let words: Vec<&str> = self.text.split_whitespace().take(6).collect();
        words.join(" ")
    }

    /// The same `CREATE INDEX` for a table whose indexes cannot be built concurrently, with this option instead; or without any.
    pub(crate) fn without_concurrently(&self, option: Option<&str>) -> Option<String> {
        let tree = SourceFile::parse(&self.text).tree();
        let Some(ast::Stmt::CreateIndex(index)) = tree.stmts().next() else { return None };
        let mut text = self.text.clone();
        if let Some(option) = option {
            // What comes from behind first, so that the places before it stay right.
            if let Some(params) = index.with_params() {
                let start = usize::from(params.syntax().text_range().start());
                let open = params.syntax().text().find_char('(')?;
                text.insert_str(start + usize::from(open) + 1, &format!("{option}, "));
            } else {
                let end = text.trim_end().len();
                let place = index
                    .where_clause()
                    .map_or(end, |clause| usize::from(clause.syntax().text_range().start()).min(end));
                text.insert_str(place, &format!(" WITH ({option}) "));
            }
        }
        let token = index.concurrently_token()?;
        text.replace_range(std::ops::Range::<usize>::from(token.text_range()), "");
        Some(text)
    }
}

/// The statements of a text, as far as they can be read: whether it is right SQL, the server judges.
pub(crate) fn read(sql: &str) -> Vec<Statement> {
    let tree = SourceFile::parse(sql).tree();
    tree.stmts()
        .map(|statement| {
            let text = statement.syntax().text().to_string();
            let text = text.trim().trim_end_matches(';').trim_end().to_owned();
            Statement { kind: kind(&statement, &text), text }
        })
        .filter(|statement| !statement.text.is_empty())
        .collect()
}

fn kind(statement: &ast::Stmt, text: &str) -> Kind {
    use ast::Stmt;
    let has_word = |word: &str| text.split_whitespace().any(|own| own.eq_ignore_ascii_case(word));
    let words = |count: usize| {
        text.split_whitespace().take(count).map(str::to_ascii_uppercase).collect::<Vec<_>>().join(" ")
    };
    match statement {
        Stmt::CreateIndex(index) => Kind::CreateIndex {
            concurrently: index.concurrently_token().is_some(),
            table: index.table_relation_name().map(|name| name_of(name.syntax())).unwrap_or_default(),
        },
        Stmt::DropIndex(_) => Kind::DropIndex { concurrently: has_word("concurrently") },
        Stmt::Begin(_) | Stmt::Commit(_) | Stmt::Rollback(_) => Kind::EndsTransaction,
        Stmt::Reindex(_) if has_word("concurrently") => Kind::Concurrent,
        Stmt::Vacuum(_) => Kind::Concurrent,
        Stmt::CreateTable(_) | Stmt::CreateTableAs(_) => Kind::New { table: made_table(text) },
        Stmt::AlterTable(_) => Kind::AlterTable { table: altered_table(text) },
        Stmt::AlterIndex(_) => Kind::AlterIndex,
        Stmt::CreateTrigger(_) => Kind::CreateTrigger,
        Stmt::Analyze(_) => Kind::Analyse,
        Stmt::Insert(_) | Stmt::Update(_) | Stmt::Delete(_) => Kind::Rows,
        Stmt::Truncate(_) => Kind::Drops { data: true },
        _ => match words(2).as_str() {
            "DROP TABLE" | "DROP SCHEMA" | "DROP MATERIALIZED" => Kind::Drops { data: true },
            words if words.starts_with("DROP ") => Kind::Drops { data: false },
            words if words.starts_with("CREATE ") || words.starts_with("COMMENT ") => {
                Kind::New { table: None }
            }
            _ => Kind::Other,
        },
    }
}

fn name_of(node: &squawk_syntax::SyntaxNode) -> String {
    node.text().to_string().trim().replace('"', "")
}

/// The word after `TABLE`, past `IF NOT EXISTS` and `ONLY`.
fn table_word(text: &str) -> Option<&str> {
    let mut words =
        text.split(|char: char| char.is_whitespace() || char == '(').filter(|word| !word.is_empty());
    words.find(|word| word.eq_ignore_ascii_case("table"))?;
    words.find(|word| !["if", "not", "exists", "only"].iter().any(|skip| word.eq_ignore_ascii_case(skip)))
}

fn made_table(text: &str) -> Option<String> {
    table_word(text).map(|word| word.replace('"', ""))
}

fn altered_table(text: &str) -> String {
    made_table(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_apart() {
        for (sql, mode, blocks) in [
            ("CREATE TABLE IF NOT EXISTS a (b int);", "", Blocks::Nothing),
            ("CREATE INDEX CONCURRENTLY i ON a (b)", "SHARE UPDATE EXCLUSIVE", Blocks::Nothing),
            ("CREATE INDEX i ON a (b)", "SHARE", Blocks::Writes),
            ("DROP INDEX i", "ACCESS EXCLUSIVE", Blocks::ReadsAndWrites),
            ("DROP INDEX CONCURRENTLY IF EXISTS i", "SHARE UPDATE EXCLUSIVE", Blocks::Nothing),
            ("ALTER TABLE a ADD COLUMN c int", "ACCESS EXCLUSIVE", Blocks::ReadsAndWrites),
            ("ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 2000", "SHARE UPDATE EXCLUSIVE", Blocks::Nothing),
            ("ANALYZE a", "SHARE UPDATE EXCLUSIVE", Blocks::Nothing),
            ("DROP TABLE a", "ACCESS EXCLUSIVE", Blocks::ReadsAndWrites),
            ("UPDATE a SET b = 1", "ROW EXCLUSIVE", Blocks::Nothing),
            (
                "CREATE TRIGGER t BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION f()",
                "SHARE ROW EXCLUSIVE",
                Blocks::Writes,
            ),
            ("SELECT create_hypertable('a', 'ts')", "", Blocks::Unknown),
        ] {
            let statements = read(sql);
            let lock = statements[0].lock(&[]);
            assert_eq!(
                (statements.len(), lock.mode, lock.blocks),
                (1, mode, blocks),
                "{sql}: {statements:?}"
            );
        }
        let made = read("CREATE TABLE a (b int); CREATE INDEX i ON a (b); ALTER TABLE a ADD c int;");
        assert!(made.iter().all(|statement| statement.lock(&["a".to_owned()]).mode.is_empty()), "{made:?}");
        assert_eq!(made.iter().find_map(Statement::made_table), Some("a"));
    }

    #[test]
    fn a_semicolon_in_a_text_ends_nothing() {
        assert_eq!(read("DO $$ BEGIN PERFORM 1; END $$; SELECT ';'; -- ;\n").len(), 2);
    }

    #[test]
    fn an_index_is_made_without_concurrently() {
        let rewrite = |sql: &str, option| {
            let text = read(sql)[0].without_concurrently(option).unwrap();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let partial = "CREATE INDEX CONCURRENTLY i ON a USING gin (b) WHERE c > 1";
        assert_eq!(rewrite(partial, None), "CREATE INDEX i ON a USING gin (b) WHERE c > 1");
        assert_eq!(
            rewrite(partial, Some("timescaledb.transaction_per_chunk")),
            "CREATE INDEX i ON a USING gin (b) WITH (timescaledb.transaction_per_chunk) WHERE c > 1"
        );
        assert_eq!(
            rewrite("CREATE INDEX CONCURRENTLY i ON a (b);", Some("x")),
            "CREATE INDEX i ON a (b) WITH (x)"
        );
        assert_eq!(
            rewrite("CREATE INDEX CONCURRENTLY i ON a USING gin (b) WITH (y = 1) WHERE c > 1", Some("x")),
            "CREATE INDEX i ON a USING gin (b) WITH (x, y = 1) WHERE c > 1"
        );
    }
}
