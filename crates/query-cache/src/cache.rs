//! The cache itself: what is asked in which order.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use deadpool_postgres::{Client, Pool};
use prometheus::Registry;
use query_cache_model::{Key, KeyBuilder, Lsn, Version, shape};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;

use crate::class::{Class, ClassKey, ClassRef, ClassWeight};
use crate::error::Error;
use crate::flights::{Flights, Ticket};
use crate::follower::Follower;
use crate::identity::{self, Identity};
use crate::l2::Shared;
use crate::metrics::Metrics;
use crate::options::{Options, QueryOptions};
use crate::rows::{Row, Rows};
use crate::session::Session;
use crate::{anchor, catalogue, direct, fill, parameters};

/// How long a query that asks for it waits for the changes up to a place in the log.
const CATCH_UP: Duration = Duration::from_millis(50);

/// A result as it is cached.
#[derive(Debug)]
pub(crate) struct Entry {
    /// How far the changes were known before the query ran.
    version: Version,
    until: Instant,
    rows: Rows,
}

#[derive(Clone)]
struct EntryWeight;

impl Weighter<Key, Arc<Entry>> for EntryWeight {
    fn weight(&self, key: &Key, entry: &Arc<Entry>) -> u64 {
        u64::try_from(key.full().len() + entry.rows.bytes() + 128).unwrap_or(u64::MAX)
    }
}

/// Answers queries of a pool from memory where that is right, and from the database where not. Clones share everything.
#[derive(Clone)]
pub struct QueryCache {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) pool: Pool,
    pub(crate) options: Options,
    follower: Arc<Follower>,
    metrics: Option<Metrics>,
    /// What the pool's connections are set to when they are new.
    home: RwLock<Option<Arc<Identity>>>,
    /// The database, as the companion names it.
    database: RwLock<Option<Arc<str>>>,
    classes: Cache<ClassKey, Arc<Class>, ClassWeight>,
    results: Cache<Key, Arc<Entry>, EntryWeight>,
    flights: Flights,
    shared: Option<Shared>,
    background: RwLock<Option<JoinHandle<()>>>,
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
        let metrics = Metrics::new(&options.registry, options.max_label_sets);
        if let Err(error) = &metrics {
            tracing::warn!(%error, "query cache: not measured, give each cache a registry of its own");
        }
        let shared = options
            .shared_url
            .as_ref()
            .map(|url| Shared::new(url, &options.key_prefix, options.shared_timeout));
        let results = usize::try_from(options.max_bytes / 4_096).unwrap_or(usize::MAX).max(16);
        let inner = Arc::new(Inner {
            follower: Arc::new(Follower::new(options.max_staleness, options.anchor_interval)),
            metrics: metrics.ok(),
            home: RwLock::new(None),
            database: RwLock::new(None),
            classes: Cache::with_weighter(1_024, options.max_statement_bytes, ClassWeight),
            results: Cache::with_weighter(results, options.max_bytes, EntryWeight),
            flights: Flights::default(),
            shared,
            background: RwLock::new(None),
            pool,
            options,
        });
        if inner.options.enabled {
            let work = tokio::spawn(run(Arc::downgrade(&inner)));
            *inner.background.write().unwrap_or_else(PoisonError::into_inner) = Some(work);
        }
        Self { inner }
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
        let inner = &*self.inner;
        if let Err(reason) = inner.may_cache(sql, options).await {
            return inner.bypass(reason, None, None, sql, parameters).await;
        }
        let home = inner.home.read().unwrap_or_else(PoisonError::into_inner).clone();
        let home = match home {
            Some(home) => home,
            None => match inner.find_home().await? {
                Some(home) => home,
                None => return inner.bypass("connection", None, None, sql, parameters).await,
            },
        };
        inner.answer(&home, None, sql, parameters, options).await
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
        let class = self.inner.classify(&mut client, &said.identity, sql, None).await?;
        Ok(match &class.tables {
            Ok(tables) => match self.inner.follower.unknown(tables) {
                Some(table) => Err(format!("the changes of the table with the oid {table} are not followed")),
                None => Ok(()),
            },
            Err(reason) => Err(reason.clone()),
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(work) = self.background.write().unwrap_or_else(PoisonError::into_inner).take() {
            work.abort();
        }
    }
}

