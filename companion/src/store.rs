//! Where responses and the log of invalidations are kept: in this process, or in Redis.

mod embedded;
mod leases;
mod listing;
mod reach;
mod redis;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use cache_protocol::{LogPage, Summary};
use invalidation::{Position, Target};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock;
use crate::config::Config;
use crate::metrics::Outcome;
use embedded::EmbeddedStore;
pub(crate) use leases::{Bid, Claim, LeaseId, LeaseState};
pub(crate) use listing::{Page, Selection};
pub(crate) use reach::Met;
pub(crate) use redis::Dialer;
use redis::RedisStore;
pub(crate) use redis::dial_log_server;

/// How long the entries that a purge hit are counted; its acknowledgement may wait for that.
const COUNTING: Duration = Duration::from_millis(50);

/// Where responses and the log of invalidations are kept.
#[derive(Debug)]
pub(crate) enum Store {
    /// In this process; ends with it, and serves one companion only.
    Embedded(Box<EmbeddedStore>),
    /// In Redis, shared with every companion that uses the same key prefix.
    Redis(Box<RedisStore>),
}

/// What a lookup found.
#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    /// Where the log stood: what a store after this lookup must carry.
    pub(crate) position: Position,
    /// What is stored, or why there is nothing to serve.
    pub(crate) found: Result<Found, NotFound>,
}

/// A stored entry that no hard record hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The entry's envelope.
    pub(crate) envelope: Bytes,
    /// A soft record hits it.
    pub(crate) is_stale: bool,
    /// When it stops being fresh by its own times, in Unix milliseconds.
    pub(crate) fresh_until_ms: u64,
    /// What tells it from others under the same key.
    pub(crate) checksum: u64,
}

/// Why a lookup found nothing that may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotFound {
    /// Nothing is stored under the key.
    Absent,
    /// What is stored was invalidated.
    Invalidated,
    /// What is stored cannot be read.
    Damaged,
    /// The server that would have it does not answer, others do.
    Away,
}

impl Lookup {
    /// What may be served fresh.
    pub(crate) fn fresh(&self) -> Option<&Found> {
        self.found.as_ref().ok().filter(|found| !found.is_stale && clock::now_ms() < found.fresh_until_ms)
    }

    /// How to count this lookup.
    pub(crate) fn outcome(&self) -> Outcome {
        match &self.found {
            Ok(Found { is_stale: false, .. }) => Outcome::Hit,
            Ok(Found { is_stale: true, .. }) => Outcome::Stale,
            Err(NotFound::Absent) => Outcome::Miss,
            Err(NotFound::Invalidated) => Outcome::Invalidated,
            Err(NotFound::Damaged) => Outcome::Damaged,
            Err(NotFound::Away) => Outcome::Error,
        }
    }
}

/// What to invalidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Purge {
    /// What it hits; a record for each.
    pub(crate) targets: Vec<Target>,
    /// What it hits becomes stale instead of invalid.
    pub(crate) soft: bool,
}

/// What to store.
#[derive(Debug)]
pub(crate) struct NewEntry<'a> {
    /// Key, position and tags, as the envelope states them.
    pub(crate) summary: Summary<'a>,
    /// How long to keep it; at least a millisecond.
    pub(crate) ttl: Duration,
    /// The envelope itself.
    pub(crate) envelope: Bytes,
}

/// Whether an entry was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It was.
    Yes,
    /// It came too late; why.
    Refused(&'static str),
}

/// The store does not answer, or not as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unavailable {
    /// Why, for people.
    pub(crate) reason: String,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store does not answer: {}", self.reason)
    }
}

impl std::error::Error for Unavailable {}

/// How full the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Stored entries.
    pub(crate) entries: u64,
    /// What they take, in bytes.
    pub(crate) bytes: u64,
}

impl Store {
    /// The store that the configuration asks for. Whether it answers shows later; see [`Store::ready`].
    pub(crate) fn open(config: &Config) -> Result<Self, Unavailable> {
        if config.redis.is_used() {
            RedisStore::open(config).map(|store| Self::Redis(Box::new(store)))
        } else {
            Ok(Self::Embedded(Box::new(EmbeddedStore::new(config))))
        }
    }

