//! Everything that TimescaleDB does in a database, and what is wrong with it.

use serde::Serialize;
use tokio_postgres::Client;

use crate::{Aggregate, Error, Hypertable, Job, Presence, jobs, sizes};

/// Everything that TimescaleDB does in a database.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Whether the extension is there.
    #[serde(flatten)]
    pub presence: Presence,
    /// The hypertables.
    pub hypertables: Vec<Hypertable>,
    /// The continuous aggregates.
    pub aggregates: Vec<Aggregate>,
    /// The jobs.
    pub jobs: Vec<Job>,
    /// What will lose data.
    pub risks: Vec<Risk>,
}

/// A continuous aggregate that a refresh will empty, as it reaches to a time whose rows retention has deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Risk {
    /// The aggregate.
    pub aggregate: String,
    /// How far back it is refreshed; none: to the beginning.
    pub refreshed: Option<String>,
    /// How long the rows are kept.
    pub kept: String,
}

impl Status {
    /// Whether something has to be done: a job that does not do what it should, or data about to be lost.
    pub fn is_wrong(&self) -> bool {
        !self.risks.is_empty() || self.jobs.iter().any(|job| job.health.is_wrong())
    }
}

/// Reads everything.
pub async fn status(client: &Client) -> Result<Status, Error> {
    let presence = Presence::ask(client).await?;
    let mut status = Status {
        presence,
        hypertables: Vec::new(),
        aggregates: Vec::new(),
        jobs: Vec::new(),
        risks: Vec::new(),
    };
    if matches!(status.presence, Presence::Missing | Presence::NotCreated) {
        return Ok(status);
    }
    status.hypertables = sizes::hypertables(client).await?;
    status.aggregates = sizes::aggregates(client).await?;
    status.jobs = jobs::jobs(client).await?;
    status.risks = risks(client).await?;
    Ok(status)
}

const RISKS: &str = "
SELECT format('%I.%I', a.view_schema, a.view_name), r.config ->> 'start_offset', d.config ->> 'drop_after'
FROM timescaledb_information.continuous_aggregates a
JOIN timescaledb_information.jobs d
  ON d.proc_name = 'policy_retention' AND d.scheduled
 AND d.hypertable_schema = a.hypertable_schema AND d.hypertable_name = a.hypertable_name
JOIN _timescaledb_catalog.hypertable m
  ON m.schema_name = a.materialization_hypertable_schema AND m.table_name = a.materialization_hypertable_name
JOIN timescaledb_information.jobs r
  ON r.proc_name = 'policy_refresh_continuous_aggregate' AND (r.config ->> 'mat_hypertable_id')::int = m.id
WHERE (r.config ->> 'start_offset') IS NULL
   OR (r.config ->> 'start_offset')::interval >= (d.config ->> 'drop_after')::interval
ORDER BY 1";

async fn risks(client: &Client) -> Result<Vec<Risk>, Error> {
    let doing = "comparing retention with refreshes";
    let rows = client.query(RISKS, &[]).await.map_err(Error::new(doing))?;
    rows.iter()
        .map(|row| Ok(Risk { aggregate: row.try_get(0)?, refreshed: row.try_get(1)?, kept: row.try_get(2)? }))
        .collect::<Result<_, _>>()
        .map_err(Error::new(doing))
}
