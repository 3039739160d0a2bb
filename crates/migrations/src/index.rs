//! Indexes as the server has them.

use squawk_syntax::SourceFile;
use squawk_syntax::ast::{self, AstNode};
use tokio_postgres::Client;

/// Whether an index can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    /// There is none.
    Absent,
    /// It is whole.
    Valid,
    /// It is what a build or a drop that came to no end has left.
    Invalid,
}

/// The name in a `CREATE INDEX`, without schema.
pub(crate) fn name_in(statement: &str) -> Option<String> {
    match SourceFile::parse(statement).tree().stmts().next()? {
        ast::Stmt::CreateIndex(index) => {
            let name = index.index()?.syntax().text().to_string();
            Some(name.trim().rsplit('.').next()?.trim_matches('"').to_owned())
        }
        _ => None,
    }
}

pub(crate) async fn validity(
    client: &Client,
    schema: &str,
    index: &str,
) -> Result<Validity, tokio_postgres::Error> {
    let row = client
        .query_opt(
            "SELECT i.indisvalid AND i.indisready AND i.indislive
             FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
             WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND c.relname = $2",
            &[&schema, &index],
        )
        .await?;
    Ok(match row.map(|row| row.try_get(0)).transpose()? {
        None => Validity::Absent,
        Some(true) => Validity::Valid,
        Some(false) => Validity::Invalid,
    })
}

/// The names of all invalid indexes in a schema.
pub(crate) async fn invalid(client: &Client, schema: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let rows = client
        .query(
            "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
             JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND NOT (i.indisvalid AND i.indisready AND i.indislive) ORDER BY 1",
            &[&schema],
        )
        .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Drops an index while others read and write.
pub(crate) async fn drop(client: &Client, schema: &str, index: &str) -> Result<(), tokio_postgres::Error> {
    let index = index.replace('"', "\"\"");
    client.batch_execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {schema}.\"{index}\"")).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_has_a_name() {
        for (sql, name) in [
            ("CREATE INDEX CONCURRENTLY items_newest ON items (a)", Some("items_newest")),
            ("CREATE UNIQUE INDEX IF NOT EXISTS \"Odd\" ON items (a)", Some("Odd")),
            ("CREATE INDEX ON items (a)", None),
            ("DROP INDEX a", None),
        ] {
            assert_eq!(name_in(sql).as_deref(), name, "{sql}");
        }
    }
}
