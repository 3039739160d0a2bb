//! What indexes cost inserts and updates, in time and in write-ahead log.

use std::time::Instant;

use anyhow::{Context, Result};
use migrations::{Source, Target};
use tokio_postgres::Client;

/// The GIN indexes of the items.
pub const GIN: [&str; 3] = ["workspace_items_tags", "workspace_items_metadata", "workspace_items_search"];
/// How often each write is done; the least counts.
const ROUNDS: usize = 3;

/// What a write took.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Milliseconds.
    pub ms: f64,
    /// Bytes of write-ahead log.
    pub wal: f64,
}

/// What writes took with some indexes.
#[derive(Debug, Clone)]
pub struct Written {
    /// Which indexes.
    pub name: String,
    /// Of new rows.
    pub insert: Cost,
    /// Of a changed status.
    pub update: Cost,
}

/// Writes so many rows in a transaction that is rolled back. Of these GIN indexes, what is put off counts, too.
pub async fn measure(client: &Client, name: &str, rows: u32, gin: &[&str]) -> Result<Written> {
    let insert = format!(
        "INSERT INTO workspace.workspace_items (title, description, category, status, priority, tags, metadata, assignee, due_at, created_at, updated_at)
         SELECT title, description, category, status, priority, tags, metadata, assignee, due_at, created_at, updated_at
         FROM workspace.workspace_items WHERE id <= {rows}"
    );
    let update = format!(
        "UPDATE workspace.workspace_items SET status = 'review', updated_at = clock_timestamp() WHERE id BETWEEN {rows} AND {}",
        2 * rows
    );
    let mut costs = Vec::new();
    for sql in [insert, update] {
        let mut least: Option<Cost> = None;
        for _ in 0..ROUNDS {
            client.batch_execute("BEGIN").await?;
            let before: String =
                client.query_one("SELECT pg_current_wal_insert_lsn()::text", &[]).await?.try_get(0)?;
            let start = Instant::now();
            client.batch_execute(&sql).await?;
            for index in gin {
                client.batch_execute(&format!("SELECT gin_clean_pending_list('workspace.{index}')")).await?;
            }
            let ms = start.elapsed().as_secs_f64() * 1e3;
            let wal = format!("SELECT (pg_current_wal_insert_lsn() - '{before}'::pg_lsn)::float8");
            let wal = client.query_one(&wal, &[]).await?.try_get(0)?;
            client.batch_execute("ROLLBACK").await?;
            if least.is_none_or(|least| ms < least.ms) {
                least = Some(Cost { ms, wal });
            }
        }
        // What was rolled back must not be in the next one's way.
        client.batch_execute("VACUUM workspace.workspace_items").await?;
        costs.push(least.context("no round")?);
    }
    Ok(Written { name: name.to_owned(), insert: costs[0], update: costs[1] })
}

/// The same with this index alone, which is made for it and dropped again.
pub async fn with_one(client: &Client, index: &str, rows: u32) -> Result<Written> {
    let series = Source::BuiltIn.read(Target::Workspace)?;
    let mut migrations = series.migrations().iter();
    let makes = |own: &&migrations::Migration| own.evidence.as_ref().is_some_and(|own| own.index == index);
    let migration = migrations.find(makes).with_context(|| format!("no migration makes {index}"))?;
    client.batch_execute("SET search_path TO workspace").await?;
    client.batch_execute(&migration.up.statements[0].text).await?;
    client.batch_execute("RESET search_path").await?;
    let written = measure(client, &format!("primary key and {index}"), rows, &[index]).await;
    client.batch_execute(&format!("DROP INDEX workspace.{index}")).await?;
    written
}
