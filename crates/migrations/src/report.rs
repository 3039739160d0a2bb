//! `report`: what each index takes, and what it gives.

use serde::Serialize;
use serde_json::Value;

use crate::{Error, Migrator};

/// How many rows are written to measure what an index costs.
const SAMPLE_ROWS: u32 = 2_000;
/// How often; the least counts, as nothing makes a write faster than it is.
const ROUNDS: u32 = 3;

/// What is known of an index.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IndexReport {
    /// Its name.
    pub index: String,
    /// Its table.
    pub table: String,
    /// How large it is, in bytes.
    pub bytes: u64,
    /// How often it was used since the statistics were last reset.
    pub scans: u64,
    /// Whether it enforces something, or is the primary key.
    pub is_constraint: bool,
    /// The migration that makes it.
    pub migration: Option<u32>,
    /// What it adds to a write, if that was measured.
    pub write_cost: Option<Measured>,
    /// Why it could go; none: it earns its keep, or enforces something.
    pub could_go: Option<String>,
}

/// What an index adds to the writing of a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measured {
    /// Time, in microseconds.
    pub micros_per_row: f64,
    /// Write-ahead log, in bytes.
    pub wal_bytes_per_row: f64,
    /// How many rows were written.
    pub rows: u64,
}

struct Found {
    report: IndexReport,
    definition: String,
    /// Access method, columns and predicate, to see which covers which.
    method: String,
    keys: Vec<String>,
    predicate: Option<String>,
    is_primary: bool,
}

impl Migrator {
    /// All indexes of the schema, the largest first. If writes are to be `measure`d, some rows are copied into a scratch schema and written
    /// there with each index, in a transaction that is rolled back.
    pub async fn report(&self, measure: bool) -> Result<Vec<IndexReport>, Error> {
        let failed =
            |error: tokio_postgres::Error| Error::database("reading the indexes' statistics", &error);
        let mut found = self.indexes().await.map_err(failed)?;
        let reasons: Vec<Option<String>> = found.iter().map(|own| could_go(own, &found)).collect();
        for (own, reason) in found.iter_mut().zip(reasons) {
            own.report.could_go = reason;
        }
        if measure {
            self.check_writable().await?;
            let failed = |error: tokio_postgres::Error| {
                Error::database("measuring writes in a scratch schema", &error)
            };
            self.client.batch_execute("BEGIN; CREATE SCHEMA slipstream_report").await.map_err(failed)?;
            let measured = self.measure(&mut found).await;
            self.roll_back().await?;
            measured.map_err(failed)?;
        }
        Ok(found.into_iter().map(|own| own.report).collect())
    }