    /// The store's name in metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Redis(_) => "redis",
        }
    }

    /// The entry stored under a full key.
    pub(crate) async fn lookup(&self, key: &str) -> Result<Lookup, Unavailable> {
        match self {
            Self::Embedded(store) => Ok(store.lookup(key)),
            Self::Redis(store) => store.lookup(key).await,
        }
    }

    /// Stores an entry unless it has been invalidated meanwhile.
    pub(crate) async fn store(&self, entry: NewEntry<'_>) -> Result<Stored, Unavailable> {
        match self {
            Self::Embedded(store) => Ok(store.store(entry)),
            Self::Redis(store) => store.store(entry).await,
        }
    }

    /// Appends a record for each target; the log here has reached the position that is returned.
    pub(crate) async fn invalidate(&self, purge: &Purge) -> Result<Position, Unavailable> {
        match self {
            Self::Embedded(store) => store.invalidate(purge),
            Self::Redis(store) => store.invalidate(purge).await,
        }
    }

    /// Counts the entries that a purge hit whose last record is at `recorded`, and removes them by and by if it was a hard
    /// one. The purge holds without it.
    pub(crate) async fn count_met(&self, purge: &Purge, recorded: Position) -> Met {
        match self {
            Self::Embedded(store) => store.count_met(purge, recorded).await,
            Self::Redis(store) => store.count_met(purge, recorded).await,
        }
    }

    /// Takes the lease of a full key if it is free.
    pub(crate) async fn claim(&self, key: &str, bid: Bid) -> Result<Claim, Unavailable> {
        match self {
            Self::Embedded(store) => Ok(store.leases().claim(key, bid)),
            Self::Redis(store) => store.claim(key, bid).await,
        }
    }

    /// Releases the lease of a full key, if it is this one; for the time `pass` nobody gets it then.
    pub(crate) async fn release(
        &self,
        key: &str,
        lease: LeaseId,
        pass: Option<Duration>,
    ) -> Result<(), Unavailable> {
        match self {
            Self::Embedded(store) => {
                store.leases().release(key, lease, pass);
                Ok(())
            }
            Self::Redis(store) => store.release(key, lease, pass).await,
        }
    }

    /// Who holds the lease of a full key, and when to look again.
    pub(crate) async fn lease(&self, key: &str) -> Result<(LeaseState, Duration), Unavailable> {
        match self {
            Self::Embedded(store) => Ok(store.leases().state(key)),
            Self::Redis(store) => Ok((store.lease(key).await?, redis::LEASE_POLL)),
        }
    }

    /// What a follower that has read up to `after` gets to read next.
    pub(crate) fn page(&self, after: Option<Position>) -> Result<LogPage, Unavailable> {
        match self {
            Self::Embedded(store) => Ok(store.log().page(after)),
            Self::Redis(store) => store.ready().map(|()| store.log().page(after)),
        }
    }

    /// Makes sure that the log here has reached what a follower has read elsewhere.
    pub(crate) async fn catch_up_with(&self, after: Position) -> Result<(), Unavailable> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Redis(store) => store.catch_up_with(after).await,
        }
    }

    /// Where the log stands here.
    pub(crate) fn position(&self) -> Position {
        match self {
            Self::Embedded(store) => store.log().position(),
            Self::Redis(store) => store.log().position(),
        }
    }

    /// Whether a position is certainly another log's. In Redis a log may have had any epoch.
    pub(crate) fn never_was_at(&self, position: Position) -> bool {
        match self {
            Self::Embedded(store) => store.log().position().epoch != position.epoch,
            Self::Redis(_) => false,
        }
    }

    /// Every change of the log's position.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Position> {
        match self {
            Self::Embedded(store) => store.log().subscribe(),
            Self::Redis(store) => store.log().subscribe(),
        }
    }

    /// Whether the store can serve.
    pub(crate) fn ready(&self) -> Result<(), Unavailable> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Redis(store) => store.ready().and_then(|()| store.may_lease(Instant::now())),
        }
    }

    /// How full the store is, where that is known without counting.
    pub(crate) fn usage(&self) -> Option<Usage> {
        match self {
            Self::Embedded(store) => Some(store.usage()),
            Self::Redis(_) => None,
        }
    }

    /// How full the store is, counted if need be for a short time, and whether there may be more entries.
    pub(crate) async fn count(&self) -> Result<(Usage, bool), Unavailable> {
        match self {
            Self::Embedded(store) => Ok((store.usage(), false)),
            Self::Redis(store) => store.count(listing::LISTING).await,
        }
    }

    /// At most `limit` entries of a selection, from `cursor` on.
    pub(crate) async fn list(
        &self,
        selection: Selection,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<Page, Unavailable> {
        match self {
            Self::Embedded(store) => store.list(selection, limit, cursor).await,
            Self::Redis(store) => store.list(&selection, limit, cursor.as_deref()).await,
        }
    }

    /// The store, if other companions may share it.
    pub(crate) fn shared(&self) -> Option<&RedisStore> {
        match self {
            Self::Embedded(_) => None,
            Self::Redis(store) => Some(store),
        }
    }

    /// Whether a lease may be given until `end`: other companions must know of this one for so long.
    pub(crate) fn may_lease(&self, end: Instant) -> Result<(), Unavailable> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Redis(store) => store.may_lease(end),
        }
    }

    /// Follows the log of other companions; returns at once if there can be none, else never.
    pub(crate) async fn follow(&self) {
        match self {
            Self::Embedded(_) => {}
            Self::Redis(store) => store.follow().await,
        }
    }
}
