//! Background jobs: what they do, and whether they do it.

use serde::Serialize;
use tokio_postgres::Client;

use crate::Error;

/// A background job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// Its number.
    pub id: i32,
    /// What runs, such as `policy_compression`.
    pub what: String,
    /// The table or view that it is about; empty: none.
    pub on: String,
    /// How often it should run, as PostgreSQL writes intervals.
    pub every: String,
    /// Its settings, as JSON.
    pub config: String,
    /// Runs so far.
    pub runs: i64,
    /// Runs that failed.
    pub failures: i64,
    /// Whether it does what it should.
    pub health: Health,
}

/// Whether a job does what it should.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", content = "why", rename_all = "kebab-case")]
pub enum Health {
    /// Its last run succeeded.
    Healthy,
    /// It has not run yet, and need not have.
    NotYet,
    /// Its last run failed.
    Failing(String),
    /// It should have run by now.
    Overdue(String),
    /// It is switched off.
    Off,
}

impl Health {
    /// Whether something has to be done.
    pub fn is_wrong(&self) -> bool {
        matches!(self, Self::Failing(_) | Self::Overdue(_) | Self::Off)
    }
}

/// An hour, as a worker may be busy with others.
const JOBS: &str = "
SELECT j.job_id, j.proc_name::text,
       CASE WHEN j.hypertable_name IS NULL THEN '' ELSE format('%I.%I', j.hypertable_schema, j.hypertable_name) END,
       j.schedule_interval::text, coalesce(j.config::text, ''), coalesce(s.total_runs, 0), coalesce(s.total_failures, 0),
       j.scheduled, s.last_run_status,
       (SELECT e.err_message FROM timescaledb_information.job_errors e
        WHERE e.job_id = j.job_id ORDER BY e.finish_time DESC LIMIT 1),
       (s.next_start < now() - interval '1 hour') IS TRUE,
       coalesce(s.next_start::text, '')
FROM timescaledb_information.jobs j
LEFT JOIN timescaledb_information.job_stats s USING (job_id)
ORDER BY j.job_id";

/// All jobs that are about tables or views here; those of TimescaleDB's own housekeeping are left out.
pub(crate) async fn jobs(client: &Client) -> Result<Vec<Job>, Error> {
    let doing = "reading the jobs";
    let rows = client.query(JOBS, &[]).await.map_err(Error::new(doing))?;
    let read = |row: &tokio_postgres::Row| -> Result<Job, tokio_postgres::Error> {
        let error: Option<String> = row.try_get(9)?;
        let status: Option<String> = row.try_get(8)?;
        let health = match status.as_deref() {
            _ if !row.try_get::<_, bool>(7)? => Health::Off,
            Some("Failed") => Health::Failing(error.unwrap_or_else(|| "it left no message".to_owned())),
            _ if row.try_get::<_, bool>(10)? => Health::Overdue(format!(
                "it was due at {}: look at timescaledb.max_background_workers and max_worker_processes",
                row.try_get::<_, String>(11)?
            )),
            Some(_) => Health::Healthy,
            None => Health::NotYet,
        };
        Ok(Job {
            id: row.try_get(0)?,
            what: row.try_get(1)?,
            on: row.try_get(2)?,
            every: row.try_get(3)?,
            config: row.try_get(4)?,
            runs: row.try_get(5)?,
            failures: row.try_get(6)?,
            health,
        })
    };
    let jobs: Vec<Job> = rows.iter().map(read).collect::<Result<_, _>>().map_err(Error::new(doing))?;
    Ok(jobs.into_iter().filter(|job| job.id >= FIRST_OWN || job.health.is_wrong()).collect())
}

/// Jobs below this number are TimescaleDB's own.
const FIRST_OWN: i32 = 1_000;
