//! Connections to PostgreSQL, directly or through a pooler, and the query cache over them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use deadpool_postgres::Pool;
use pooled_postgres::{PoolOptions, Tls, Way};
use prometheus::Registry;
use query_cache::{Lsn, Options, QueryCache, QueryOptions, Rows};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::error::Error;

/// How long a request waits for a connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// A value of a query, and its type.
pub type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A database to ask.
#[derive(Debug, Clone)]
pub struct Database {
    pool: Pool,
    names_statements: bool,
    cache: Option<QueryCache>,
    /// How far the log had been written when this process had last written: what it reads afterwards has that.
    written: Arc<AtomicU64>,
}

impl Database {
    /// At most `size` connections, made when they are needed.
    ///
    /// Statements are named and kept in the server's session unless a pooler hands each transaction another one: then each query is one unit that names
    /// nothing.
    pub fn new(url: &str, way: &Way, tls: &Tls, size: usize, names_statements: bool) -> Result<Database> {
        // The URL may hold a password, so the message does not repeat it.
        let config = way.config(url).context("--database-url is not a PostgreSQL URL")?;
        let options = PoolOptions { max_size: size, wait: PATIENCE };
        let pool =
            pooled_postgres::pool(config, tls.clone(), options).context("cannot make the connection pool")?;
        Ok(Database { pool, names_statements, cache: None, written: Arc::default() })
    }

    /// The same, with repeated reads from memory.
    pub fn cached(self, options: Options) -> Database {
        Database { cache: Some(QueryCache::new(self.pool.clone(), options)), ..self }
    }

    /// What the cache counts, if there is one.
    pub fn metrics(&self) -> Option<&Registry> {
        self.cache.as_ref().map(QueryCache::registry)
    }

    /// The rows of a query that only reads, from the cache if it has them. Metrics call it by this name.
    pub async fn read(
        &self,
        name: &'static str,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Rows, Error> {
        let Some(cache) = &self.cache else {
            return Ok(Rows::from_database(&self.query(sql, parameters).await?)?);
        };
        let written = self.written.load(Ordering::Acquire);
        let after = (written > 0).then_some(Lsn(written));
        let options = QueryOptions { name: Some(name), after, ..QueryOptions::default() };
        Ok(cache.query_typed(sql, parameters, &options).await?)
    }

    /// The one row that a statement gives which writes. Whatever this process reads from then on has what was written.
    pub async fn write(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Rows, Error> {
        let row = self.query_one(sql, parameters).await?;
        if let Some(cache) = &self.cache {
            self.written.fetch_max(cache.position().await?.0, Ordering::AcqRel);
        }
        Ok(Rows::from_database(&[row])?)
    }

    /// The rows of a query, always the database's own.
    pub async fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        let client = self.pool.get().await?;
        if !self.names_statements {
            return Ok(client.query_typed(sql, parameters).await?);
        }
        let types: Vec<Type> = parameters.iter().map(|(_, kind)| kind.clone()).collect();
        let values: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|(value, _)| *value).collect();
        let statement = client.prepare_typed_cached(sql, &types).await?;
        Ok(client.query(&statement, &values).await?)
    }

    /// The first row of a query that has one.
    pub async fn query_one(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Row, Error> {
        let rows = self.query(sql, parameters).await?;
        rows.into_iter().next().ok_or_else(Error::no_row)
    }
}
