//! Follows what the companion publishes, and knows for how long it may be believed.
//!
//! A lease is measured by this process's clock alone. A read of the stream that was sent at some moment and brought
//! everything up to record *k* proves that the records after *k* were published after that moment. A record that is
//! complete as of a record after *k* therefore holds everything that had been committed at that moment.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use query_cache_model::{Applied, Lsn, Record, Tables, Version};
use redis::aio::MultiplexedConnection;
use redis::streams::StreamReadReply;
use redis::{AsyncConnectionConfig, RedisError, RedisResult};
use tokio::sync::watch;

/// How long one read of the stream waits for a record.
const BLOCK: Duration = Duration::from_millis(200);
/// How long without a record until it is looked whether there is another epoch.
const SILENCE: Duration = Duration::from_secs(1);
/// How long it is believed without an answer that pool and companion speak of the same server: a pool that is used to its
/// limit may let the question wait.
const UNANSWERED: Duration = Duration::from_secs(10);
/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_millis(50);
/// Records that one read brings at most.
const COUNT: usize = 1_000;
/// Reads that are remembered; a companion far behind is not believed anyway.
const READS: usize = 10_000;

const SNAPSHOT: &str = "return {redis.call('HMGET', KEYS[1], 'epoch', 'number', 'lsn', 'floor', 'timeline'), redis.call('HGETALL', KEYS[2])}";

/// Why nothing is served from the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// No companion is known to follow this database.
    Unfollowed,
    /// What is known of the changes is too old.
    Behind,
    /// Pool and companion may speak of different servers.
    Unanchored,
}

impl Doubt {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Unfollowed => "unfollowed",
            Self::Behind => "behind",
            Self::Unanchored => "unanchored",
        }
    }
}

/// What is known of the changes, and since when it has been all.
#[derive(Debug)]
pub(crate) struct Follower {
    tables: RwLock<Option<Tables>>,
    /// All that had been committed then is known, in nanoseconds after `started`; 0: never.
    complete: AtomicU64,
    /// When pool and companion were last seen to speak of the same server, likewise.
    anchored: AtomicU64,
    started: Instant,
    max_staleness: Duration,
    anchor_validity: Duration,
    /// The timeline that the companion follows.
    timeline: RwLock<String>,
    applied: watch::Sender<u64>,
}

impl Follower {
    pub(crate) fn new(max_staleness: Duration, anchor_interval: Duration) -> Self {
        Self {
            tables: RwLock::new(None),
            complete: AtomicU64::new(0),
            anchored: AtomicU64::new(0),
            // An hour ago: no moment is 0 then.
            started: Instant::now().checked_sub(Duration::from_secs(3_600)).unwrap_or_else(Instant::now),
            max_staleness,
            anchor_validity: anchor_interval.saturating_mul(5).max(UNANSWERED),
            timeline: RwLock::new(String::new()),
            applied: watch::Sender::new(0),
        }
    }

    /// Whether what is known may be believed now.
    pub(crate) fn check(&self) -> Result<(), Doubt> {
        let now = self.nanoseconds(Instant::now());
        let is_within = |since: &AtomicU64, limit: Duration| {
            let since = since.load(Ordering::Acquire);
            since > 0 && u128::from(now.saturating_sub(since)) <= limit.as_nanos()
        };
        if self.read().is_none() {
            Err(Doubt::Unfollowed)
        } else if !is_within(&self.complete, self.max_staleness) {
            Err(Doubt::Behind)
        } else if !is_within(&self.anchored, self.anchor_validity) {
            Err(Doubt::Unanchored)
        } else {
            Ok(())
        }
    }

    /// How far the changes are known.
    pub(crate) fn version(&self) -> Option<Version> {
        self.read().as_ref().map(Tables::version)
    }

    /// Whether what was read from these tables at this version or later is still true.
    pub(crate) fn holds(&self, version: Version, tables: &[u32]) -> bool {
        self.read().as_ref().is_some_and(|known| known.holds(version, tables))
    }

    /// The first of these tables whose changes are not known.
    pub(crate) fn unknown(&self, tables: &[u32]) -> Option<u32> {
        match self.read().as_ref() {
            Some(known) => tables.iter().copied().find(|table| !known.knows(*table)),
            None => tables.first().copied(),
        }
    }

    /// How old what is known is; none if it never was complete.
    pub(crate) fn age(&self) -> Option<Duration> {
        let complete = self.complete.load(Ordering::Acquire);
        let now = self.nanoseconds(Instant::now());
        (complete > 0).then(|| Duration::from_nanos(now.saturating_sub(complete)))
    }

    /// How many tables are followed.
    pub(crate) fn count(&self) -> usize {
        self.read().as_ref().map_or(0, Tables::count)
    }

