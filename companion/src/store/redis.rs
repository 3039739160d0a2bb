//! The store in Redis, shared by companions.
//!
//! Redis keeps the envelopes, each under its own key with a time to live, and the log: its epoch, its head and a stream
//! of records. This process keeps a copy of the log to judge by, and compares it with epoch and head at each lookup, in
//! the same command that reads the entry.
//!
//! In a cluster the log is on one node and the entries on all. Then it is two commands at the same time, and an entry is
//! stored without a script that looks at the log: each lookup judges it by the log anyway. Its indexes, which only count
//! and remove, follow by themselves.

mod cluster;
mod companions;
mod connection;
mod dial;
mod discovery;
mod entries;
mod keys;
mod leases;
mod link;
mod listing;
mod purged;
mod refusal;
mod scripts;
mod sentinels;
mod slots;

pub(crate) use dial::Dialer;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use invalidation::{Position, Record};
use tokio::sync::{Mutex, Notify};

use super::reach::{Met, Reach};
use super::{Purge, Unavailable};
use crate::config::{self, Config};
use crate::invalidation_log::InvalidationLog;
use crate::random;
use companions::Companions;
use connection::{Connection, Request};
use keys::Keys;
pub(super) use leases::LEASE_POLL;
use link::{Link, Links};
use scripts::{LogState, Scripts};

/// How often this companion looks whether others have written to the log.
const POLL: Duration = Duration::from_millis(20);
/// How long it waits before it tries again to reach Redis.
const RETRY: Duration = Duration::from_millis(50);

/// A connection of its own to the server that keeps the log, as settings, sentinels or the cluster name it.
pub(crate) async fn dial_log_server(config: &config::Redis) -> Result<MultiplexedConnection, Unavailable> {
    let keys = Keys::new(&config.key_prefix);
    Ok(Links::new(config, &keys.log)?.connect().await?.into_connection())
}

/// Entries and log in Redis, and this process's copy of the log.
#[derive(Debug)]
pub(crate) struct RedisStore {
    links: Links,
    keys: Keys,
    scripts: Scripts,
    capacity: usize,
    log: InvalidationLog,
    /// What others know of this companion, and it of them.
    companions: Companions,
    /// Held while the log is caught up with, so that its copy moves in order and only one asks.
    catching_up: Mutex<()>,
    /// Appends that may not have been recorded, and how many of them an epoch begun since has made up for. While they
    /// differ nothing is served.
    lost_appends: AtomicU64,
    made_up_for: AtomicU64,
    /// Wakes [`follow`](Self::follow) when there is something to mend.
    wake: Notify,
}

impl RedisStore {
    /// A store that is not connected yet; [`follow`](Self::follow) connects it.
    pub(super) fn open(config: &Config) -> Result<Self, Unavailable> {
        let nowhere = Position { epoch: random::number(), seq: 0 };
        let keys = Keys::new(&config.redis.key_prefix);
        Ok(Self {
            links: Links::new(&config.redis, &keys.log)?,
            keys,
            scripts: Scripts::new(),
            capacity: config.invalidation.capacity,
            log: InvalidationLog::new(nowhere, config.invalidation.capacity),
            companions: Companions::new(config),
            catching_up: Mutex::new(()),
            lost_appends: AtomicU64::new(0),
            made_up_for: AtomicU64::new(0),
            wake: Notify::new(),
        })
    }

    pub(super) fn log(&self) -> &InvalidationLog {
        &self.log
    }

    /// Whether Redis is connected, known to hold the log that this process has a copy of, and owed nothing.
    pub(crate) fn ready(&self) -> Result<(), Unavailable> {
        self.link().map(|_| ())
    }

    fn link(&self) -> Result<Link, Unavailable> {
        if self.owes_an_epoch() {
            return Err(Unavailable {
                reason: "an invalidation was not recorded, a new epoch is due".to_owned(),
            });
        }
        self.links.current()
    }

    fn owes_an_epoch(&self) -> bool {
        self.lost_appends.load(Ordering::SeqCst) != self.made_up_for.load(Ordering::SeqCst)
    }

    pub(super) async fn invalidate(&self, purge: &Purge) -> Result<Position, Unavailable> {
        let recorded = self.append(purge).await;
        if recorded.is_err() {
            self.lost_appends.fetch_add(1, Ordering::SeqCst);
            self.wake.notify_one();
        }
        recorded
    }

    /// Counts what a purge hit that was recorded up to `recorded`, and removes it if it was a hard one.
    pub(super) async fn count_met(&self, purge: &Purge, recorded: Position) -> Met {
        let Ok(link) = self.link() else { return Met { entries: 0, at_least: true } };
        let reach = Reach::new(purge, recorded);
        purged::count(link, &self.keys, &self.scripts, purge, &reach).await
    }

    async fn append(&self, purge: &Purge) -> Result<Position, Unavailable> {
        let link = self.link()?;
        let mut call = self.scripts.append.prepare_invoke();
        call.key(&self.keys.epoch).key(&self.keys.head).key(&self.keys.log);
        call.arg(scripts::epoch_text(random::number())).arg(self.capacity);
        for target in &purge.targets {
            call.arg(scripts::kind(target, purge.soft)).arg(target.value().unwrap_or_default());
        }
        let (epoch, head): (String, String) =
            self.run(&link, async |connection| call.invoke_async(connection).await).await?;
        let position = scripts::position(Some(&epoch), Some(&head)).ok_or_else(|| Unavailable {
            reason: format!("Redis answers an append with {epoch:?} {head:?}"),
        })?;
        self.catch_up_with(position).await?;
        Ok(position)
    }

