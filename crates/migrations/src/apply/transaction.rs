//! Migrations that run in a transaction, with their row in `schema_version`: all of it or nothing.

use std::time::Instant;

use super::Retry;
use crate::ledger::Outcome;
use crate::{Error, Migration, Migrator, Part};

impl Migrator {
    pub(super) async fn apply_in_transaction(&self, migration: &Migration) -> Result<(), Error> {
        let mut retry = Retry::new(self.options.lock_patience);
        loop {
            match self.try_in_transaction(migration, &migration.up, true).await {
                Ok(()) => return Ok(()),
                Err(error) if Retry::is_worth_it(&error) => {
                    self.roll_back().await?;
                    retry.wait(self, migration).await?;
                }
                Err(error) => {
                    let line = line(&migration.up, &error);
                    let failure = self.failure(migration, line, &error);
                    // A connection that is gone has rolled back already; the ledger cannot be told then.
                    if self.roll_back().await.is_ok() {
                        let detail = failure.to_string();
                        let record =
                            self.ledger.record(&self.client, migration, Outcome::Failed, None, Some(&detail));
                        record.await.map_err(|error| Error::database("recording the failure", &error))?;
                    }
                    return Err(failure);
                }
            }
        }
    }

    /// Runs one direction, and records it or forgets it.
    pub(crate) async fn try_in_transaction(
        &self,
        migration: &Migration,
        part: &Part,
        up: bool,
    ) -> Result<(), tokio_postgres::Error> {
        let start = Instant::now();
        let timeout = self.options.lock_timeout.as_millis();
        self.client.batch_execute(&format!("BEGIN; SET LOCAL lock_timeout = {timeout}")).await?;
        self.client.batch_execute(&part.sql).await?;
        if up {
            self.ledger
                .record(&self.client, migration, Outcome::Applied, Some(start.elapsed()), None)
                .await?;
        } else {
            self.ledger.forget(&self.client, migration.number).await?;
        }
        self.client.batch_execute("COMMIT").await
    }

    pub(crate) async fn roll_back(&self) -> Result<(), Error> {
        let rolled = self.client.batch_execute("ROLLBACK").await;
        rolled.map_err(|error| Error::database("rolling back", &error))
    }
}

/// The line of the file that the server means.
pub(crate) fn line(part: &Part, error: &tokio_postgres::Error) -> Option<usize> {
    use tokio_postgres::error::ErrorPosition;
    match error.as_db_error()?.position()? {
        ErrorPosition::Original(position) => Some(part.line_of(*position)),
        ErrorPosition::Internal { .. } => None,
    }
}