    async fn indexes(&self) -> Result<Vec<Found>, tokio_postgres::Error> {
        let rows = self
            .client
            .query(
                "SELECT i.relname::text, t.relname::text, pg_relation_size(i.oid), coalesce(s.idx_scan, 0),
                        x.indisunique OR x.indisexclusion, x.indisprimary, pg_get_indexdef(i.oid), m.amname::text,
                        ARRAY(SELECT pg_get_indexdef(i.oid, k, true) || ' ' || x.indoption[k - 1]
                              FROM generate_series(1, x.indnkeyatts::int) k ORDER BY k),
                        pg_get_expr(x.indpred, x.indrelid)
                 FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
                 JOIN pg_am m ON m.oid = i.relam JOIN pg_namespace n ON n.oid = t.relnamespace
                 LEFT JOIN pg_stat_user_indexes s ON s.indexrelid = i.oid
                 WHERE n.nspname = $1 AND t.relname <> 'schema_version' ORDER BY 3 DESC, 1",
                &[&self.target.schema()],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let index: String = row.try_get(0)?;
                let number = |value: i64| u64::try_from(value).unwrap_or(0);
                Ok(Found {
                    report: IndexReport {
                        migration: self.migration_of(&index),
                        index,
                        table: row.try_get(1)?,
                        bytes: number(row.try_get(2)?),
                        scans: number(row.try_get(3)?),
                        is_constraint: row.try_get(4)?,
                        write_cost: None,
                        could_go: None,
                    },
                    is_primary: row.try_get(5)?,
                    definition: row.try_get(6)?,
                    method: row.try_get(7)?,
                    keys: row.try_get(8)?,
                    predicate: row.try_get(9)?,
                })
            })
            .collect()
    }

    fn migration_of(&self, index: &str) -> Option<u32> {
        let makes = |own: &&crate::Migration| own.evidence.as_ref().is_some_and(|own| own.index == index);
        self.series.migrations().iter().find(makes).map(|migration| migration.number)
    }

    async fn measure(&self, found: &mut [Found]) -> Result<(), tokio_postgres::Error> {
        let mut tables: Vec<String> = found.iter().map(|own| own.report.table.clone()).collect();
        tables.sort_unstable();
        tables.dedup();
        let schema = self.target.schema();
        for (number, table) in tables.iter().enumerate() {
            let (copy, rows) =
                (format!("slipstream_report.t{number}"), format!("slipstream_report.r{number}"));
            self.client
                .batch_execute(&format!(
                    "CREATE TABLE {copy} (LIKE {schema}.{table});
                     CREATE TABLE {rows} AS SELECT * FROM {schema}.{table} LIMIT {SAMPLE_ROWS}"
                ))
                .await?;
            // What others cost is what they add to the primary key alone.
            for own in found.iter().filter(|own| own.report.table == *table && own.is_primary) {
                self.client.batch_execute(&own.on(schema, &copy)).await?;
            }
            let Some(base) = self.write(&copy, &rows, None).await? else { continue };
            for own in found.iter_mut().filter(|own| own.report.table == *table && !own.is_primary) {
                self.client.batch_execute(&own.on(schema, &copy)).await?;
                let name = format!("slipstream_report.\"{}\"", own.report.index);
                let gin = (own.method == "gin").then_some(name.as_str());
                if let Some(with) = self.write(&copy, &rows, gin).await? {
                    own.report.write_cost = Some(Measured {
                        micros_per_row: (with.micros_per_row - base.micros_per_row).max(0.0),
                        wal_bytes_per_row: (with.wal_bytes_per_row - base.wal_bytes_per_row).max(0.0),
                        rows: with.rows,
                    });
                }
                self.client.batch_execute(&format!("DROP INDEX {name}; TRUNCATE {copy}")).await?;
            }
        }
        Ok(())
    }

    /// Writes the rows; what it took a row. Of a GIN index what is put off counts, too.
    async fn write(
        &self,
        copy: &str,
        rows: &str,
        gin: Option<&str>,
    ) -> Result<Option<Measured>, tokio_postgres::Error> {
        let explain = "EXPLAIN (ANALYZE, WAL, TIMING OFF, FORMAT JSON)";
        let mut least: Option<Measured> = None;
        for _ in 0..ROUNDS {
            self.client.batch_execute(&format!("TRUNCATE {copy}")).await?;
            let mut sum = self.cost(&format!("{explain} INSERT INTO {copy} SELECT * FROM {rows}")).await?;
            if let Some(gin) = gin {
                let put_off = self.cost(&format!("{explain} SELECT gin_clean_pending_list('{gin}')")).await?;
                sum = (sum.0 + put_off.0, sum.1 + put_off.1, sum.2);
            }
            let (millis, wal, count) = sum;
            if count == 0.0 {
                return Ok(None);
            }
            let measured = Measured {
                micros_per_row: millis * 1e3 / count,
                wal_bytes_per_row: wal / count,
                rows: count as u64,
            };
            if least.is_none_or(|least| measured.micros_per_row < least.micros_per_row) {
                least = Some(measured);
            }
        }
        Ok(least)
    }

    /// Milliseconds, bytes of WAL, and rows of an explained statement.
    async fn cost(&self, sql: &str) -> Result<(f64, f64, f64), tokio_postgres::Error> {
        let plan: Value = self.client.query_one(sql, &[]).await?.try_get(0)?;
        let figure = |path: &str| plan.pointer(path).and_then(Value::as_f64).unwrap_or(0.0);
        // An INSERT itself returns no rows; what feeds it does.
        let rows = figure("/0/Plan/Plans/0/Actual Rows").max(figure("/0/Plan/Actual Rows"));
        Ok((figure("/0/Execution Time"), figure("/0/Plan/WAL Bytes"), rows))
    }
}

impl Found {
    /// The same index on another table.
    fn on(&self, schema: &str, copy: &str) -> String {
        let own = format!(" ON {schema}.{} ", self.report.table);
        self.definition.replacen(&own, &format!(" ON {copy} "), 1)
    }
}

fn could_go(own: &Found, all: &[Found]) -> Option<String> {
    if own.report.is_constraint {
        return None;
    }
    let covers = |other: &&Found| {
        other.report.index != own.report.index
            && other.report.table == own.report.table
            && other.method == "btree"
            && own.method == "btree"
            && other.predicate == own.predicate
            && other.keys.starts_with(&own.keys)
            // Of two that are the same, the one that no migration makes could go.
            && (other.keys.len() > own.keys.len() || own.report.migration.is_none())
    };
    if let Some(other) = all.iter().find(covers) {
        return Some(format!("{} begins with the same columns", other.report.index));
    }
    (own.report.scans == 0).then(|| "never used since the statistics were reset".to_owned())
}
