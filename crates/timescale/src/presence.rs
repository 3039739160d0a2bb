//! Whether the extension is there, and what its licence allows.

use serde::Serialize;
use tokio_postgres::Client;

use crate::Error;

/// Whether the extension is there, and what its licence allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "presence", rename_all = "kebab-case")]
pub enum Presence {
    /// The server does not have it.
    Missing,
    /// The server has it, and this database does not.
    NotCreated,
    /// It is there without compression, policies and aggregates.
    Apache {
        /// The extension's version.
        version: String,
    },
    /// It is there with all that it can.
    Full {
        /// The extension's version.
        version: String,
    },
}

impl Presence {
    /// Asks the server.
    pub async fn ask(client: &Client) -> Result<Self, Error> {
        let doing = "asking for the extension timescaledb";
        let row = client
            .query_one(
                "SELECT (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
                        EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb'),
                        current_setting('timescaledb.license', true)",
                &[],
            )
            .await
            .map_err(Error::new(doing))?;
        let version: Option<String> = row.try_get(0).map_err(Error::new(doing))?;
        let available: bool = row.try_get(1).map_err(Error::new(doing))?;
        let licence: Option<String> = row.try_get(2).map_err(Error::new(doing))?;
        Ok(match version {
            Some(version) if licence.as_deref() == Some("apache") => Self::Apache { version },
            Some(version) => Self::Full { version },
            None if available => Self::NotCreated,
            None => Self::Missing,
        })
    }

    /// What is not in force, and what would change that; nothing if everything can be.
    pub fn lacks(&self) -> Option<&'static str> {
        match self {
            Self::Missing => Some(
                "this server does not have the extension timescaledb: hypertables, compression, retention and continuous aggregates \
                 are not in force; everything else is. Install it, and add timescaledb to shared_preload_libraries",
            ),
            Self::NotCreated => Some(
                "this server has timescaledb, and this database does not use it: hypertables, compression, retention and continuous \
                 aggregates are not in force. Apply the set `timescale` of the migrations",
            ),
            Self::Apache { .. } => Some(
                "timescaledb runs under the Apache licence: compression, retention and continuous aggregates are not in force. Set \
                 timescaledb.license = 'timescale' and restart the server",
            ),
            Self::Full { .. } => None,
        }
    }
}
