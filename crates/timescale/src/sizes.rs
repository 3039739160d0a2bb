//! Hypertables and continuous aggregates, and what they take.

use serde::Serialize;
use tokio_postgres::Client;

use crate::Error;

/// A hypertable and what it takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hypertable {
    /// Its name with its schema.
    pub name: String,
    /// How long the time of a chunk is, as PostgreSQL writes intervals.
    pub chunk_interval: String,
    /// Its chunks.
    pub chunks: i64,
    /// Those that are compressed.
    pub compressed_chunks: i64,
    /// What all of it takes now, in bytes.
    pub bytes: i64,
    /// What the compressed chunks took before, in bytes.
    pub before_bytes: i64,
    /// What the compressed chunks take, in bytes.
    pub after_bytes: i64,
    /// The columns that make segments; empty if it is not compressed, or is in one segment.
    pub segment_by: String,
    /// The order within segments.
    pub order_by: String,
}

/// A continuous aggregate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Aggregate {
    /// Its name with its schema.
    pub name: String,
    /// The hypertable that it sums up.
    pub of: String,
    /// What it takes, in bytes.
    pub bytes: i64,
    /// Whether it leaves out what came after the last refresh.
    pub materialized_only: bool,
}

impl Hypertable {
    /// How much smaller the compressed chunks are than before, in percent.
    pub fn saved_percent(&self) -> Option<f64> {
        (self.before_bytes > 0).then(|| 100.0 - 100.0 * self.after_bytes as f64 / self.before_bytes as f64)
    }
}

const HYPERTABLES: &str = "
SELECT format('%I.%I', h.hypertable_schema, h.hypertable_name),
       coalesce((SELECT d.time_interval::text FROM timescaledb_information.dimensions d
                 WHERE d.hypertable_schema = h.hypertable_schema AND d.hypertable_name = h.hypertable_name
                   AND d.dimension_number = 1), ''),
       h.num_chunks,
       coalesce(s.number_compressed_chunks, 0),
       coalesce(hypertable_size(format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass), 0),
       coalesce(s.before_compression_total_bytes, 0),
       coalesce(s.after_compression_total_bytes, 0),
       coalesce(c.segmentby, ''), coalesce(c.orderby, '')
FROM timescaledb_information.hypertables h
LEFT JOIN timescaledb_information.hypertable_compression_settings c
       ON h.compression_enabled AND c.hypertable = format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass
LEFT JOIN LATERAL hypertable_compression_stats(format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass) s
       ON h.compression_enabled
ORDER BY 1";

/// The hypertables of this database, but for those behind aggregates.
pub(crate) async fn hypertables(client: &Client) -> Result<Vec<Hypertable>, Error> {
    let doing = "reading the hypertables' sizes";
    let rows = client.query(HYPERTABLES, &[]).await.map_err(Error::new(doing))?;
    rows.iter()
        .map(|row| {
            Ok(Hypertable {
                name: row.try_get(0)?,
                chunk_interval: row.try_get(1)?,
                chunks: row.try_get(2)?,
                compressed_chunks: row.try_get(3)?,
                bytes: row.try_get(4)?,
                before_bytes: row.try_get(5)?,
                after_bytes: row.try_get(6)?,
                segment_by: row.try_get(7)?,
                order_by: row.try_get(8)?,
            })
        })
        .collect::<Result<_, _>>()
        .map_err(Error::new(doing))
}

const AGGREGATES: &str = "
SELECT format('%I.%I', view_schema, view_name),
       format('%I.%I', hypertable_schema, hypertable_name),
       coalesce(hypertable_size(format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)::regclass), 0),
       materialized_only
FROM timescaledb_information.continuous_aggregates
ORDER BY 1";

/// The continuous aggregates of this database.
pub(crate) async fn aggregates(client: &Client) -> Result<Vec<Aggregate>, Error> {
    let doing = "reading the continuous aggregates";
    let rows = client.query(AGGREGATES, &[]).await.map_err(Error::new(doing))?;
    rows.iter()
        .map(|row| {
            Ok(Aggregate {
                name: row.try_get(0)?,
                of: row.try_get(1)?,
                bytes: row.try_get(2)?,
                materialized_only: row.try_get(3)?,
            })
        })
        .collect::<Result<_, _>>()
        .map_err(Error::new(doing))
}
