//! How the databases' schemas stand, as a metric.

use prometheus::{IntGaugeVec, Opts};

/// How a database's schema stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaState {
    /// As it should be.
    Current,
    /// Something is to be applied, or was edited after it ran.
    Behind,
    /// All is applied, but somebody changed something else.
    Drifted,
    /// It is being migrated.
    Migrating,
    /// Migrating it failed.
    Failed,
    /// The database does not tell.
    Unknown,
}

impl SchemaState {
    pub(super) const ALL: [Self; 6] =
        [Self::Current, Self::Behind, Self::Drifted, Self::Migrating, Self::Failed, Self::Unknown];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Behind => "behind",
            Self::Drifted => "drifted",
            Self::Migrating => "migrating",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// A gauge for each database and state.
pub(super) fn gauges() -> Result<IntGaugeVec, prometheus::Error> {
    let opts = Opts::new(
        "slipstream_schema_state",
        "How the schema of a configured database stands: 1 for the state that holds.",
    );
    IntGaugeVec::new(opts, &["database", "state"])
}
