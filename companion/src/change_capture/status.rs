//! What following the changes tells about itself.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::ended::Ended;

/// What it is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// It connects, or waits for the transactions that were running when it began.
    #[default]
    Starting,
    /// Another companion follows this database.
    Standby,
    /// It follows.
    Following,
    /// The last session ended, and the next has not begun.
    Failed,
}

/// A table, and why its changes are not followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableStatus {
    /// Schema and name.
    pub(crate) table: String,
    /// Why they are not; none if they are.
    pub(crate) refused: Option<String>,
}

/// What `GET /v1/query-cache` answers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// What it is doing.
    pub(crate) phase: Phase,
    /// Why the last session ended.
    pub(crate) error: Option<String>,
    /// The database that is followed, as query caches name it.
    pub(crate) database: String,
    /// The epoch, as 16 hexadecimal digits.
    pub(crate) epoch: String,
    /// How far the log has been followed.
    pub(crate) lsn: String,
    /// How much of it has not, in bytes.
    pub(crate) lag_bytes: u64,
    /// How old what is known is, in milliseconds.
    pub(crate) lag_ms: Option<u64>,
    /// How changed definitions are noticed.
    pub(crate) definitions: String,
    /// What an operator should look at.
    pub(crate) warnings: Vec<String>,
    /// The tables.
    pub(crate) tables: Vec<TableStatus>,
}

/// The report as it changes.
#[derive(Debug, Default)]
pub(crate) struct CaptureStatus {
    state: Mutex<(Report, Option<Instant>)>,
}

impl CaptureStatus {
    /// How things are.
    pub(crate) fn report(&self) -> Report {
        let state = self.lock();
        let mut report = state.0.clone();
        report.lag_ms =
            state.1.map(|complete| u64::try_from(complete.elapsed().as_millis()).unwrap_or(u64::MAX));
        report
    }

    pub(super) fn ended(&self, ended: &Ended) {
        let mut state = self.lock();
        let phase = if matches!(ended, Ended::Standby) { Phase::Standby } else { Phase::Failed };
        let was = std::mem::replace(&mut state.0.phase, phase);
        let error = Some(ended.to_string());
        if was != phase || state.0.error != error {
            match phase {
                Phase::Standby => tracing::info!("another companion follows the database's changes"),
                _ => tracing::error!(error = %ended, "not following the database's changes"),
            }
        }
        state.0.error = error;
    }

    /// Changes the report.
    pub(super) fn update(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.lock().0);
    }

    /// Everything that had been committed then is known.
    pub(super) fn complete(&self, at: Instant) {
        self.lock().1 = Some(at);
    }

    fn lock(&self) -> MutexGuard<'_, (Report, Option<Instant>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
