//! The entries in Redis, where they outlive this companion, and the log by which companions follow each other.
//!
//! Each entry has a key of its own, which ends with it. Entries and purges are also records of one stream. Whoever joins reads
//! the purges that there are, then the entries (unless Redis is searched for them), and from there on the stream. What a purge
//! hits is removed by all.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisResult, cmd, pipe};
use tokio::time::Instant;

use super::LEASE;
use super::entry::{Entry, Purge};
use super::state::State;
use super::vector_sets::VectorSets;
use crate::config::{Address, Config, SemanticIndex};
use crate::store::{Dialer, Unavailable};

/// The shortest time-out: what is read at once may be large.
const LEAST_TIMEOUT_MS: u64 = 2_000;
/// Records, or entries, that are read at once.
pub(super) const BATCH: usize = 200;

/// The entries in Redis.
pub(crate) struct Durable {
    pub(super) dialer: Dialer,
    pub(super) address: Address,
    pub(super) entries: String,
    pub(super) log: String,
    log_capacity: usize,
    /// What finds the nearest questions, if that is Redis.
    pub(super) vectors: Option<VectorSets>,
    /// Entries that can be found there at most, and how many there were when they were counted last.
    pub(super) max_entries: usize,
    pub(super) indexed: AtomicU64,
    /// Purges that hit what is known to Redis only, which is still to be removed.
    pub(super) to_clean: Mutex<VecDeque<Purge>>,
    asking: tokio::sync::Mutex<Option<MultiplexedConnection>>,
    /// When the last read that was answered was sent.
    pub(super) heard: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for Durable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Durable").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Durable {
    /// None if there is no Redis. The embedder's name tells its vectors from those of others.
    pub(crate) fn new(config: &Config, embedder: &str) -> Result<Option<Self>, Unavailable> {
        let semantic = &config.semantic;
        let mut redis = config.redis.clone();
        redis.db = semantic.redis_db;
        redis.timeout_ms = redis.timeout_ms.max(LEAST_TIMEOUT_MS);
        let address = match (semantic.redis_host.as_str(), redis.host.as_str()) {
            ("", "") => return Ok(None),
            ("", host) => Address::new(host, redis.port),
            (host, _) => Address::new(host, semantic.redis_port),
        };
        let prefix = &redis.key_prefix;
        let searches = semantic.index == SemanticIndex::VectorSets;
        Ok(Some(Self {
            dialer: Dialer::to_servers(&redis)?,
            address,
            entries: format!("{prefix}:semantic:entry:"),
            log: format!("{prefix}:semantic:log"),
            log_capacity: semantic.log_capacity,
            vectors: searches.then(|| VectorSets::new(prefix, embedder)),
            max_entries: semantic.max_entries,
            indexed: AtomicU64::default(),
            to_clean: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
            heard: Mutex::default(),
        }))
    }

    /// Whether the server can do what the settings ask of it. One that does not answer may be able to.
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        let Some(sets) = &self.vectors else { return Ok(()) };
        let Ok(mut connection) = self.dialer.dial(&self.address).await else { return Ok(()) };
        sets.check(&mut connection).await.map_err(|reason| anyhow::anyhow!("{}: {reason}", self.address))
    }

    /// Whether what is known here is what the others know.
    pub(super) fn ready(&self) -> Result<(), Unavailable> {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match heard {
            Some(heard) if heard.elapsed() < LEASE => Ok(()),
            Some(_) => Err(self.away("nothing was heard of it for a second")),
            None => Err(self.away("its entries were not read yet")),
        }
    }

    /// Keeps an entry and tells all companions, this one too. It takes the place of an earlier one.
    pub(super) async fn put(&self, entry: &Entry, replaced: Option<&Entry>) -> Result<(), Unavailable> {
        let text = serde_json::to_string(entry).map_err(|error| self.away(&error.to_string()))?;
        let lifetime = entry.expires_ms.saturating_sub(entry.stored_ms).max(1);
        let mut all = pipe();
        all.atomic();
        if let Some(replaced) = replaced {
            self.erase(&mut all, replaced);
        }
        all.cmd("SET").arg(self.key(entry.id)).arg(&text).arg("PX").arg(lifetime).ignore();
        if let Some(sets) = &self.vectors {
            sets.add(&mut all, entry);
        }
        all.add_command(self.append("put", &text)).ignore();
        self.ask(async |connection| all.query_async::<()>(connection).await).await
    }

    /// Tells all companions to remove what a purge hits.
    pub(super) async fn purge(&self, purge: &Purge) -> Result<(), Unavailable> {
        let text = serde_json::to_string(purge).map_err(|error| self.away(&error.to_string()))?;
        let append = self.append("purge", &text);
        self.ask(async |connection| append.query_async::<()>(connection).await).await
    }

    /// What removes an entry from Redis.
    pub(super) fn erase(&self, all: &mut Pipeline, entry: &Entry) {
        all.cmd("UNLINK").arg(self.key(entry.id)).ignore();
        if let Some(sets) = &self.vectors {
            sets.remove(all, entry);
        }
    }

    /// Asks on the connection for it, which is made if need be, and given up if it fails.
    pub(super) async fn ask<T>(
        &self,
        command: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, Unavailable> {
        let mut connection = {
            let mut asking = self.asking.lock().await;
            match &*asking {
                Some(connection) => connection.clone(),
                None => asking.insert(self.dialer.dial(&self.address).await?).clone(),
            }
        };
        match command(&mut connection).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                *self.asking.lock().await = None;
                Err(self.away(&error.to_string()))
            }
        }
    }

    fn append(&self, kind: &str, data: &str) -> redis::Cmd {
        let mut append = cmd("XADD");
        append.arg(&self.log).arg("MAXLEN").arg("~").arg(self.log_capacity).arg("*");
        append.arg("kind").arg(kind).arg("data").arg(data);
        append
    }

    pub(super) fn key(&self, id: u64) -> String {
        format!("{}{id:016x}", self.entries)
    }

    pub(super) fn away(&self, reason: &str) -> Unavailable {
        Unavailable { reason: format!("{}: {reason}", self.address) }
    }
}

pub(super) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn read_entry(text: &str) -> Option<Entry> {
    serde_json::from_str(text).ok()
}
