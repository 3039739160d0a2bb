//! `up`: applies what is due.

mod alone;
mod transaction;

pub(crate) use transaction::line;

use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;

use crate::error::said;
use crate::{Error, Event, Migration, Migrator, State};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Migrator {
    /// Applies what is due, up to this number if there is one; the numbers of what was applied. Whatever a crash has left half done
    /// is repaired first. Nothing is applied if a migration was edited after it ran.
    pub async fn up(&self, to: Option<u32>) -> Result<Vec<u32>, Error> {
        self.lock().await?;
        let result = self.up_locked(to).await;
        self.unlock().await;
        result
    }

    async fn up_locked(&self, to: Option<u32>) -> Result<Vec<u32>, Error> {
        let before = self.status().await?;
        before.refuse_edited(&self.series)?;
        if let Some(to) = to.filter(|to| self.series.get(*to).is_none()) {
            return Err(Error::refused(format!("there is no migration {to} of {}", self.target)));
        }
        let wanted = |number: u32| to.is_none_or(|to| number <= to);
        let mut applied = Vec::new();
        let mut has_ledger = false;
        for condition in before.migrations.iter().filter(|condition| wanted(condition.number)) {
            let Some(migration) = self.series.get(condition.number) else { continue };
            match &condition.state {
                State::Pending | State::Interrupted(_) => {
                    if !has_ledger {
                        self.ledger.create(&self.client).await?;
                        has_ledger = true;
                    }
                    let interrupted = condition.entry.is_some();
                    self.apply(migration, interrupted).await?;
                    applied.push(migration.number);
                }
                State::NotInForce(why) => {
                    self.observer.tell(Event::NotInForce { migration: migration.label(), why: why.clone() });
                }
                State::Applied | State::Edited | State::NotChosen(_) => {}
            }
        }
        Ok(applied)
    }

    async fn apply(&self, migration: &Migration, interrupted: bool) -> Result<(), Error> {
        self.observer.tell(Event::Began { migration: migration.label() });
        let start = Instant::now();
        if migration.transactional {
            self.apply_in_transaction(migration).await?;
        } else {
            self.apply_alone(migration, interrupted).await?;
        }
        self.observer.tell(Event::Applied { migration: migration.label(), took: start.elapsed() });
        Ok(())
    }

    /// What a failed statement of a migration comes to.
    pub(crate) fn failure(
        &self,
        migration: &Migration,
        line: Option<usize>,
        error: &tokio_postgres::Error,
    ) -> Error {
        if error.is_closed() || error.as_db_error().is_none() {
            return Error::ConnectionLost { doing: format!("{} ran", migration.file) };
        }
        let there = [SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_OBJECT, SqlState::DUPLICATE_SCHEMA];
        let remedy = match error.code() {
            Some(code) if there.contains(code) => format!(
                "It is there, but no migration made it: record it with `slipstream migrate baseline {} --to {}`, or rename it",
                self.target, migration.number
            ),
            Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
                "Migrate as the owner of the schema, or grant this role what it lacks".to_owned()
            }
            _ => "It was rolled back, and what came before it stays: correct it and run `migrate up` again"
                .to_owned(),
        };
        Error::Failed { file: migration.file.clone(), line, reason: said(error), remedy }
    }
}

/// Steps back when a lock is not to be had, and says how long.
#[derive(Debug)]
pub(crate) struct Retry {
    start: Instant,
    patience: Duration,
    pause: Duration,
    attempt: u32,
}

impl Retry {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { start: Instant::now(), patience, pause: FIRST_PAUSE, attempt: 0 }
    }

    /// Whether it is worth trying again after this error.
    pub(crate) fn is_worth_it(error: &tokio_postgres::Error) -> bool {
        let passing = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED];
        error.code().is_some_and(|code| passing.contains(code))
    }

    /// Waits; longer each time.
    pub(crate) async fn wait(&mut self, migrator: &Migrator, migration: &Migration) -> Result<(), Error> {
        self.attempt += 1;
        if self.start.elapsed() + self.pause > self.patience {
            return Err(Error::LockTimeout {
                file: migration.file.clone(),
                tried_seconds: self.start.elapsed().as_secs(),
                holders: migrator.long_transactions().await,
            });
        }
        migrator.observer.tell(Event::LockBusy {
            migration: migration.label(),
            attempt: self.attempt,
            pause: self.pause,
        });
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

impl Migrator {
    /// Who has been in a transaction for long: most likely whoever holds the lock.
    async fn long_transactions(&self) -> String {
        let rows = self
            .client
            .query(
                "SELECT format('process %s, %s, for %s s', pid, usename, floor(extract(epoch FROM now() - xact_start)))
                 FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < now() - interval '1 second'
                 ORDER BY xact_start LIMIT 3",
                &[],
            )
            .await
            .unwrap_or_default();
        let holders: Vec<String> = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
        if holders.is_empty() {
            return "no transaction is older than a second".to_owned();
        }
        format!("the oldest transactions: {}", holders.join("; "))
    }
}