    /// Where the log stands in Redis; nowhere if a part of it is gone.
    async fn log_state(&self, link: &Link) -> Result<Option<Position>, Unavailable> {
        let mut command = redis::cmd("MGET");
        command.arg(&self.keys.epoch).arg(&self.keys.head);
        let (epoch, head): (Option<String>, Option<String>) =
            self.run(link, async |connection| command.query_async(connection).await).await?;
        Ok(scripts::position(epoch.as_deref(), head.as_deref()))
    }

    /// Reads the log up to `position` at least, if Redis has it.
    pub(super) async fn catch_up_with(&self, position: Position) -> Result<(), Unavailable> {
        let link = self.link()?;
        let _turn = self.catching_up.lock().await;
        let known = self.log.position();
        if known.epoch == position.epoch && known.seq >= position.seq {
            return Ok(());
        }
        self.links.check(&link)?;
        self.catch_up(&link, false).await
    }

    /// Compares what Redis says of the log's state, asked when the copy stood at `before`, with the copy, and brings the
    /// copy up to it.
    async fn keep_up(
        &self,
        link: &Link,
        before: Position,
        state: Option<Position>,
    ) -> Result<(), Unavailable> {
        match state {
            Some(state) if state.epoch == before.epoch && state.seq >= before.seq => {
                let known = self.log.position();
                if known.epoch == state.epoch && known.seq >= state.seq {
                    return Ok(());
                }
                self.catch_up_with(state).await
            }
            // A part of the log is gone, or it is another one, or it has gone back.
            _ => {
                let _turn = self.catching_up.lock().await;
                self.links.check(link)?;
                self.catch_up(link, false).await
            }
        }
    }

    /// Reads what the copy lacks. The caller holds `catching_up`.
    async fn catch_up(&self, link: &Link, renew: bool) -> Result<(), Unavailable> {
        let known = self.log.position();
        let mut call = self.scripts.catch_up.prepare_invoke();
        call.key(&self.keys.epoch).key(&self.keys.head).key(&self.keys.log);
        call.arg(scripts::epoch_text(random::number())).arg(scripts::epoch_text(known.epoch)).arg(known.seq);
        call.arg(if renew { "renew" } else { "" });
        let answer: Vec<String> =
            self.run(link, async |connection| call.invoke_async(connection).await).await?;
        let LogState { head, records } = scripts::log_state(answer)
            .ok_or_else(|| Unavailable { reason: "Redis answers with no log of invalidations".to_owned() })?;
        let reached = if head.epoch == known.epoch {
            self.log.apply(records.clone())
        } else {
            self.companions.forgotten();
            self.log.restart(before_first(&records, head), records.clone())
        };
        if reached == Ok(head) {
            return Ok(());
        }
        // Records are missing: the stream was trimmed or evicted. What is left of it is still good.
        let from = before_first(&records, head);
        if self.log.restart(from, records) != Ok(head) {
            // Nothing can go wrong in taking no records at all.
            let _ = self.log.restart(head, Vec::new());
        }
        Ok(())
    }

    /// Keeps Redis connected and the copy of the log up to date; never returns.
    pub(super) async fn follow(&self) {
        tokio::join!(self.follow_log(), self.links.watch());
    }

    async fn follow_log(&self) {
        let mut reachable = None;
        loop {
            let tended = self.tend().await;
            match &tended {
                Ok(()) if reachable != Some(true) => {
                    let link = self.links.current();
                    tracing::info!(?link, position = %self.log.position(), "Redis is ready");
                }
                Err(error) if reachable != Some(false) => {
                    tracing::warn!(reason = %error.reason, "Redis is away");
                }
                _ => {}
            }
            reachable = Some(tended.is_ok());
            let pause = if tended.is_ok() { POLL } else { RETRY };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.wake.notified(), if tended.is_ok() => {}
            }
        }
    }

    async fn tend(&self) -> Result<(), Unavailable> {
        if let Ok(link) = self.link() {
            let before = self.log.position();
            let state = self.log_state(&link).await?;
            return self.keep_up(&link, before, state).await;
        }
        let connected = self.connect().await;
        if let Err(error) = &connected {
            self.links.publish(Err(error.clone()));
        }
        connected
    }

    /// Makes a new connection and verifies it.
    async fn connect(&self) -> Result<(), Unavailable> {
        let link = self.links.connect().await?;
        let _turn = self.catching_up.lock().await;
        let lost = self.lost_appends.load(Ordering::SeqCst);
        let renew = lost != self.made_up_for.load(Ordering::SeqCst);
        self.catch_up(&link, renew).await?;
        self.made_up_for.store(lost, Ordering::SeqCst);
        // Only now others may use it: this server has been asked whether the log survived.
        self.links.publish(Ok(link));
        Ok(())
    }

    /// Runs a command where the log is; one that Redis does not answer ends the connection.
    async fn run<T>(
        &self,
        link: &Link,
        command: impl AsyncFnOnce(&mut Connection) -> redis::RedisResult<T>,
    ) -> Result<T, Unavailable> {
        self.noted(link, self.links.run(link, command).await)
    }

    /// Runs a command where this key is.
    async fn run_at<T: redis::FromRedisValue + Send>(
        &self,
        link: &Link,
        key: &str,
        request: &impl Request,
    ) -> Result<T, Unavailable> {
        self.noted(link, self.links.run_at(link, key, request).await)
    }

    /// This answer. If it cost the connection, the next is made at once.
    fn noted<T>(&self, link: &Link, answer: Result<T, Unavailable>) -> Result<T, Unavailable> {
        if answer.is_err() && self.links.check(link).is_err() {
            self.wake.notify_one();
        }
        answer
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Where a log starts whose records are all there is left.
fn before_first(records: &[Record], head: Position) -> Position {
    records.first().map_or(head, |first| Position { seq: first.seq.saturating_sub(1), ..head })
}
