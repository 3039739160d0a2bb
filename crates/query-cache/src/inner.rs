//! What all clones of a cache share, and what may keep a query from the cache.

use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use deadpool_postgres::{Client, Pool};
use query_cache_model::{Key, Lsn};
use quick_cache::sync::Cache;
use tokio::task::JoinHandle;

use crate::anchor;
use crate::answer::{Entry, EntryWeight};
use crate::ask::Ask;
use crate::class::{Class, ClassKey, ClassWeight};
use crate::direct;
use crate::error::Error;
use crate::flights::Flights;
use crate::follower::Follower;
use crate::identity::{self, Identity};
use crate::l2::Shared;
use crate::metrics::Metrics;
use crate::options::{Options, QueryOptions};
use crate::rows::Rows;

/// How long a query that asks for it waits for the changes up to a place in the log.
const CATCH_UP: Duration = Duration::from_millis(50);

/// What all clones of a cache share.
pub(crate) struct Inner {
    pub(crate) pool: Pool,
    pub(crate) options: Options,
    pub(crate) follower: Arc<Follower>,
    pub(crate) metrics: Option<Metrics>,
    /// What the pool's connections are set to when they are new.
    home: RwLock<Option<Arc<Identity>>>,
    /// The database, as the companion names it.
    pub(crate) database: RwLock<Option<Arc<str>>>,
    pub(crate) classes: Cache<ClassKey, Arc<Class>, ClassWeight>,
    /// What was found out of each statement, if it could be.
    pub(crate) classifying: Flights<ClassKey, Option<Arc<Class>>>,
    pub(crate) results: Cache<Key, Arc<Entry>, EntryWeight>,
    /// What each fetch came to: something to share, or nothing.
    pub(crate) fetching: Flights<Key, Option<Arc<Entry>>>,
    pub(crate) shared: Option<Shared>,
    background: RwLock<Option<JoinHandle<()>>>,
}

impl Inner {
    /// Begins to follow the changes, if it is enabled.
    pub(crate) fn start(pool: Pool, options: Options) -> Arc<Self> {
        let metrics = Metrics::new(&options.registry, options.max_label_sets);
        if let Err(error) = &metrics {
            tracing::warn!(%error, "query cache: not measured, give each cache a registry of its own");
        }
        let shared = options
            .shared_url
            .as_ref()
            .map(|url| Shared::new(url, &options.key_prefix, options.shared_timeout));
        let results = usize::try_from(options.max_bytes / 4_096).unwrap_or(usize::MAX).max(16);
        let inner = Arc::new(Self {
            follower: Arc::new(Follower::new(options.max_staleness, options.anchor_interval)),
            metrics: metrics.ok(),
            home: RwLock::new(None),
            database: RwLock::new(None),
            classes: Cache::with_weighter(1_024, options.max_statement_bytes, ClassWeight),
            classifying: Flights::default(),
            results: Cache::with_weighter(results, options.max_bytes, EntryWeight),
            fetching: Flights::default(),
            shared,
            background: RwLock::new(None),
            pool,
            options,
        });
        if inner.options.enabled {
            let work = tokio::spawn(run(Arc::downgrade(&inner)));
            *inner.background.write().unwrap_or_else(PoisonError::into_inner) = Some(work);
        }
        inner
    }

    /// Answers a query on any connection of the pool.
    pub(crate) async fn query(&self, ask: Ask<'_>) -> Result<Rows, Error> {
        if let Err(reason) = self.may_cache(ask.sql, ask.options).await {
            return self.bypass(reason, None, None, ask).await;
        }
        let home = self.home.read().unwrap_or_else(PoisonError::into_inner).clone();
        let home = match home {
            Some(home) => home,
            None => match self.find_home().await? {
                Some(home) => home,
                None => return self.bypass("connection", None, None, ask).await,
            },
        };
        self.answer(&home, None, ask).await
    }

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
        ask: Ask<'_>,
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
        let rows = direct::query(client, ask, types, self.options.pooled).await?;
        if let Some(class) = class {
            class.meters.bypass_duration.observe(start.elapsed().as_secs_f64());
        }
        Rows::from_database(&rows)
    }

    pub(crate) fn count_error(&self, place: &str) {
        if let Some(metrics) = &self.metrics {
            metrics.errors.with_label_values(&[place]).inc();
        }
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
async fn run(inner: Weak<Inner>) {
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
