//! A query that may be cached: what is looked at in which order, and how a result is read.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use deadpool_postgres::Client;
use query_cache_model::{Key, KeyBuilder, Version};
use quick_cache::Weighter;

use crate::ask::Ask;
use crate::class::Class;
use crate::error::Error;
use crate::flights::Ticket;
use crate::identity::Identity;
use crate::inner::Inner;
use crate::rows::Rows;
use crate::{direct, fill, parameters};

/// A result as it is cached.
#[derive(Debug)]
pub(crate) struct Entry {
    /// How far the changes were known before the query ran.
    version: Version,
    until: Instant,
    rows: Rows,
}

/// What a result takes in memory.
#[derive(Clone)]
pub(crate) struct EntryWeight;

impl Weighter<Key, Arc<Entry>> for EntryWeight {
    fn weight(&self, key: &Key, entry: &Arc<Entry>) -> u64 {
        u64::try_from(key.full().len() + entry.rows.bytes() + 128).unwrap_or(u64::MAX)
    }
}

/// A query whose result may be cached, and what it is cached under.
#[derive(Clone, Copy)]
struct Cacheable<'a> {
    ask: Ask<'a>,
    identity: &'a Arc<Identity>,
    class: &'a Class,
    tables: &'a [u32],
    key: &'a Key,
}

impl Inner {
    /// Answers from the cache, or fills it. `client` is the connection to use; else one of the pool's.
    pub(crate) async fn answer(
        &self,
        identity: &Arc<Identity>,
        mut client: Option<&mut Client>,
        ask: Ask<'_>,
    ) -> Result<Rows, Error> {
        let start = Instant::now();
        let Some(class) = self.class(identity, client.as_deref_mut(), ask).await? else {
            return self.bypass("connection", client, None, ask).await;
        };
        let tables = match &class.tables {
            Ok(tables) => tables,
            Err(reason) => {
                tracing::debug!(sql = ask.sql, reason, "query cache: past the cache");
                return self.bypass("statement", client, Some(&class), ask).await;
            }
        };
        if self.follower.unknown(tables).is_some() {
            return self.bypass("table", client, Some(&class), ask).await;
        }
        let Some(key) = self.key(identity, &class, ask) else {
            return self.bypass("parameters", client, Some(&class), ask).await;
        };
        if let Some(entry) = self.results.get(&key)
            && self.is_true(&entry, tables)
        {
            class.meters.local_hits.inc();
            class.meters.hit_duration.observe(start.elapsed().as_secs_f64());
            tracing::debug!(sql = ask.sql, key = ?key, "query cache: hit");
            return Ok(entry.rows.clone());
        }
        if class.is_passed_by() {
            return self.bypass("large", client, Some(&class), ask).await;
        }
        self.fetch(Cacheable { ask, identity, class: &class, tables, key: &key }, client, start).await
    }

    /// Reads it from where all share their results, or from the database, once for all who want it now.
    async fn fetch(
        &self,
        query: Cacheable<'_>,
        client: Option<&mut Client>,
        start: Instant,
    ) -> Result<Rows, Error> {
        let Cacheable { ask, class, tables, key, .. } = query;
        let lead = loop {
            match self.fetching.board(key) {
                Ticket::Lead(lead) => break lead,
                // Whoever leads may need a connection of the pool: one who has one must not wait for them.
                Ticket::Wait(_) if client.is_some() => {
                    return self.bypass("flight", client, Some(class), ask).await;
                }
                Ticket::Wait(mut waiting) => {
                    match waiting.wait_for(Option::is_some).await.map(|landed| landed.clone()) {
                        Ok(Some(Some(entry))) if self.is_true(&entry, tables) => {
                            class.meters.flight_hits.inc();
                            class.meters.hit_duration.observe(start.elapsed().as_secs_f64());
                            return Ok(entry.rows.clone());
                        }
                        // Its lead went away: another leads.
                        Err(_) => {}
                        Ok(_) => return self.bypass("flight", client, Some(class), ask).await,
                    }
                }
            }
        };
        // Another may have landed while this one boarded.
        if let Some(entry) = self.results.get(key)
            && self.is_true(&entry, tables)
        {
            lead.land(Some(Arc::clone(&entry)));
            class.meters.local_hits.inc();
            class.meters.hit_duration.observe(start.elapsed().as_secs_f64());
            return Ok(entry.rows.clone());
        }
        if let Some(entry) = self.look_shared(key, tables).await {
            self.results.insert(key.clone(), Arc::clone(&entry));
            lead.land(Some(Arc::clone(&entry)));
            class.meters.shared_hits.inc();
            class.meters.hit_duration.observe(start.elapsed().as_secs_f64());
            return Ok(entry.rows.clone());
        }
        class.meters.misses.inc();
        tracing::debug!(sql = ask.sql, key = ?key, "query cache: miss");
        let (rows, entry) = self.fill(query, client).await?;
        lead.land(entry.clone());
        class.meters.miss_duration.observe(start.elapsed().as_secs_f64());
        if let (Some(shared), Some(entry)) = (&self.shared, entry) {
            let left = entry.until.saturating_duration_since(Instant::now());
            if shared.put(key, entry.version, &entry.rows, left).await.is_err() {
                self.count_error("shared");
            }
        }
        Ok(rows)
    }

