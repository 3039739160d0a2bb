//! The table `schema_version`: what ran, when, by whom, and how it went.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::{Error, Migration, Target};

/// How a migration went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It began, and nobody knows how it ended.
    Running,
    /// It is applied.
    Applied,
    /// It was there before: recorded without being run.
    Baseline,
    /// It failed.
    Failed,
    /// Taking it back began, and nobody knows how that ended.
    Reverting,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Running, Self::Applied, Self::Baseline, Self::Failed, Self::Reverting];

    /// Its name in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Applied => "applied",
            Self::Baseline => "baseline",
            Self::Failed => "failed",
            Self::Reverting => "reverting",
        }
    }

    /// Whether the database has what the migration makes.
    pub fn is_applied(self) -> bool {
        matches!(self, Self::Applied | Self::Baseline)
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The migration's number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// What it was when it ran.
    pub checksum: String,
    /// How it went.
    pub outcome: Outcome,
    /// Why it failed.
    pub detail: Option<String>,
    /// Who ran it: role, and address of the client.
    pub applied_by: String,
    /// When it began, in seconds since 1970.
    pub started_at: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
}

/// The table of a target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ledger {
    target: Target,
}

impl Ledger {
    pub(crate) fn new(target: Target) -> Self {
        Self { target }
    }

    fn table(self) -> String {
        format!("{}.schema_version", self.target.schema())
    }

    /// Makes the table, and the schema it is in. Whoever does must hold the lock.
    pub(crate) async fn create(self, client: &Client) -> Result<(), Error> {
        let (schema, table) = (self.target.schema(), self.table());
        let names = Outcome::ALL.map(|outcome| format!("'{}'", outcome.as_str())).join(", ");
        client
            .batch_execute(&format!(
                "CREATE SCHEMA IF NOT EXISTS {schema};
                 CREATE TABLE IF NOT EXISTS {table} (
                     version integer PRIMARY KEY,
                     name text NOT NULL,
                     checksum text NOT NULL,
                     outcome text NOT NULL CHECK (outcome IN ({names})),
                     detail text,
                     applied_by text NOT NULL DEFAULT session_user || coalesce('@' || host(inet_client_addr()), ''),
                     started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
                     duration_ms bigint
                 )"
            ))
            .await
            .map_err(|error| Error::database(&format!("making {table}"), &error))
    }

    /// All rows by number; none where there is no table.
    pub(crate) async fn read(self, client: &Client) -> Result<Vec<Entry>, Error> {
        let table = self.table();
        let doing = format!("reading {table}");
        let read = |error: tokio_postgres::Error| Error::database(&doing, &error);
        let there: bool = client
            .query_one("SELECT to_regclass($1) IS NOT NULL", &[&table])
            .await
            .and_then(|row| row.try_get(0))
            .map_err(read)?;
        if !there {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT version, name, checksum, outcome, detail, applied_by, started_at, duration_ms FROM {table} ORDER BY version"
        );
        let rows = client.query(&sql, &[]).await.map_err(|error| match error.code() {
            Some(code) if *code == SqlState::UNDEFINED_COLUMN => Error::refused(format!(
                "{table} is another tool's: rename it, and record what is there with `slipstream migrate baseline {}`",
                self.target
            )),
            _ => read(error),
        })?;
        rows.iter().map(|row| entry(row).map_err(read)).collect()
    }

    /// Records a migration that ran or runs. Begins its time anew if it is `running`.
    pub(crate) async fn record(
        self,
        client: &Client,
        migration: &Migration,
        outcome: Outcome,
        took: Option<Duration>,
        detail: Option<&str>,
    ) -> Result<(), tokio_postgres::Error> {
        let number = i32::try_from(migration.number).unwrap_or(i32::MAX);
        let took = took.map(|took| i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
        let sql = format!(
            "INSERT INTO {table} AS own (version, name, checksum, outcome, detail, duration_ms, started_at)
             VALUES ($1, $2, $3, $4, $5, $6::bigint, clock_timestamp() - coalesce($6::bigint, 0) * interval '1 ms')
             ON CONFLICT (version) DO UPDATE SET name = excluded.name, checksum = excluded.checksum,
                 outcome = excluded.outcome, detail = excluded.detail, duration_ms = excluded.duration_ms,
                 applied_by = DEFAULT, started_at = excluded.started_at",
            table = self.table()
        );
        client
            .execute(
                &sql,
                &[&number, &migration.name, &migration.checksum, &outcome.as_str(), &detail, &took],
            )
            .await
            .map(drop)
    }

    /// Forgets a migration.
    pub(crate) async fn forget(self, client: &Client, number: u32) -> Result<(), tokio_postgres::Error> {
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        client
            .execute(&format!("DELETE FROM {} WHERE version = $1", self.table()), &[&number])
            .await
            .map(drop)
    }
}

fn entry(row: &tokio_postgres::Row) -> Result<Entry, tokio_postgres::Error> {
    let outcome: String = row.try_get(3)?;
    let started: SystemTime = row.try_get(6)?;
    Ok(Entry {
        number: u32::try_from(row.try_get::<_, i32>(0)?).unwrap_or(0),
        name: row.try_get(1)?,
        checksum: row.try_get(2)?,
        // The table's own check keeps others out; what is not known is not taken for applied.
        outcome: Outcome::ALL.into_iter().find(|known| known.as_str() == outcome).unwrap_or(Outcome::Failed),
        detail: row.try_get(4)?,
        applied_by: row.try_get(5)?,
        started_at: started.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        duration_ms: row.try_get::<_, Option<i64>>(7)?.and_then(|took| u64::try_from(took).ok()),
    })
}
