//! How a companion follows the others by the log in Redis.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamRangeReply, StreamReadReply};
use redis::{RedisResult, cmd, pipe};
use tokio::time::Instant;

use super::durable::{BATCH, Durable, lock, read_entry};
use super::entry::Purge;
use super::state::State;

/// How long a read waits for news.
const WAIT: Duration = Duration::from_millis(200);
/// How long to wait before a server that does not answer is tried again.
const AGAIN: Duration = Duration::from_millis(200);

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
        if let Some(sets) = &self.vectors {
            sets.check(connection).await.map_err(Break::Redis)?;
        }
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
        // Where Redis is searched, entries come when they are found; those from before may have been purged meanwhile.
        let there =
            if self.vectors.is_some() { HashSet::new() } else { self.read_all(connection, state).await? };
        let mut state = lock(state);
        state.keep_only(&there);
        state.purges.reached(&last);
        Ok(last)
    }

    /// Reads all entries; which there are.
    async fn read_all(
        &self,
        connection: &mut MultiplexedConnection,
        state: &Mutex<State>,
    ) -> Result<HashSet<u64>, Break> {
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
                    lock(state).put_back(entry);
                }
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        Ok(there)
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
                lock(state).purges.reached(&last);
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
                // It was stored while the purge was on its way.
                Some(entry) if lock(state).purges.hit(&entry) => {
                    let mut erase = pipe();
                    self.erase(&mut erase, &entry);
                    erase.query_async::<()>(connection).await?;
                }
                Some(entry) => lock(state).put(entry),
                None => tracing::warn!(record = record.id, "an entry cannot be read"),
            },
            Some("purge") => {
                // What cannot be read hits everything.
                let purge = serde_json::from_str(&data).unwrap_or_else(|_| Purge::everything());
                let gone = lock(state).purge(&purge, Some(&record.id));
                for some in gone.chunks(BATCH) {
                    let keys: Vec<String> = some.iter().map(|id| self.key(*id)).collect();
                    cmd("UNLINK").arg(keys).query_async::<()>(connection).await?;
                }
                self.clean_later(purge);
            }
            _ => tracing::warn!(record = record.id, "a record of an unknown kind"),
        }
        Ok(())
    }
}

fn text(record: &StreamId, field: &str) -> Option<String> {
    record.get(field)
}

/// A text as it stands in one of Redis' patterns for itself.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|sign| {
            matches!(sign, '*' | '?' | '[' | ']' | '\\').then_some('\\').into_iter().chain([sign])
        })
        .collect()
}
