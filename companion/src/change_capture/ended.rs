//! Why a session ended.

use std::fmt;
use std::io;

use pgwire_replication::PgWireError;
use query_cache_model::pgoutput::Malformed;

use super::publisher::PublishError;

/// Why a session ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Another companion follows this database.
    Standby,
    /// A setting here or in the server does not allow it.
    Settings(String),
    /// The database cannot be reached, or broke off.
    Database(String),
    /// The replication stream broke off, or made no sense.
    Stream(String),
    /// Nothing could be published.
    Publish(String),
    /// It fell too far behind.
    Lagging(String),
}

impl Ended {
    /// How they are counted.
    pub(super) const OUTCOMES: [&str; 6] =
        ["standby", "settings", "database", "stream", "publish", "lagging"];

    pub(super) fn database(reason: impl Into<String>) -> Self {
        Self::Database(reason.into())
    }

    pub(super) fn settings(reason: impl Into<String>) -> Self {
        Self::Settings(reason.into())
    }

    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Settings(_) => "settings",
            Self::Database(_) => "database",
            Self::Stream(_) => "stream",
            Self::Publish(_) => "publish",
            Self::Lagging(_) => "lagging",
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standby => write!(f, "another companion follows this database"),
            Self::Settings(reason) | Self::Lagging(reason) => write!(f, "{reason}"),
            Self::Database(reason) => write!(f, "the database: {reason}"),
            Self::Stream(reason) => write!(f, "the replication stream: {reason}"),
            Self::Publish(reason) => write!(f, "publishing: {reason}"),
        }
    }
}

impl From<tokio_postgres::Error> for Ended {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(super::catalogue::reason(&error))
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Stream(error.to_string())
    }
}

impl From<PgWireError> for Ended {
    fn from(error: PgWireError) -> Self {
        Self::Stream(error.to_string())
    }
}

impl From<Malformed> for Ended {
    fn from(error: Malformed) -> Self {
        Self::Stream(error.to_string())
    }
}

impl From<PublishError> for Ended {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Owned => Self::Standby,
            other => Self::Publish(other.to_string()),
        }
    }
}
