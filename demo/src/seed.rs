//! The schemas, and what empty tables are filled with.

use std::time::Instant;

use anyhow::Result;
use migrations::{Endpoint, Event, Migrator, Observer, Options, Source, Target, connect};

/// An arbitrary number that services starting at the same time agree on.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7305)";

/// A schema and its first content.
#[derive(Debug, Clone, Copy)]
pub struct Seed {
    target: Target,
    /// The migrations up to here make the tables, those above it the indexes: a table is filled faster without.
    tables: u32,
    table: &'static str,
    sql: &'static str,
}

/// The items of the workspace.
pub const ITEMS: Seed = Seed {
    target: Target::Workspace,
    tables: 2,
    table: "workspace.workspace_items",
    sql: include_str!("seed/items.sql"),
};

/// The signals of tp-capital.
pub const SIGNALS: Seed = Seed {
    target: Target::TpCapital,
    tables: 1,
    table: "tp_capital.tp_capital_signals",
    sql: include_str!("seed/signals.sql"),
};

impl Seed {
    /// Brings the schema up to date and, if its table is empty, generates so many rows: the same ones every time. The URL leads to the
    /// database directly.
    pub async fn prepare(self, url: &str, rows: u32, with_indexes: bool) -> Result<()> {
        let start = Instant::now();
        let endpoint = Endpoint { url: url.to_owned(), tls_ca_file: String::new() };
        let series = Source::BuiltIn.read(self.target)?;
        let tell = Observer::new(|event| {
            if let Event::Applied { migration, took } = event {
                tracing::debug!(migration, took_ms = took.as_millis(), "migration applied");
            }
        });
        let migrator = Migrator::connect(&endpoint, self.target, series, Options::default(), tell).await?;
        migrator.up(Some(self.tables)).await?;
        let filled = self.fill(&endpoint, rows).await?;
        if with_indexes {
            migrator.up(None).await?;
        }
        let seconds = start.elapsed().as_secs_f64();
        tracing::info!(
            table = self.table,
            rows = if filled { rows } else { 0 },
            seconds,
            "the database is ready"
        );
        Ok(())
    }

    /// Fills an empty table; whether it was empty.
    async fn fill(self, endpoint: &Endpoint, rows: u32) -> Result<bool> {
        let Seed { table, sql, .. } = self;
        let mut client = connect(endpoint, "slipstream-demo").await?;
        let transaction = client.transaction().await?;
        transaction.batch_execute(LOCK).await?;
        let row = transaction.query_one(&format!("SELECT EXISTS (SELECT FROM {table})"), &[]).await?;
        let filled: bool = row.try_get(0)?;
        if filled || rows == 0 {
            transaction.commit().await?;
            return Ok(false);
        }
        transaction.execute(sql, &[&i64::from(rows)]).await?;
        let sequence = format!("SELECT setval(pg_get_serial_sequence('{table}', 'id'), $1)");
        transaction.query_one(&sequence, &[&i64::from(rows)]).await?;
        transaction.commit().await?;
        // Not in a transaction: it lets counts be answered from the index alone.
        client.batch_execute(&format!("VACUUM ANALYZE {table}")).await?;
        Ok(true)
    }
}
