//! What companions on one Redis know of each other: who there is, and how far the followers of each have confirmed the
//! log. Each has a key of its own that expires, beside the log, and a place in a sorted set of all.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use invalidation::Position;
use redis::{cmd, pipe};
use tokio::time::Instant;

use super::super::Unavailable;
use super::{RedisStore, milliseconds, scripts};
use crate::config::Config;
use crate::random;

/// How long an announcement holds beyond a lease and a command's time-out: room for the time between two announcements,
/// for the way to Redis and back, and for clocks that do not run alike.
const MARGIN: Duration = Duration::from_millis(500);

/// What others know of this companion, and it of them.
#[derive(Debug)]
pub(super) struct Companions {
    id: String,
    holds: Duration,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Until when others know of this one at least.
    announced_until: Option<Instant>,
    /// Whether there were others when this one was announced.
    are_others: bool,
    /// Until when there may be others that Redis no longer names.
    unnamed_until: Option<Instant>,
}

impl Companions {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            id: format!("{:016x}", random::number()),
            holds: config.lease() + Duration::from_millis(config.redis.timeout_ms) + MARGIN,
            known: Mutex::default(),
        }
    }

    /// Another epoch began: with the old log, Redis may have lost who there is. Their leases run on.
    pub(super) fn forgotten(&self) {
        let mut known = self.lock();
        if known.are_others {
            known.unnamed_until = Some(Instant::now() + self.holds);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RedisStore {
    /// How long an announcement holds.
    pub(crate) fn announcement_holds(&self) -> Duration {
        self.companions.holds
    }

    /// Whether others know of this companion until `end` at least, so that leases may be given until then.
    pub(crate) fn may_lease(&self, end: Instant) -> Result<(), Unavailable> {
        if self.companions.lock().announced_until.is_some_and(|until| end <= until) {
            return Ok(());
        }
        Err(Unavailable { reason: "other companions do not know of this one yet".to_owned() })
    }

    /// Until when other companions may give leases that are cut off from Redis since this one is; they announce themselves as
    /// often as it does. None where there are no others.
    pub(crate) fn others_lease_until(&self) -> Option<Instant> {
        let known = self.companions.lock();
        known.announced_until.filter(|_| known.are_others)
    }

    /// Tells other companions how far the followers here have confirmed the log.
    pub(crate) async fn announce(&self, reach: Position) -> Result<(), Unavailable> {
        let link = self.link()?;
        let before = self.log.position();
        let sent = Instant::now();
        let mut call = self.scripts.announce.key(self.keys.reach(&self.companions.id));
        call.key(&self.keys.companions).key(&self.keys.epoch).key(&self.keys.head);
        call.arg(&self.companions.id).arg(reach.to_string()).arg(milliseconds(self.companions.holds));
        let (epoch, head, count): (Option<String>, Option<String>, u64) =
            self.run(&link, async |connection| call.invoke_async(connection).await).await?;
        // Only with the log as it was then, or later, leases may rest on this.
        self.keep_up(&link, before, scripts::position(epoch.as_deref(), head.as_deref())).await?;
        let mut known = self.companions.lock();
        known.announced_until = Some(sent + self.companions.holds);
        known.are_others = count > 1;
        Ok(())
    }

    /// The other companions, as the log's server knows them in the epoch of `position`, and until when there may be some
    /// that it does not know.
    pub(crate) async fn others(
        &self,
        position: Position,
    ) -> Result<(Vec<String>, Option<Instant>), Unavailable> {
        let link = self.link()?;
        let mut both = pipe();
        both.atomic().cmd("ZRANGE").arg(&self.keys.companions).arg(0).arg(-1);
        both.cmd("MGET").arg(&self.keys.epoch).arg(&self.keys.head);
        let (mut ids, (epoch, head)): (Vec<String>, (Option<String>, Option<String>)) =
            self.run(&link, async |connection| both.query_async(connection).await).await?;
        let log = scripts::position(epoch.as_deref(), head.as_deref());
        if log.is_none_or(|log| log.epoch != position.epoch) {
            return Err(Unavailable { reason: "another epoch began".to_owned() });
        }
        ids.retain(|id| *id != self.companions.id);
        Ok((ids, self.companions.lock().unnamed_until))
    }

    /// How far the followers of each of these companions have confirmed the log, none of those that Redis does not know,
    /// and where the log stood then.
    pub(crate) async fn reaches(
        &self,
        ids: &[String],
    ) -> Result<(Vec<Option<Position>>, Option<Position>), Unavailable> {
        let link = self.link()?;
        let mut command = cmd("MGET");
        command.arg(&self.keys.epoch).arg(&self.keys.head);
        for id in ids {
            command.arg(self.keys.reach(id));
        }
        let values: Vec<Option<String>> =
            self.run(&link, async |connection| command.query_async(connection).await).await?;
        let mut values = values.into_iter();
        let (epoch, head) = (values.next().flatten(), values.next().flatten());
        // What is no position, such as a later version's, reaches nothing.
        let read = |reach: String| reach.parse().unwrap_or(Position { epoch: 0, seq: 0 });
        let reaches = values.map(|reach| reach.map(read)).collect();
        Ok((reaches, scripts::position(epoch.as_deref(), head.as_deref())))
    }
}