    /// The number of the last record, as it grows.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// The timeline that the companion follows.
    pub(crate) fn timeline(&self) -> String {
        self.timeline.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Pool and companion were seen to speak of the same server, or not.
    pub(crate) fn anchor(&self, asked: Option<Instant>) {
        let at = asked.map_or(0, |asked| self.nanoseconds(asked));
        self.anchored.store(at, Ordering::Release);
    }

    /// Follows, for ever.
    pub(crate) async fn run(&self, url: &str, prefix: &str, database: &str) {
        let name = |part: &str| format!("{{{prefix}}}:capture:{database}:{part}");
        let (head, tables, records) = (name("head"), name("tables"), name("records"));
        let mut complained = false;
        loop {
            if let Err(error) = self.follow(url, [&head, &tables], &records).await
                && !std::mem::replace(&mut complained, true)
            {
                tracing::warn!(%error, "query cache: cannot follow the changes; queries go to the database");
            }
            self.forget();
            tokio::time::sleep(RETRY).await;
        }
    }

    fn forget(&self) {
        self.complete.store(0, Ordering::Release);
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn follow(&self, url: &str, state: [&str; 2], records: &str) -> RedisResult<()> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(BLOCK + Duration::from_secs(1)));
        let client = redis::Client::open(url)?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut reads: VecDeque<(u64, Instant)> = VecDeque::new();
        loop {
            let sent = Instant::now();
            let Some((known, timeline)) = snapshot(&mut connection, state).await? else {
                self.forget();
                tokio::time::sleep(RETRY).await;
                continue;
            };
            let epoch = format!("{:016x}", known.version().epoch);
            tracing::debug!(version = %known.version(), tables = known.count(), "query cache: following the changes");
            reads.clear();
            reads.push_back((known.number(), sent));
            self.complete.store(0, Ordering::Release);
            *self.timeline.write().unwrap_or_else(PoisonError::into_inner) = timeline;
            let mut number = known.number();
            *self.tables.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
            let mut heard = Instant::now();
            while heard.elapsed() < SILENCE {
                let sent = Instant::now();
                let reply = read(&mut connection, records, number).await?;
                let fields = reply.keys.into_iter().flat_map(|key| key.ids).map(|id| {
                    let epoch: Option<String> = id.get("e");
                    let record: Option<Vec<u8>> = id.get("r");
                    (epoch, record)
                });
                let mut is_whole = true;
                for (own, record) in fields {
                    heard = Instant::now();
                    let record = record.and_then(|record| Record::decode(&record).ok());
                    let Some(record) = record.filter(|_| own.as_deref() == Some(epoch.as_str())) else {
                        is_whole = false;
                        break;
                    };
                    if !self.apply(&record, &mut reads) {
                        is_whole = false;
                        break;
                    }
                    number = record.number;
                }
                if !is_whole {
                    // Something was missed: start anew from what is stored.
                    break;
                }
                reads.push_back((number, sent));
                if reads.len() > READS {
                    reads.pop_front();
                }
            }
        }
    }

    /// Takes in a record; `false` if one is missing before it.
    fn apply(&self, record: &Record, reads: &mut VecDeque<(u64, Instant)>) -> bool {
        {
            let mut known = self.tables.write().unwrap_or_else(PoisonError::into_inner);
            match known.as_mut().map(|known| known.apply(record)) {
                Some(Applied::Yes | Applied::Known) => {}
                Some(Applied::Gap) | None => return false,
            }
        }
        if let Some(since) = record.complete_since {
            // The latest read that brought nothing from `since` on was sent before `since` was published.
            let mut complete = None;
            while let Some((_, sent)) = reads.front().filter(|(number, _)| *number < since) {
                complete = Some(*sent);
                reads.pop_front();
            }
            if let Some(complete) = complete {
                self.complete.fetch_max(self.nanoseconds(complete), Ordering::AcqRel);
            }
        }
        self.applied.send_replace(record.number);
        true
    }

    fn nanoseconds(&self, instant: Instant) -> u64 {
        u64::try_from(instant.saturating_duration_since(self.started).as_nanos()).unwrap_or(u64::MAX)
    }

    fn read(&self) -> RwLockReadGuard<'_, Option<Tables>> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(
    connection: &mut MultiplexedConnection,
    records: &str,
    after: u64,
) -> RedisResult<StreamReadReply> {
    let reply: Option<StreamReadReply> = redis::cmd("XREAD")
        .arg("COUNT")
        .arg(COUNT)
        .arg("BLOCK")
        .arg(u64::try_from(BLOCK.as_millis()).unwrap_or(u64::MAX))
        .arg("STREAMS")
        .arg(records)
        .arg(format!("{after}-0"))
        .query_async(connection)
        .await?;
    Ok(reply.unwrap_or_default())
}

type Head = (Option<String>, Option<u64>, Option<String>, Option<String>, Option<String>);

/// What the records so far come to, and the timeline; none if nobody publishes.
async fn snapshot(
    connection: &mut MultiplexedConnection,
    [head, tables]: [&str; 2],
) -> RedisResult<Option<(Tables, String)>> {
    let (head, tables): (Head, Vec<(u32, String)>) =
        redis::Script::new(SNAPSHOT).key(head).key(tables).invoke_async(connection).await?;
    let (Some(epoch), Some(number), Some(lsn), Some(floor), Some(timeline)) = head else { return Ok(None) };
    let wrong = || {
        RedisError::from((redis::ErrorKind::UnexpectedReturnType, "the state of the changes makes no sense"))
    };
    let place = |text: &str| text.parse::<Lsn>().map_err(|_| wrong());
    let epoch = u64::from_str_radix(&epoch, 16).map_err(|_| wrong())?;
    let mut known = Vec::new();
    for (table, lsn) in tables {
        known.push((table, place(&lsn)?));
    }
    let version = Version { epoch, lsn: place(&lsn)? };
    Ok(Some((Tables::new(version, number, place(&floor)?).with(known), timeline)))
}
