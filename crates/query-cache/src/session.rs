//! A connection that one user has for themselves.

use std::sync::Arc;

use deadpool_postgres::{Client, Transaction};
use tokio_postgres::types::ToSql;

use crate::cache::Inner;
use crate::error::Error;
use crate::identity::{self, Identity};
use crate::options::QueryOptions;
use crate::rows::Rows;

/// A connection of the pool for one user, whose settings (`SET ROLE`, `search_path`, `TimeZone`) may be changed through it.
///
/// What it is set to is asked anew after everything that may have changed it, and is part of what results are cached by.
pub struct Session {
    inner: Arc<Inner>,
    client: Client,
    identity: Option<Arc<Identity>>,
}

impl Session {
    pub(crate) fn new(inner: Arc<Inner>, client: Client) -> Self {
        Self { inner, client, identity: None }
    }

    /// Runs a query, as `query` of a client would; within a transaction that was begun by [`batch_execute`](Self::batch_execute) it is
    /// never answered from the cache.
    pub async fn query(&mut self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Rows, Error> {
        self.query_with(sql, parameters, &QueryOptions::default()).await
    }

    /// Runs a query with options of its own.
    pub async fn query_with(
        &mut self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
        options: &QueryOptions,
    ) -> Result<Rows, Error> {
        // Behind a pooler what was set may be another connection's by now.
        let reason = if self.inner.options.pooled {
            Some("pooled session")
        } else {
            self.inner.may_cache(sql, options).await.err()
        };
        if let Some(reason) = reason {
            self.identity = None;
            return self.inner.bypass(reason, Some(&mut self.client), None, sql, parameters).await;
        }
        if self.identity.is_none() {
            // In a transaction that failed nothing can be asked.
            let said = identity::ask(&self.client).await.unwrap_or_default();
            self.identity = said.filter(|said| said.may_be_shared(false)).map(|said| said.identity);
        }
        let Some(identity) = self.identity.clone() else {
            return self.inner.bypass("transaction", Some(&mut self.client), None, sql, parameters).await;
        };
        let answer = self.inner.answer(&identity, Some(&mut self.client), sql, parameters, options).await;
        if !self.inner.is_cacheable(&identity, sql, options) {
            // What calls volatile functions may have changed the settings.
            self.identity = None;
        }
        answer
    }

    /// Runs statements, which may change what the connection is set to.
    pub async fn batch_execute(&mut self, sql: &str) -> Result<(), Error> {
        self.identity = None;
        Ok(self.client.batch_execute(sql).await?)
    }

    /// Runs a statement; how many rows it concerned.
    pub async fn execute(&mut self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        self.identity = None;
        Ok(self.client.execute(sql, parameters).await?)
    }

    /// Begins a transaction. Its queries go to the database.
    pub async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        self.identity = None;
        Ok(self.client.transaction().await?)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("identity", &self.identity).finish_non_exhaustive()
    }
}
