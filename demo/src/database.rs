//! Connections to PostgreSQL, directly or through a pooler.

use std::time::Duration;

use anyhow::{Context, Result};
use deadpool_postgres::Pool;
use pooled_postgres::{PoolOptions, Tls, Way};
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
        Ok(Database { pool, names_statements })
    }

    /// The rows of a query.
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
        rows.into_iter()
            .next()
            .ok_or_else(|| Error::Unavailable("a query that always has a row had none".to_owned()))
    }
}
