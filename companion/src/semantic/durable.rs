//! The entries in Redis, where they outlive this companion, and the log by which companions follow each other.
//!
//! Each entry has a key of its own, which ends with it. Entries and purges are also records of one stream. Whoever joins reads
//! the purges that there are, then the entries, and from there on the stream. What a purge hits is removed by all.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamRangeReply, StreamReadReply};
use redis::{RedisResult, cmd, pipe};
use tokio::time::Instant;

use super::LEASE;
use super::state::{Entry, Purge, State};
use crate::config::{Address, Config};
use crate::store::{Dialer, Unavailable};

/// How long a read waits for news.
const WAIT: Duration = Duration::from_millis(200);
/// The shortest time-out: what is read at once may be large.
const LEAST_TIMEOUT_MS: u64 = 2_000;
/// Records, or entries, that are read at once.
const BATCH: usize = 200;
/// How long to wait before a server that does not answer is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// The entries in Redis.
pub(crate) struct Durable {
    dialer: Dialer,
    address: Address,
    entries: String,
    log: String,
    log_capacity: usize,
    writing: tokio::sync::Mutex<Option<MultiplexedConnection>>,
    /// When the last read that was answered was sent.
    heard: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for Durable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Durable").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Why the stream has to be joined again.
enum Break {
    Redis(String),
    /// Records were dropped before they were read.
    Gap,
}

impl From<redis::RedisError> for Break {
    fn from(error: redis::RedisError) -> Self {
        Self::Redis(error.to_string())
    }
}

impl Durable {
    /// None if there is no Redis.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, Unavailable> {
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
        Ok(Some(Self {
            dialer: Dialer::to_servers(&redis)?,
            address,
            entries: format!("{prefix}:semantic:entry:"),
            log: format!("{prefix}:semantic:log"),
            log_capacity: semantic.log_capacity,
            writing: tokio::sync::Mutex::default(),
            heard: Mutex::default(),
        }))
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

    /// Keeps an entry and tells all companions, this one too.
    pub(super) async fn put(&self, entry: &Entry) -> Result<(), Unavailable> {
        let text = serde_json::to_string(entry).map_err(|error| self.away(&error.to_string()))?;
        let lifetime = entry.expires_ms.saturating_sub(entry.stored_ms).max(1);
        let mut both = pipe();
        both.atomic();
        both.cmd("SET").arg(self.key(entry.id)).arg(&text).arg("PX").arg(lifetime).ignore();
        both.add_command(self.append("put", &text)).ignore();
        self.write(async |connection| both.query_async::<()>(connection).await).await
    }

    /// Tells all companions to remove what a purge hits.
    pub(super) async fn purge(&self, purge: &Purge) -> Result<(), Unavailable> {
        let text = serde_json::to_string(purge).map_err(|error| self.away(&error.to_string()))?;
        let append = self.append("purge", &text);
        self.write(async |connection| append.query_async::<()>(connection).await).await
    }

