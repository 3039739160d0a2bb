//! What a layout comes to, by making it.

use serde::Serialize;
use tokio_postgres::Client;

use crate::{Error, Layout};

/// Where copies are made; nobody else's schema.
const SCHEMA: &str = "slipstream_layouts";
/// Signals are compressed when their chunk is older than this, as the migrations have it.
const COMPRESS_AFTER_DAYS: f64 = 7.0;

/// What a layout takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measured {
    /// The layout.
    pub layout: Layout,
    /// Rows that were copied.
    pub rows: i64,
    /// Days from the first of them to the last.
    pub days: f64,
    /// Bytes as a plain hypertable, with the primary key for its only index.
    pub plain_bytes: i64,
    /// Bytes with every chunk compressed.
    pub compressed_bytes: i64,
}

/// What a layout takes when signals have come in for some time, and the newest chunks are not compressed yet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Footprint {
    /// Days that are not compressed, on average.
    pub uncompressed_days: f64,
    /// Bytes of all.
    pub bytes: f64,
}

impl Measured {
    /// How much smaller it is than the plain hypertable, in percent.
    pub fn saved_percent(&self) -> f64 {
        if self.plain_bytes > 0 {
            100.0 - 100.0 * self.compressed_bytes as f64 / self.plain_bytes as f64
        } else {
            0.0
        }
    }

    /// What it takes with signals of this many days. A chunk is compressed a week after its time is over.
    pub fn footprint(&self, days: f64) -> Footprint {
        let uncompressed_days = (COMPRESS_AFTER_DAYS + f64::from(self.layout.days) / 2.0).min(days);
        let per_day = |bytes: i64| if self.days > 0.0 { bytes as f64 / self.days } else { 0.0 };
        let bytes = uncompressed_days * per_day(self.plain_bytes)
            + (days - uncompressed_days) * per_day(self.compressed_bytes);
        Footprint { uncompressed_days, bytes }
    }
}

/// Copies the signals of this many days before the newest, at most `max_rows`, into a hypertable of this layout in a schema of its
/// own, compresses it, and removes it again. It takes the room and the time of the copy; the signals' own table is only read.
pub async fn measure(client: &Client, layout: Layout, days: u32, max_rows: u32) -> Result<Measured, Error> {
    let doing = format!("measuring the layout {layout}");
    clean(client).await?;
    let measured = make(client, layout, days, max_rows, &doing).await;
    // The first error counts.
    let cleaned = clean(client).await;
    let measured = measured?;
    cleaned.map(|()| measured)
}

async fn clean(client: &Client) -> Result<(), Error> {
    let sql = format!("DROP TABLE IF EXISTS {SCHEMA}.signals CASCADE; DROP SCHEMA IF EXISTS {SCHEMA}");
    client.batch_execute(&sql).await.map_err(Error::new("removing the copy of signals"))
}

async fn make(
    client: &Client,
    layout: Layout,
    days: u32,
    max_rows: u32,
    doing: &str,
) -> Result<Measured, Error> {
    let failed = || Error::new(doing.to_owned());
    let own_days = layout.days;
    client
        .batch_execute(&format!(
            "CREATE SCHEMA {SCHEMA};
             CREATE TABLE {SCHEMA}.signals (LIKE tp_capital.tp_capital_signals, PRIMARY KEY (id, ts));
             SELECT create_hypertable('{SCHEMA}.signals', by_range('ts', INTERVAL '{own_days} days'),
                                      create_default_indexes => false);
             INSERT INTO {SCHEMA}.signals
                 SELECT * FROM (SELECT * FROM tp_capital.tp_capital_signals
                                WHERE ts > (SELECT max(ts) FROM tp_capital.tp_capital_signals) - interval '{days} days'
                                ORDER BY ts DESC LIMIT {max_rows}) AS newest ORDER BY ts"
        ))
        .await
        .map_err(failed())?;
    let row = client
        .query_one(
            &format!(
                "SELECT count(*), coalesce(extract(epoch FROM max(ts) - min(ts)) / 86400, 0)::float8,
                        hypertable_size('{SCHEMA}.signals') FROM {SCHEMA}.signals"
            ),
            &[],
        )
        .await
        .map_err(failed())?;
    let (rows, days, plain_bytes) = (
        row.try_get(0).map_err(failed())?,
        row.try_get(1).map_err(failed())?,
        row.try_get(2).map_err(failed())?,
    );
    let columns = layout.columns();
    client
        .batch_execute(&format!(
            "ALTER TABLE {SCHEMA}.signals SET (timescaledb.compress, timescaledb.compress_segmentby = '{columns}',
                                               timescaledb.compress_orderby = 'ts DESC, id DESC');
             SELECT compress_chunk(chunk) FROM show_chunks('{SCHEMA}.signals') AS chunk"
        ))
        .await
        .map_err(failed())?;
    let size = client
        .query_one(&format!("SELECT hypertable_size('{SCHEMA}.signals')"), &[])
        .await
        .map_err(failed())?;
    let compressed_bytes = size.try_get(0).map_err(failed())?;
    Ok(Measured { layout, rows, days, plain_bytes, compressed_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_compressed_yet_counts() {
        let layout = |days| Layout { days, segment_by: &["asset"] };
        let measured = |days, compressed_bytes| Measured {
            layout: layout(days),
            rows: 1,
            days: 100.0,
            plain_bytes: 1_000,
            compressed_bytes,
        };
        for (measured, uncompressed, bytes) in [
            (measured(30, 200), 22.0, 22.0 * 10.0 + 78.0 * 2.0),
            (measured(180, 100), 97.0, 97.0 * 10.0 + 3.0 * 1.0),
        ] {
            let footprint = measured.footprint(100.0);
            assert!((footprint.uncompressed_days - uncompressed).abs() < 1e-9);
            assert!((footprint.bytes - bytes).abs() < 1e-9, "{footprint:?}");
        }
        assert!((measured(30, 200).saved_percent() - 80.0).abs() < 1e-9);
    }
}
