//! A connection that one user has for themselves.

use std::sync::Arc;

use deadpool_postgres::{Client, Transaction};
use tokio_postgres::types::ToSql;

use crate::ask::Ask;
use crate::error::Error;
use crate::identity::{self, Identity};
use crate::inner::Inner;
use crate::options::QueryOptions;
use crate::rows::Rows;

/// A connection of the pool for one user, whose settings (`SET ROLE`, `search_path`, `TimeZone`) may be changed through it.
///
/// What it is set to is asked anew after everything that may have changed it, and is part of what results are cached by.
pub struct Session {
    inner: Arc<Inner>,
    /// Taken when it ends.
    client: Option<Client>,
    identity: Option<Arc<Identity>>,
    /// Something was run that may have changed what the connection is set to.
    is_touched: bool,
}

impl Session {
    pub(crate) fn new(inner: Arc<Inner>, client: Client) -> Self {
        Self { inner, client: Some(client), identity: None, is_touched: false }
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
        let ask = Ask { sql, parameters, types: None, options };
        let client = self.client.as_mut().ok_or(Error::Over)?;
        // Behind a pooler what was set may be another connection's by now.
        let reason = if self.inner.options.pooled {
            Some("pooled session")
        } else {
            self.inner.may_cache(sql, options).await.err()
        };
        if let Some(reason) = reason {
            self.identity = None;
            // It is not looked into what it does.
            self.is_touched = true;
            return self.inner.bypass(reason, Some(client), None, ask).await;
        }
        if self.identity.is_none() {
            // In a transaction that failed nothing can be asked.
            let said = identity::ask(client).await.unwrap_or_default();
            self.identity = said.filter(|said| said.may_be_shared(false)).map(|said| said.identity);
        }
        let Some(identity) = self.identity.clone() else {
            return self.inner.bypass("transaction", Some(client), None, ask).await;
        };
        let answer = self.inner.answer(&identity, Some(client), ask).await;
        if !self.inner.is_cacheable(&identity, ask) {
            // What calls volatile functions may have changed the settings.
            self.identity = None;
            self.is_touched = true;
        }
        answer
    }

    /// Runs statements, which may change what the connection is set to.
    pub async fn batch_execute(&mut self, sql: &str) -> Result<(), Error> {
        Ok(self.touch()?.batch_execute(sql).await?)
    }

    /// Runs a statement; how many rows it concerned.
    pub async fn execute(&mut self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        Ok(self.touch()?.execute(sql, parameters).await?)
    }

    /// Begins a transaction. Its queries go to the database.
    pub async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        Ok(self.touch()?.transaction().await?)
    }

    fn touch(&mut self) -> Result<&mut Client, Error> {
        self.identity = None;
        self.is_touched = true;
        self.client.as_mut().ok_or(Error::Over)
    }
}

impl Drop for Session {
    /// Whoever gets a connection from the pool next expects a new one's settings.
    fn drop(&mut self) {
        if let Some(client) = self.client.take_if(|_| self.is_touched) {
            drop(deadpool_postgres::Object::take(client));
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("identity", &self.identity).finish_non_exhaustive()
    }
}
