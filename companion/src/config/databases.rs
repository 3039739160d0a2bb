//! The databases behind the APIs, and how their schemas are brought up to date.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Secret, fields};

/// A database, always reached directly and never through a pooler.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// The database's direct PostgreSQL URL; empty: there is none to look after.
    #[serde(deserialize_with = "fields::database_url")]
    pub url: Secret,
    /// Who may have signed the server's certificate (PEM); empty: whom the system trusts.
    pub tls_ca_file: String,
}

/// How the databases' schemas are brought up to date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Migrate {
    /// Whether `serve` applies at its start what is not applied yet.
    pub apply_on_start: bool,
    /// Whether a companion is ready only while each configured database has the schema it should have.
    pub require_current: bool,
    /// The sets of migrations that are applied, beside those that always are.
    #[serde(deserialize_with = "fields::set_names")]
    pub sets: Vec<String>,
    /// A folder with `workspace/` and `tp-capital/` to take migrations from; empty: those built in.
    pub directory: String,
    /// How long a step waits for a lock that others would queue behind, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<1, 10_000, u64, _>")]
    pub lock_timeout_ms: u64,
    /// How long a step is tried again when its lock is not to be had, in seconds.
    #[serde(deserialize_with = "fields::bounded::<0, 86_400, u64, _>")]
    pub lock_patience_seconds: u64,
    /// How long to wait for another that migrates the same database, in seconds.
    #[serde(deserialize_with = "fields::bounded::<0, 604_800, u64, _>")]
    pub wait_seconds: u64,
    /// How many processes beside its own the server may take to build an index. Each takes a processor from statements.
    #[serde(deserialize_with = "fields::bounded::<0, 1_024, u32, _>")]
    pub parallel_workers: u32,
    /// How often `serve` looks at the schemas, in seconds.
    #[serde(deserialize_with = "fields::bounded::<1, 86_400, u64, _>")]
    pub check_seconds: u64,
}

impl Database {
    /// Whether there is a database to look after.
    pub fn is_configured(&self) -> bool {
        !self.url.reveal().is_empty()
    }
}

impl Migrate {
    /// How long a step waits for a lock that others would queue behind.
    pub fn lock_timeout(&self) -> Duration {
        Duration::from_millis(self.lock_timeout_ms)
    }

    /// How long a step is tried again when its lock is not to be had.
    pub fn lock_patience(&self) -> Duration {
        Duration::from_secs(self.lock_patience_seconds)
    }

    /// How long to wait for another that migrates the same database.
    pub fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_seconds)
    }

    /// How often `serve` looks at the schemas.
    pub fn check_interval(&self) -> Duration {
        Duration::from_secs(self.check_seconds)
    }
}

impl Default for Migrate {
    fn default() -> Self {
        Self {
            apply_on_start: false,
            require_current: false,
            sets: vec!["default".to_owned()],
            directory: String::new(),
            lock_timeout_ms: 50,
            lock_patience_seconds: 600,
            wait_seconds: 3_600,
            parallel_workers: 0,
            check_seconds: 60,
        }
    }
}