    /// Follows the stream; never returns.
    pub(super) async fn follow(&self, state: &Mutex<State>) {
        loop {
            let why = match self.dialer.dial(&self.address).await {
                Ok(mut connection) => match self.join_and_read(&mut connection, state).await {
                    Break::Redis(reason) => reason,
                    Break::Gap => "this companion was too far behind".to_owned(),
                },
                Err(error) => error.reason,
            };
            tracing::warn!(reason = why, "the semantic cache reads all its entries again");
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn join_and_read(&self, connection: &mut MultiplexedConnection, state: &Mutex<State>) -> Break {
        match self.join(connection, state).await {
            Ok(last) => match self.read(connection, state, last).await {
                Ok(never) => match never {},
                Err(why) => why,
            },
            Err(why) => why,
        }
    }

    /// Reads purges and entries; where the stream stood before.
    async fn join(
        &self,
        connection: &mut MultiplexedConnection,
        state: &Mutex<State>,
    ) -> Result<String, Break> {
        let last: StreamRangeReply = cmd("XREVRANGE")
            .arg(&self.log)
            .arg("+")
            .arg("-")
            .arg("COUNT")
            .arg(1)
            .query_async(connection)
            .await?;
        let last = last.ids.into_iter().next().map_or_else(|| "0-0".to_owned(), |record| record.id);
        let mut from = "-".to_owned();
        loop {
            let page: StreamRangeReply = cmd("XRANGE")
                .arg(&self.log)
                .arg(&from)
                .arg(&last)
                .arg("COUNT")
                .arg(BATCH)
                .query_async(connection)
                .await?;
            let Some(end) = page.ids.last().map(|record| format!("({}", record.id)) else { break };
            for record in page.ids.iter().filter(|record| text(record, "kind").as_deref() == Some("purge")) {
                self.apply(connection, state, record).await?;
            }
            from = end;
        }
        let mut there = HashSet::new();
        let mut cursor = 0_u64;
        loop {
            let pattern = format!("{}*", escaped(&self.entries));
            let (next, keys): (u64, Vec<String>) = cmd("SCAN")
                .arg(cursor)
                .arg("MATCH")
                .arg(pattern)
                .arg("COUNT")
                .arg(BATCH)
                .query_async(connection)
                .await?;
            if !keys.is_empty() {
                let texts: Vec<Option<String>> = cmd("MGET").arg(&keys).query_async(connection).await?;
                for entry in texts.into_iter().flatten().filter_map(|text| read_entry(&text)) {
                    there.insert(entry.id);
                    lock(state).put(entry);
                }
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        let mut state = lock(state);
        state.keep_only(&there);
        state.reached(&last);
        Ok(last)
    }

    /// Reads what is new, for ever.
    async fn read(
        &self,
        connection: &mut MultiplexedConnection,
        state: &Mutex<State>,
        mut last: String,
    ) -> Result<std::convert::Infallible, Break> {
        loop {
            let sent = Instant::now();
            let mut read = cmd("XREAD");
            read.arg("COUNT").arg(BATCH).arg("BLOCK").arg(u64::try_from(WAIT.as_millis()).unwrap_or(1));
            let news: Option<StreamReadReply> =
                read.arg("STREAMS").arg(&self.log).arg(&last).query_async(connection).await?;
            let records: Vec<StreamId> =
                news.into_iter().flat_map(|news| news.keys).flat_map(|stream| stream.ids).collect();
            if records.len() >= BATCH {
                let first: StreamRangeReply = cmd("XRANGE")
                    .arg(&self.log)
                    .arg("-")
                    .arg("+")
                    .arg("COUNT")
                    .arg(1)
                    .query_async(connection)
                    .await?;
                if records.first().map(|record| &record.id) == first.ids.first().map(|record| &record.id) {
                    return Err(Break::Gap);
                }
            }
            for record in &records {
                self.apply(connection, state, record).await?;
                last.clone_from(&record.id);
                lock(state).reached(&last);
            }
            // Only what was there when the read was sent is certain to be known. A full batch may not be all.
            if records.len() < BATCH {
                *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
            }
        }
    }

    async fn apply(
        &self,
        connection: &mut MultiplexedConnection,
        state: &Mutex<State>,
        record: &StreamId,
    ) -> RedisResult<()> {
        let data = text(record, "data").unwrap_or_default();
        match text(record, "kind").as_deref() {
            Some("put") => match read_entry(&data) {
                Some(entry) => lock(state).put(entry),
                None => tracing::warn!(record = record.id, "an entry cannot be read"),
            },
            Some("purge") => {
                // What cannot be read hits everything.
                let purge = serde_json::from_str(&data).unwrap_or(Purge { sources: Vec::new(), all: true });
                let gone = lock(state).purge(&purge, Some(&record.id));
                for some in gone.chunks(BATCH) {
                    let keys: Vec<String> = some.iter().map(|id| self.key(*id)).collect();
                    cmd("UNLINK").arg(keys).query_async::<()>(connection).await?;
                }
            }
            _ => tracing::warn!(record = record.id, "a record of an unknown kind"),
        }
        Ok(())
    }

    /// Runs a command on the connection for writing, which is made if need be, and given up if it fails.
    async fn write(
        &self,
        command: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<()>,
    ) -> Result<(), Unavailable> {
        let mut connection = {
            let mut writing = self.writing.lock().await;
            match &*writing {
                Some(connection) => connection.clone(),
                None => writing.insert(self.dialer.dial(&self.address).await?).clone(),
            }
        };
        let done = command(&mut connection).await;
        if let Err(error) = done {
            *self.writing.lock().await = None;
            return Err(self.away(&error.to_string()));
        }
        Ok(())
    }

    fn append(&self, kind: &str, data: &str) -> redis::Cmd {
        let mut append = cmd("XADD");
        append.arg(&self.log).arg("MAXLEN").arg("~").arg(self.log_capacity).arg("*");
        append.arg("kind").arg(kind).arg("data").arg(data);
        append
    }

    fn key(&self, id: u64) -> String {
        format!("{}{id:016x}", self.entries)
    }

    fn away(&self, reason: &str) -> Unavailable {
        Unavailable { reason: format!("{}: {reason}", self.address) }
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(record: &StreamId, field: &str) -> Option<String> {
    record.get(field)
}

fn read_entry(text: &str) -> Option<Entry> {
    serde_json::from_str(text).ok()
}

/// A text as it stands in one of Redis' patterns for itself.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|sign| {
            matches!(sign, '*' | '?' | '[' | ']' | '\\').then_some('\\').into_iter().chain([sign])
        })
        .collect()
}
