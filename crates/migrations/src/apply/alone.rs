//! Migrations that are one statement outside of a transaction, above all indexes that are built while others read and write.
//!
//! The row in `schema_version` says `running` before the statement and `applied` after it. So a crash leaves one of three
//! things: no index (it is built), an invalid one (it is dropped and built), or a valid one (it is recorded).

use std::time::Instant;

use super::Retry;
use crate::index::{self, Validity};
use crate::ledger::Outcome;
use crate::progress::Progress;
use crate::{Error, Event, Migration, Migrator, Statement};

/// How often an index is built anew that came out invalid although nothing failed.
const MOST_BUILDS: u32 = 3;

impl Migrator {
    pub(super) async fn apply_alone(&self, migration: &Migration, interrupted: bool) -> Result<(), Error> {
        let Some(statement) = migration.up.statements.first() else { return Ok(()) };
        let index = statement.indexed_table().and_then(|_| index::name_in(&statement.text));
        if let Some(index) = &index {
            match self.validity(index).await? {
                Validity::Valid if interrupted => {
                    self.repairing(migration, format!("the index {index} is built already; recording it"));
                    return self.record_alone(migration, Outcome::Applied, None, None).await;
                }
                Validity::Valid => {
                    return Err(Error::Failed {
                        file: migration.file.clone(),
                        line: None,
                        reason: format!("there is an index {index} that no migration made"),
                        remedy: format!(
                            "If it is the same, record it with `slipstream migrate baseline {} --only {}`; else rename or drop it",
                            self.target, migration.number
                        ),
                    });
                }
                Validity::Invalid | Validity::Absent => {}
            }
        }
        self.record_alone(migration, Outcome::Running, None, None).await?;
        let start = Instant::now();
        self.run_alone(migration, statement, index.as_deref()).await?;
        self.record_alone(migration, Outcome::Applied, Some(start), None).await
    }

    async fn run_alone(
        &self,
        migration: &Migration,
        statement: &Statement,
        index: Option<&str>,
    ) -> Result<(), Error> {
        let mut retry = Retry::new(self.options.lock_patience);
        let mut builds = 0;
        loop {
            if let Some(index) = index {
                self.drop_if_invalid(migration, index).await?;
            }
            match self.execute_alone(migration, statement, index.is_some()).await {
                Ok(()) => {}
                Err(error) if Retry::is_worth_it(&error) => {
                    retry.wait(self, migration).await?;
                    continue;
                }
                Err(error) => {
                    let failure = self.failure(migration, None, &error);
                    if !self.client.is_closed() {
                        self.record_alone(migration, Outcome::Failed, None, Some(&failure.to_string()))
                            .await?;
                        if let Some(index) = index {
                            self.drop_if_invalid(migration, index).await?;
                        }
                    }
                    return Err(failure);
                }
            }
            let Some(index) = index else { return Ok(()) };
            if self.validity(index).await? == Validity::Valid {
                return Ok(());
            }
            builds += 1;
            if builds >= MOST_BUILDS {
                let reason = format!("the index {index} came out invalid {builds} times");
                self.record_alone(migration, Outcome::Failed, None, Some(&reason)).await?;
                let remedy = "Look for sessions that drop or alter it, and run `migrate up` again".to_owned();
                return Err(Error::Failed { file: migration.file.clone(), line: None, reason, remedy });
            }
        }
    }

    async fn execute_alone(
        &self,
        migration: &Migration,
        statement: &Statement,
        builds_index: bool,
    ) -> Result<(), tokio_postgres::Error> {
        let mut text = statement.text.clone();
        if let (true, Some(table)) = (statement.wants_no_transaction(), statement.indexed_table())
            && self.is_hypertable(table).await?
        {
            // A hypertable takes no concurrent build; chunk by chunk, writes to one chunk wait at a time.
            let chunked = statement.without_concurrently(Some("timescaledb.transaction_per_chunk"));
            text = chunked.unwrap_or(text);
        }
        // A concurrent build holds up nobody, so it may wait for long transactions as long as they take.
        let timeout =
            if statement.wants_no_transaction() { 0 } else { self.options.lock_timeout.as_millis() };
        self.client.batch_execute(&format!("SET lock_timeout = {timeout}")).await?;
        let progress = if builds_index { Progress::watch(self, migration).await } else { None };
        let result = self.client.batch_execute(&text).await;
        drop(progress);
        if !self.client.is_closed() {
            self.client.batch_execute("SET lock_timeout = 0").await?;
        }
        result
    }

    async fn is_hypertable(&self, table: &str) -> Result<bool, tokio_postgres::Error> {
        let known = "SELECT to_regclass('timescaledb_information.hypertables') IS NOT NULL";
        if !self.client.query_one(known, &[]).await?.try_get::<_, bool>(0)? {
            return Ok(false);
        }
        let sql = "SELECT EXISTS (SELECT FROM timescaledb_information.hypertables \
                   WHERE hypertable_schema = $1 AND hypertable_name = $2)";
        self.client.query_one(sql, &[&self.target.schema(), &table]).await?.try_get(0)
    }

    pub(crate) async fn validity(&self, index: &str) -> Result<Validity, Error> {
        let validity = index::validity(&self.client, self.target.schema(), index).await;
        validity.map_err(|error| Error::database(&format!("looking at the index {index}"), &error))
    }

    /// Drops what a build that came to no end has left.
    pub(crate) async fn drop_if_invalid(&self, migration: &Migration, index: &str) -> Result<(), Error> {
        if self.validity(index).await? != Validity::Invalid {
            return Ok(());
        }
        self.repairing(migration, format!("dropping the invalid index {index}"));
        let dropped = index::drop(&self.client, self.target.schema(), index).await;
        dropped.map_err(|error| Error::database(&format!("dropping the invalid index {index}"), &error))
    }

    async fn record_alone(
        &self,
        migration: &Migration,
        outcome: Outcome,
        start: Option<Instant>,
        detail: Option<&str>,
    ) -> Result<(), Error> {
        let took = start.map(|start| start.elapsed());
        let recorded = self.ledger.record(&self.client, migration, outcome, took, detail).await;
        recorded.map_err(|error| Error::database(&format!("recording {}", migration.file), &error))
    }

    pub(crate) fn repairing(&self, migration: &Migration, what: String) {
        self.observer.tell(Event::Repairing { migration: migration.label(), what });
    }
}
