//! `down`, `repair` and `baseline`: what changes the record, or takes a migration back.

use std::time::Instant;

use crate::apply::Retry;
use crate::index;
use crate::ledger::Outcome;
use crate::{Error, Event, Migration, Migrator, State};

impl Migrator {
    /// The migrations that `down` would take back: those above a number that are applied, the highest first.
    pub async fn revertible(&self, to: u32) -> Result<Vec<&Migration>, Error> {
        let status = self.status().await?;
        if let Some(entry) = status.unknown.iter().find(|entry| entry.number > to) {
            return Err(Error::refused(format!(
                "{:03} {} was applied by a newer version, which alone knows how to take it back",
                entry.number, entry.name
            )));
        }
        let there = |state: &State| matches!(state, State::Applied | State::Edited | State::Interrupted(_));
        let above = status.migrations.iter().rev().filter(|own| own.number > to && there(&own.state));
        Ok(above.filter_map(|own| self.series.get(own.number)).collect())
    }

    /// Takes back what is applied above this number, the highest first; the numbers of what was taken back. Unless data may be
    /// `lost`, nothing is done if a table would be dropped.
    pub async fn down(&self, to: u32, lost: bool) -> Result<Vec<u32>, Error> {
        self.lock().await?;
        let result = self.down_locked(to, lost).await;
        self.unlock().await;
        result
    }

    async fn down_locked(&self, to: u32, lost: bool) -> Result<Vec<u32>, Error> {
        let revertible = self.revertible(to).await?;
        for migration in &revertible {
            let Some(down) = &migration.down else {
                return Err(Error::refused(format!(
                    "{} has no `--! down`: it cannot be taken back",
                    migration.file
                )));
            };
            if !lost && let Some(statement) = down.statements.iter().find(|statement| statement.loses_data())
            {
                return Err(Error::refused(format!(
                    "{} would lose data ({}). Nothing was taken back; `--lose-data` allows it",
                    migration.file,
                    statement.first_words()
                )));
            }
        }
        let mut reverted = Vec::new();
        for migration in revertible {
            let start = Instant::now();
            self.revert(migration).await?;
            self.observer.tell(Event::Reverted { migration: migration.label(), took: start.elapsed() });
            reverted.push(migration.number);
        }
        Ok(reverted)
    }

    async fn revert(&self, migration: &Migration) -> Result<(), Error> {
        let Some(down) = &migration.down else { return Ok(()) };
        if !migration.transactional {
            let recorded = self.ledger.record(&self.client, migration, Outcome::Reverting, None, None).await;
            recorded.map_err(|error| self.failure(migration, None, &error))?;
        }
        let mut retry = Retry::new(self.options.lock_patience);
        loop {
            let result = if migration.transactional {
                self.try_in_transaction(migration, down, false).await
            } else {
                match self.client.batch_execute(&down.sql).await {
                    Ok(()) => self.ledger.forget(&self.client, migration.number).await,
                    Err(error) => Err(error),
                }
            };
            let Err(error) = result else { return Ok(()) };
            if migration.transactional && !self.client.is_closed() {
                self.roll_back().await?;
            }
            if !Retry::is_worth_it(&error) {
                return Err(self.failure(migration, crate::apply::line(down, &error), &error));
            }
            retry.wait(self, migration).await?;
        }
    }

    /// Drops invalid indexes, and records anew what has been edited if that is `accepted`; what was done, in words. What failed
    /// or was interrupted is not touched: `up` repairs that itself.
    pub async fn repair(&self, accepted: bool) -> Result<Vec<String>, Error> {
        self.lock().await?;
        let result = self.repair_locked(accepted).await;
        self.unlock().await;
        result
    }

    async fn repair_locked(&self, accepted: bool) -> Result<Vec<String>, Error> {
        let mut done = Vec::new();
        let schema = self.target.schema();
        let doing = "dropping invalid indexes";
        let invalid =
            index::invalid(&self.client, schema).await.map_err(|error| Error::database(doing, &error))?;
        for name in invalid {
            index::drop(&self.client, schema, &name).await.map_err(|error| Error::database(doing, &error))?;
            done.push(format!("dropped the invalid index {name}"));
        }
        let status = self.status().await?;
        if !accepted {
            status.refuse_edited(&self.series)?;
        }
        for condition in &status.migrations {
            let Some(migration) = self.series.get(condition.number) else { continue };
            let outcome = condition.entry.as_ref().map_or(Outcome::Applied, |entry| entry.outcome);
            let missing = match (&condition.state, migration.evidence.as_ref()) {
                // Its index was invalid, or somebody dropped it: it is built by the next `up`.
                (State::Applied, Some(evidence)) => {
                    self.validity(&evidence.index).await? == index::Validity::Absent
                }
                _ => false,
            };
            let doing = format!("recording {}", migration.file);
            if condition.state == State::Edited {
                let recorded = self.ledger.record(&self.client, migration, outcome, None, None).await;
                recorded.map_err(|error| Error::database(&doing, &error))?;
                done.push(format!("recorded {} as it is now", migration.file));
            } else if missing {
                let forgotten = self.ledger.forget(&self.client, migration.number).await;
                forgotten.map_err(|error| Error::database(&doing, &error))?;
                done.push(format!(
                    "forgot {}, whose index is not there: `migrate up` builds it",
                    migration.file
                ));
            }
        }
        Ok(done)
    }

    /// Records migrations as applied without running them: all up to a number, or only that one. Their numbers.
    pub async fn baseline(&self, to: u32, only: bool) -> Result<Vec<u32>, Error> {
        if self.series.get(to).is_none() {
            return Err(Error::refused(format!("there is no migration {to} of {}", self.target)));
        }
        self.lock().await?;
        let result = self.baseline_locked(to, only).await;
        self.unlock().await;
        result
    }

    async fn baseline_locked(&self, to: u32, only: bool) -> Result<Vec<u32>, Error> {
        let status = self.status().await?;
        self.ledger.create(&self.client).await?;
        let mut recorded = Vec::new();
        for condition in &status.migrations {
            let wanted = if only { condition.number == to } else { condition.number <= to };
            let Some(migration) = self.series.get(condition.number).filter(|_| wanted) else { continue };
            if matches!(condition.state, State::Pending | State::Interrupted(_)) {
                let written =
                    self.ledger.record(&self.client, migration, Outcome::Baseline, None, None).await;
                written.map_err(|error| Error::database(&format!("recording {}", migration.file), &error))?;
                recorded.push(migration.number);
            }
        }
        Ok(recorded)
    }
}
