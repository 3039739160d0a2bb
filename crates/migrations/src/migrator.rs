//! A connection that migrates.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;

use crate::ledger::Ledger;
use crate::plan::{self, Status};
use crate::{Endpoint, Error, Series, Target, advisory_lock, connect};

/// How to migrate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The sets to apply, beside what is always applied.
    pub sets: Vec<String>,
    /// How long a step waits for a lock that others would queue behind.
    pub lock_timeout: Duration,
    /// How long a step is tried again when its lock is not to be had.
    pub lock_patience: Duration,
    /// How long to wait for another migrator.
    pub wait: Duration,
    /// How many processes beside its own the server may take to build an index (`max_parallel_maintenance_workers`).
    pub parallel_workers: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sets: vec!["default".to_owned()],
            lock_timeout: Duration::from_millis(50),
            lock_patience: Duration::from_secs(600),
            wait: Duration::from_secs(3_600),
            parallel_workers: 0,
        }
    }
}

/// What happens while a database is migrated.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Another migrates this database.
    WaitingForOther {
        /// Who.
        holder: String,
    },
    /// A migration begins.
    Began {
        /// Its label.
        migration: String,
    },
    /// Its lock was not to be had; it is tried again.
    LockBusy {
        /// Its label.
        migration: String,
        /// Which try it was, from 1.
        attempt: u32,
        /// How long until the next one.
        pause: Duration,
    },
    /// What a crash left behind is removed.
    Repairing {
        /// Its label.
        migration: String,
        /// What is done.
        what: String,
    },
    /// An index is being built.
    Progress {
        /// Its label.
        migration: String,
        /// What PostgreSQL calls the phase.
        phase: String,
        /// How much of the phase is done, 0 to 100, where it is known.
        percent: Option<f64>,
        /// The process that it waits for.
        waits_for: Option<i32>,
    },
    /// A migration is applied.
    Applied {
        /// Its label.
        migration: String,
        /// How long it took.
        took: Duration,
    },
    /// A migration is taken back.
    Reverted {
        /// Its label.
        migration: String,
        /// How long it took.
        took: Duration,
    },
    /// A migration is not applied, because the server lacks something.
    NotInForce {
        /// Its label.
        migration: String,
        /// What is missing.
        why: String,
    },
}

/// Who is told what happens.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(Event) + Send + Sync>);

impl Observer {
    /// Tells this function.
    pub fn new(tell: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells nobody.
    pub fn silent() -> Self {
        Self::new(drop)
    }

    pub(crate) fn tell(&self, event: Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// One direct connection to a target's database, and the migrations it should have.
#[derive(Debug)]
pub struct Migrator {
    pub(crate) client: Client,
    pub(crate) endpoint: Endpoint,
    pub(crate) target: Target,
    pub(crate) series: Series,
    pub(crate) options: Options,
    pub(crate) observer: Observer,
    pub(crate) ledger: Ledger,
}

impl Migrator {
    /// Connects, and prepares the session. A set that the series does not have means nothing.
    pub async fn connect(
        endpoint: &Endpoint,
        target: Target,
        series: Series,
        options: Options,
        observer: Observer,
    ) -> Result<Self, Error> {
        let client = connect(endpoint, "slipstream migrate").await?;
        let doing = "preparing the session";
        client
            .batch_execute(&format!(
                "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0;
                 SET client_min_messages = warning; SET max_parallel_maintenance_workers = {};
                 SET search_path TO {}, public",
                options.parallel_workers,
                target.schema()
            ))
            .await
            .map_err(|error| Error::database(doing, &error))?;
        // After a crash of ours the server stops soon, and so gives up the lock. Not every platform can.
        let _ = client.batch_execute("SET client_connection_check_interval = 1000").await;
        Ok(Self {
            client,
            endpoint: endpoint.clone(),
            target,
            series,
            options,
            observer,
            ledger: Ledger::new(target),
        })
    }

    /// The database's target.
    pub fn target(&self) -> Target {
        self.target
    }

    /// The migrations it should have.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// What is applied, and what is not. Changes nothing.
    pub async fn status(&self) -> Result<Status, Error> {
        let entries = self.ledger.read(&self.client).await?;
        let unmet = plan::unmet(&self.client, &self.series).await?;
        Ok(Status::new(self.target, &self.series, entries, &unmet, &self.options.sets))
    }

    /// Refuses a server that only follows another.
    pub(crate) async fn check_writable(&self) -> Result<(), Error> {
        let follows: bool = self
            .client
            .query_one("SELECT pg_is_in_recovery()", &[])
            .await
            .and_then(|row| row.try_get(0))
            .map_err(|error| Error::database("asking whether the server is a standby", &error))?;
        if follows {
            return Err(Error::refused(
                "the server is a standby, which takes no writes: migrate its primary",
            ));
        }
        Ok(())
    }

    /// Takes the migrators' lock; `unlock` gives it back.
    pub(crate) async fn lock(&self) -> Result<(), Error> {
        self.check_writable().await?;
        advisory_lock::acquire(&self.client, self.target, self.options.wait, &self.observer).await
    }

    pub(crate) async fn unlock(&self) {
        advisory_lock::release(&self.client, self.target).await;
    }
}