    /// Reads from the database; what is to be cached, if it may be.
    async fn fill(
        &self,
        query: Cacheable<'_>,
        client: Option<&mut Client>,
    ) -> Result<(Rows, Option<Arc<Entry>>), Error> {
        let Cacheable { ask, identity, class, tables, key } = query;
        let mut own;
        let client = match client {
            Some(client) => client,
            None => {
                own = self.pool.get().await?;
                &mut own
            }
        };
        // Before the query runs: what is committed from here on voids what it reads.
        let version = self.follower.version();
        let pooled = self.options.pooled;
        let (rows, said) = match fill::query(client, ask.sql, ask.parameters, &class.types, pooled).await {
            Ok(read) => read,
            // Types of the database's own have to be looked up, and a pooler may tear that from the query.
            Err(error) if pooled => {
                tracing::debug!(%error, sql = ask.sql, "query cache: past the cache");
                (direct::query(client, ask, None, pooled).await?, None)
            }
            Err(error) => return Err(error.into()),
        };
        let rows = Rows::from_database(&rows)?;
        let ttl = ask.options.ttl.unwrap_or(self.options.ttl);
        let ttl = if rows.is_empty() { ttl.min(self.options.empty_ttl) } else { ttl };
        let is_shareable = said.is_some_and(|said| said.identity == *identity && said.may_be_shared(pooled));
        let Some(version) = version.filter(|version| {
            // What is known of the statement must be as new as what it read.
            is_shareable
                && rows.bytes() <= self.options.max_result_bytes
                && class.since.is_some_and(|since| self.follower.holds(since, &[]))
                && self.follower.holds(*version, tables)
        }) else {
            if rows.bytes() > self.options.max_result_bytes {
                class.pass_by();
            }
            return Ok((rows, None));
        };
        let entry = Arc::new(Entry { version, until: Instant::now() + ttl, rows: rows.clone() });
        self.results.insert(key.clone(), Arc::clone(&entry));
        if let Some(metrics) = &self.metrics {
            metrics.stored_bytes.set(i64::try_from(self.results.weight()).unwrap_or(i64::MAX));
        }
        Ok((rows, Some(entry)))
    }

    fn is_true(&self, entry: &Entry, tables: &[u32]) -> bool {
        // The lease is looked at last: what is known then is what was compared with, or newer.
        self.follower.holds(entry.version, tables)
            && entry.until > Instant::now()
            && self.follower.check().is_ok()
    }

    async fn look_shared(&self, key: &Key, tables: &[u32]) -> Option<Arc<Entry>> {
        match self.shared.as_ref()?.get(key).await {
            Ok(Some((version, rows, left))) => {
                let entry = Arc::new(Entry { version, until: Instant::now() + left, rows });
                self.is_true(&entry, tables).then_some(entry)
            }
            Ok(None) => None,
            Err(_) => {
                self.count_error("shared");
                None
            }
        }
    }

    fn key(&self, identity: &Identity, class: &Class, ask: Ask<'_>) -> Option<Key> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let mut key = KeyBuilder::new();
        key.field(database.as_ref()?.as_bytes()).field(identity.text.as_bytes()).field(ask.sql.as_bytes());
        parameters::add(&mut key, ask.parameters, &class.types).then(|| key.finish())
    }
}
