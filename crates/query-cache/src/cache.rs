//! The face of the cache.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use prometheus::Registry;
use query_cache_model::Lsn;
use tokio_postgres::types::{ToSql, Type};

use crate::ask::Ask;
use crate::error::Error;
use crate::identity;
use crate::inner::Inner;
use crate::options::{Options, QueryOptions};
use crate::rows::{Row, Rows};
use crate::session::Session;

/// Answers queries of a pool from memory where that is right, and from the database where not. Clones share everything.
#[derive(Clone)]
pub struct QueryCache {
    inner: Arc<Inner>,
}

/// How a cache is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Why everything goes to the database now; none if it does not.
    pub doubt: Option<String>,
    /// How old what is known of the changes is.
    pub age: Option<Duration>,
    /// How far the changes are known.
    pub position: Option<Lsn>,
    /// How many tables are followed.
    pub tables: usize,
    /// How many results are here.
    pub results: usize,
}

impl fmt::Debug for QueryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryCache").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl QueryCache {
    /// A cache over this pool. Within a tokio runtime it begins to follow the changes; until it does, queries go to the database.
    pub fn new(pool: Pool, options: Options) -> Self {
        Self { inner: Inner::start(pool, options) }
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.inner.pool
    }

    /// Where the metrics are registered.
    pub fn registry(&self) -> &Registry {
        &self.inner.options.registry
    }

    /// Runs a query, as `query` of a client would.
    pub async fn query(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Rows, Error> {
        self.query_with(sql, parameters, &QueryOptions::default()).await
    }

    /// Runs a query whose result is kept for this long if nothing changes.
    pub async fn query_for(
        &self,
        ttl: Duration,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Rows, Error> {
        self.query_with(sql, parameters, &QueryOptions::ttl(ttl)).await
    }

    /// Runs a query that must have one row.
    pub async fn query_one(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Row, Error> {
        let rows = self.query(sql, parameters).await?;
        match rows.first() {
            Some(row) if rows.len() == 1 => Ok(row),
            _ => Err(Error::RowCount(rows.len())),
        }
    }

    /// Runs a query that may have one row at most.
    pub async fn query_opt(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        let rows = self.query(sql, parameters).await?;
        if rows.len() > 1 { Err(Error::RowCount(rows.len())) } else { Ok(rows.first()) }
    }

    /// Runs a query with options of its own.
    pub async fn query_with(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
        options: &QueryOptions,
    ) -> Result<Rows, Error> {
        self.inner.query(Ask { sql, parameters, types: None, options }).await
    }

    /// Runs a query whose parameters' types are said, as `query_typed` of a client would: nothing has to be found out
    /// where it goes past the cache.
    pub async fn query_typed(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
        options: &QueryOptions,
    ) -> Result<Rows, Error> {
        let types: Vec<Type> = parameters.iter().map(|(_, type_)| type_.clone()).collect();
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|(value, _)| *value).collect();
        self.inner.query(Ask { sql, parameters: &parameters, types: Some(&types), options }).await
    }

    /// A connection of the pool for one user, whose settings may be changed through it.
    pub async fn session(&self) -> Result<Session, Error> {
        let client = self.inner.pool.get().await?;
        Ok(Session::new(Arc::clone(&self.inner), client))
    }

    /// How far the database's log has been written, for [`QueryOptions::after`]: a query that asks for it sees what was committed before.
    pub async fn position(&self) -> Result<Lsn, Error> {
        let client = self.inner.pool.get().await?;
        let messages = client.simple_query("SELECT pg_current_wal_insert_lsn()::text").await?;
        let lsn = messages.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        });
        lsn.ok_or(Error::RowCount(0))
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        let inner = &*self.inner;
        let doubt = if inner.options.enabled {
            inner.follower.check().err().map(|doubt| doubt.label().to_owned())
        } else {
            Some("disabled".to_owned())
        };
        Status {
            doubt,
            age: inner.follower.age(),
            position: inner.follower.version().map(|version| version.lsn),
            tables: inner.follower.count(),
            results: inner.results.len(),
        }
    }

    /// Whether the result of a statement is cached; else why not. Asks the database if it is not known yet.
    pub async fn explain(&self, sql: &str) -> Result<Result<(), String>, Error> {
        let mut client = self.inner.pool.get().await?;
        let Some(said) = identity::ask(&client).await? else { return Ok(Err("connection".to_owned())) };
        let options = QueryOptions::default();
        let ask = Ask { sql, parameters: &[], types: None, options: &options };
        let Some(class) = self.inner.classify(&mut client, &said.identity, ask).await? else {
            return Ok(Err("connection".to_owned()));
        };
        Ok(match &class.tables {
            Ok(tables) => match self.inner.follower.unknown(tables) {
                Some(table) => Err(format!("the changes of the table with the oid {table} are not followed")),
                None => Ok(()),
            },
            Err(reason) => Err(reason.clone()),
        })
    }
}
