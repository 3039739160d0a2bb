//! How full the segments of a layout would be, by counting rows.

use serde::Serialize;
use tokio_postgres::Client;

use crate::{Error, Layout};

/// The rows that TimescaleDB compresses together at most.
const BATCH: f64 = 1_000.0;

/// How full the segments of a layout would be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Segments {
    /// The layout.
    pub layout: Layout,
    /// Rows that were counted.
    pub rows: i64,
    /// Segments that they would be in.
    pub segments: i64,
    /// Rows in a segment, on average.
    pub rows_per_segment: f64,
    /// Rows that are compressed together, on average; at most 1,000.
    pub rows_per_batch: f64,
}

/// Counts the signals of this many days before the newest, as each layout would part them. It reads them all once for each.
pub async fn segments(client: &Client, layouts: &[Layout], days: u32) -> Result<Vec<Segments>, Error> {
    let mut counted = Vec::new();
    for layout in layouts {
        let doing = format!("counting the segments {layout}");
        let columns: String = layout.segment_by.iter().map(|column| format!(", {column}")).collect();
        let seconds = u64::from(layout.days) * 86_400;
        let sql = format!(
            "SELECT coalesce(sum(n), 0)::int8, count(*), coalesce(sum(ceil(n / {BATCH}::float8)), 0)::float8
             FROM (SELECT count(*) AS n FROM tp_capital.tp_capital_signals
                   WHERE ts > (SELECT max(ts) FROM tp_capital.tp_capital_signals) - interval '{days} days'
                   GROUP BY floor(extract(epoch FROM ts) / {seconds}){columns}) AS segment"
        );
        let row = client.query_one(&sql, &[]).await.map_err(Error::new(doing.clone()))?;
        let read = |error| Error::new(doing.clone())(error);
        let (rows, segments): (i64, i64) = (row.try_get(0).map_err(read)?, row.try_get(1).map_err(read)?);
        let batches: f64 = row.try_get(2).map_err(read)?;
        let each = |parts: f64| if parts > 0.0 { rows as f64 / parts } else { 0.0 };
        counted.push(Segments {
            layout: *layout,
            rows,
            segments,
            rows_per_segment: each(segments as f64),
            rows_per_batch: each(batches),
        });
    }
    Ok(counted)
}

/// The first layout whose segments hold as many rows as are compressed together, as the list begins with what serves queries best;
/// where none has so many, the one whose batches are fullest.
pub fn better(counted: &[Segments]) -> Option<&Segments> {
    let is_full = |segments: &&Segments| segments.rows_per_segment >= BATCH;
    let fullest = |one: &&Segments, other: &&Segments| one.rows_per_batch.total_cmp(&other.rows_per_batch);
    counted
        .iter()
        .find(is_full)
        .or_else(|| counted.iter().filter(|segments| segments.rows > 0).max_by(fullest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LAYOUTS;

    #[test]
    fn the_first_with_full_segments_wins_or_else_the_fullest_batches() {
        for (rows, expected) in [
            (&[(1_200.0, 600.0), (5_000.0, 990.0)][..], 0),
            (&[(900.0, 900.0), (1_000.0, 1_000.0), (2_000.0, 1_000.0)], 1),
            (&[(40.0, 40.0), (10.0, 10.0), (41.0, 41.0)], 2),
        ] {
            let segments = |(layout, (rows_per_segment, rows_per_batch)): (&Layout, &(f64, f64))| Segments {
                layout: *layout,
                rows: 1,
                segments: 1,
                rows_per_segment: *rows_per_segment,
                rows_per_batch: *rows_per_batch,
            };
            let counted: Vec<Segments> = LAYOUTS.iter().zip(rows).map(segments).collect();
            let found = better(&counted).map(|segments| segments.layout);
            assert_eq!(found, LAYOUTS.get(expected).copied(), "{rows:?}");
        }
        assert_eq!(better(&[]), None);
    }
}