/// Finds out which database the pool leads to, and follows its changes.
async fn run(inner: std::sync::Weak<Inner>) {
    let (pool, follower, options) = match inner.upgrade() {
        Some(inner) => (inner.pool.clone(), Arc::clone(&inner.follower), inner.options.clone()),
        None => return,
    };
    let database = loop {
        match anchor::ask(&pool).await {
            Some((database, _)) => break database,
            None => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    match inner.upgrade() {
        Some(inner) => {
            *inner.database.write().unwrap_or_else(PoisonError::into_inner) = Some(database.as_str().into());
        }
        None => return,
    }
    tokio::join!(
        follower.run(&options.state_url, &options.key_prefix, &database),
        anchor::watch(pool, Arc::clone(&follower), database.clone(), options.anchor_interval),
    );
}

impl Inner {
    /// Whether anything may come from the cache now; else why not.
    pub(crate) async fn may_cache(&self, sql: &str, options: &QueryOptions) -> Result<(), &'static str> {
        if !self.options.enabled {
            return Err("disabled");
        }
        if sql.len() > self.options.max_sql_bytes {
            return Err("long");
        }
        if options.ttl == Some(Duration::ZERO) {
            return Err("ttl");
        }
        self.follower.check().map_err(|doubt| doubt.label())?;
        match options.after {
            Some(after) => self.catch_up(after).await,
            None => Ok(()),
        }
    }

    /// Waits a little for the changes up to a place in the log.
    async fn catch_up(&self, after: Lsn) -> Result<(), &'static str> {
        let is_there = || self.follower.version().is_some_and(|version| version.lsn >= after);
        let mut applied = self.follower.subscribe();
        let deadline = tokio::time::Instant::now() + CATCH_UP;
        while !is_there() {
            match tokio::time::timeout_at(deadline, applied.changed()).await {
                Ok(Ok(())) => {}
                _ => return Err("after"),
            }
        }
        Ok(())
    }

    /// Answers from the cache, or fills it. `client` is the connection to use; else one of the pool's.
    pub(crate) async fn answer(
        &self,
        identity: &Arc<Identity>,
        mut client: Option<&mut Client>,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
        options: &QueryOptions,
    ) -> Result<Rows, Error> {
        let start = Instant::now();
        let class = match self.known_class(ClassRef { identity, sql, name: options.name }) {
            Some(class) => class,
            None => match &mut client {
                Some(client) => self.classify(client, identity, sql, options.name).await?,
                None => {
                    let mut own = self.pool.get().await?;
                    // A connection that another has changed would tell of other tables.
                    match identity::ask(&own).await? {
                        Some(said) if said.identity == *identity && said.may_be_shared(false) => {}
                        _ => return self.bypass("connection", Some(&mut own), None, sql, parameters).await,
                    }
                    self.classify(&mut own, identity, sql, options.name).await?
                }
            },
        };
        let tables = match &class.tables {
            Ok(tables) => tables,
            Err(reason) => {
                tracing::debug!(sql, reason, "query cache: past the cache");
                return self.bypass("statement", client, Some(&class), sql, parameters).await;
            }
        };
        if self.follower.unknown(tables).is_some() {
            return self.bypass("table", client, Some(&class), sql, parameters).await;
        }
        let Some(key) = self.key(identity, sql, parameters, &class) else {
            return self.bypass("parameters", client, Some(&class), sql, parameters).await;
        };
        if let Some(entry) = self.results.get(&key)
            && self.is_true(&entry, tables)
        {
            class.meters.local_hits.inc();
            class.meters.hit_duration.observe(start.elapsed().as_secs_f64());
            tracing::debug!(sql, key = ?key, "query cache: hit");
            return Ok(entry.rows.clone());
        }
        if class.is_passed_by() {
            return self.bypass("large", client, Some(&class), sql, parameters).await;
        }
        loop {
            let lead = match self.flights.board(&key) {
                Ticket::Lead(lead) => lead,
                Ticket::Wait(mut waiting) => {
                    match waiting.wait_for(Option::is_some).await.map(|landed| landed.clone()) {
                        Ok(Some(Some(entry))) if self.is_true(&entry, tables) => {
                            class.meters.flight_hits.inc();
                            class.meters.hit_duration.observe(start.elapsed().as_secs_f64());
                            return Ok(entry.rows.clone());
                        }
                        // Its lead went away: another leads.
                        Err(_) => continue,
                        Ok(_) => return self.bypass("flight", client, Some(&class), sql, parameters).await,
                    }
                }
            };
            // Another may have landed while this one boarded.
            if let Some(entry) = self.results.get(&key)
                && self.is_true(&entry, tables)
            {
                lead.land(Some(Arc::clone(&entry)));
                class.meters.local_hits.inc();
                return Ok(entry.rows.clone());
            }
            if let Some(entry) = self.look_shared(&key, tables).await {
                self.results.insert(key.clone(), Arc::clone(&entry));
                lead.land(Some(Arc::clone(&entry)));
                class.meters.shared_hits.inc();
                class.meters.hit_duration.observe(start.elapsed().as_secs_f64());
                return Ok(entry.rows.clone());
            }
            class.meters.misses.inc();
            tracing::debug!(sql, key = ?key, "query cache: miss");
            let (rows, entry) =
                self.fill(identity, client, &class, tables, &key, sql, parameters, options).await?;
            lead.land(entry.clone());
            class.meters.miss_duration.observe(start.elapsed().as_secs_f64());
            if let (Some(shared), Some(entry)) = (&self.shared, entry) {
                let left = entry.until.saturating_duration_since(Instant::now());
                if shared.put(&key, entry.version, &entry.rows, left).await.is_err() {
                    self.count_error("shared");
                }
            }
            return Ok(rows);
        }
    }

    /// Reads from the database; what is to be cached, if it may be.
    #[expect(clippy::too_many_arguments, reason = "all of it is what a query is")]
    async fn fill(
        &self,
        identity: &Arc<Identity>,
        client: Option<&mut Client>,
        class: &Class,
        tables: &[u32],
        key: &Key,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
        options: &QueryOptions,
    ) -> Result<(Rows, Option<Arc<Entry>>), Error> {
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
        let (rows, said) = match fill::query(client, sql, parameters, &class.types, pooled).await {
            Ok(read) => read,
            // Types of the database's own have to be looked up, and a pooler may tear that from the query.
            Err(error) if pooled => {
                tracing::debug!(%error, sql, "query cache: past the cache");
                (direct::query(client, sql, parameters, None, pooled).await?, None)
            }
            Err(error) => return Err(error.into()),
        };
        let rows = Rows::from_database(&rows)?;
        let ttl = options.ttl.unwrap_or(self.options.ttl);
        let ttl = if rows.is_empty() { ttl.min(self.options.empty_ttl) } else { ttl };
        let is_shareable =
            said.is_some_and(|said| said.identity == *identity && said.may_be_shared(self.options.pooled));
        let Some(version) = version.filter(|version| {
            // What is known of the statement must be as new as what it read.
            is_shareable
                && !self.options.max_result_bytes.lt(&rows.bytes())
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

    fn key(
        &self,
        identity: &Identity,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
        class: &Class,
    ) -> Option<Key> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let mut key = KeyBuilder::new();
        key.field(database.as_ref()?.as_bytes()).field(identity.text.as_bytes()).field(sql.as_bytes());
        parameters::add(&mut key, parameters, &class.types).then(|| key.finish())
    }

    /// Whether a statement is known to do nothing but read what can be told.
    pub(crate) fn is_cacheable(&self, identity: &Arc<Identity>, sql: &str, options: &QueryOptions) -> bool {
        let class = ClassRef { identity, sql, name: options.name };
        self.classes.get(&class).is_some_and(|class| class.tables.is_ok())
    }

    /// What is known of a statement, if that is still so.
    fn known_class(&self, class: ClassRef<'_>) -> Option<Arc<Class>> {
        let known = self.classes.get(&class)?;
        known.since.is_some_and(|since| self.follower.holds(since, &[])).then_some(known)
    }

    /// Finds out what a statement reads, and of which types its parameters are.
    async fn classify(
        &self,
        client: &mut Client,
        identity: &Arc<Identity>,
        sql: &str,
        name: Option<&'static str>,
    ) -> Result<Arc<Class>, Error> {
        // Before the catalogue is read: a definition that changes from here on voids what it says.
        let since = self.follower.version();
        // Behind a pooler a transaction keeps everything on one connection.
        let transaction = client.transaction().await?;
        let statement = transaction.prepare(sql).await?;
        let verdict = match shape(sql) {
            Ok(shape) => catalogue::judge(transaction.client(), shape).await?,
            Err(refusal) => Err(refusal.to_string()),
        };
        transaction.commit().await?;
        let names = match &verdict {
            Ok(tables) => tables.values().take(4).map(String::as_str).collect::<Vec<_>>().join(","),
            Err(_) => String::new(),
        };
        let digest = Key::new(sql.as_bytes()).digest();
        let label = name.unwrap_or_else(|| digest.get(..12).unwrap_or_default());
        let meters = match &self.metrics {
            Some(metrics) => metrics.meters(label, &names),
            None => Metrics::new(&Registry::new(), 1).map_err(|_| Error::RowCount(0))?.meters(label, &names),
        };
        let tables = verdict.map(|tables| tables.into_keys().collect());
        let class = Arc::new(Class::new(since, tables, statement.params().to_vec(), meters));
        self.classes.insert(ClassRef { identity, sql, name }.owned(), Arc::clone(&class));
        Ok(class)
    }

    /// What the pool's connections are set to; none if the one at hand is not as a new one is.
    async fn find_home(&self) -> Result<Option<Arc<Identity>>, Error> {
        let client = self.pool.get().await?;
        let said = identity::ask(&client).await?;
        let Some(said) = said.filter(|said| said.may_be_shared(false)) else { return Ok(None) };
        let mut home = self.home.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(Arc::clone(home.get_or_insert(said.identity))))
    }

    /// Goes past the cache.
    pub(crate) async fn bypass(
        &self,
        reason: &str,
        client: Option<&mut Client>,
        class: Option<&Class>,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Rows, Error> {
        let start = Instant::now();
        if let Some(metrics) = &self.metrics {
            metrics.bypass(reason);
        }
        let mut own;
        let client = match client {
            Some(client) => client,
            None => {
                own = self.pool.get().await?;
                &mut own
            }
        };
        let types = class.map(|class| class.types.as_slice());
        let rows = direct::query(client, sql, parameters, types, self.options.pooled).await?;
        if let Some(class) = class {
            class.meters.bypass_duration.observe(start.elapsed().as_secs_f64());
        }
        Rows::from_database(&rows)
    }

    fn count_error(&self, place: &str) {
        if let Some(metrics) = &self.metrics {
            metrics.errors.with_label_values(&[place]).inc();
        }
    }
}
