//! Where query caches read of the changes: records in a Redis stream, and the state they come to beside it.
//!
//! Under `{PREFIX}:capture:DATABASE` there are `:head` (epoch, number and place of the last record, floor, timeline), `:tables`
//! (the followed tables, each with its last change), `:records` (the stream) and `:owner` (the epoch of the companion that
//! writes here). All lie in one slot and change in one script.

use std::fmt;
use std::time::Duration;

use query_cache_model::{Lsn, Record};
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script};

use crate::config;
use crate::store::{Unavailable, dial_log_server};

/// How long after its last record a companion still owns the names it writes under.
pub(super) const OWNER_TTL: Duration = Duration::from_secs(2);
/// Records that the stream keeps; readers further behind start anew.
const KEPT: usize = 10_000;

const TAKE: &str = "
local owner = redis.call('GET', KEYS[4])
if owner and owner ~= ARGV[5] then return -1 end
local number = tonumber(redis.call('HGET', KEYS[1], 'number') or '0') + 1
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'number', string.format('%.0f', number), 'lsn', ARGV[2], 'floor', ARGV[2], 'timeline', ARGV[3])
redis.call('SET', KEYS[4], ARGV[1], 'PX', ARGV[4])
return number";

const PUBLISH: &str = "
local head = redis.call('HMGET', KEYS[1], 'epoch', 'number')
if head[1] ~= ARGV[1] or head[2] ~= ARGV[2] then return 0 end
if ARGV[6] == '1' then
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'floor', ARGV[4])
end
local tracked = tonumber(ARGV[8])
for i = 10, 9 + tracked do redis.call('HSET', KEYS[2], ARGV[i], ARGV[4]) end
for i = 10 + tracked, #ARGV do
  if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 1 then redis.call('HSET', KEYS[2], ARGV[i], ARGV[4]) end
end
redis.call('HSET', KEYS[1], 'number', ARGV[3], 'lsn', ARGV[4])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[7], ARGV[3] .. '-0', 'e', ARGV[1], 'r', ARGV[5])
redis.call('SET', KEYS[4], ARGV[1], 'PX', ARGV[9])
return 1";

/// Why nothing could be published.
#[derive(Debug)]
pub(super) enum PublishError {
    /// Another companion follows this database.
    Owned,
    /// Redis lost what was published, or another companion took over.
    Lost,
    /// Redis did not answer.
    Redis(String),
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owned => write!(f, "another companion follows this database"),
            Self::Lost => write!(f, "Redis no longer has what was published, or another companion took over"),
            Self::Redis(reason) => write!(f, "Redis: {reason}"),
        }
    }
}

impl From<RedisError> for PublishError {
    fn from(error: RedisError) -> Self {
        Self::Redis(error.to_string())
    }
}

impl From<Unavailable> for PublishError {
    fn from(error: Unavailable) -> Self {
        Self::Redis(error.reason)
    }
}

/// Publishes records under one epoch. Without Redis it only counts them.
pub(super) struct Publisher {
    redis: Option<(MultiplexedConnection, [String; 4])>,
    publish: Script,
    epoch: String,
    /// The epoch that this companion wrote under before, which it may take over from itself.
    previous: String,
    number: u64,
}

impl Publisher {
    /// Connects; nothing is published yet.
    pub(super) async fn connect(
        config: Option<&config::Redis>,
        database: &str,
        epoch: u64,
        previous: u64,
    ) -> Result<Self, PublishError> {
        let redis = match config {
            Some(config) => {
                let prefix = format!("{{{}}}:capture:{database}", config.key_prefix);
                let keys = ["head", "tables", "records", "owner"].map(|name| format!("{prefix}:{name}"));
                Some((dial_log_server(config).await?, keys))
            }
            None => None,
        };
        Ok(Self {
            redis,
            publish: Script::new(PUBLISH),
            epoch: format!("{epoch:016x}"),
            previous: format!("{previous:016x}"),
            number: 0,
        })
    }

    /// Whether another companion follows this database.
    pub(super) async fn is_owned(&mut self) -> Result<bool, PublishError> {
        let Some((connection, [.., owner])) = &mut self.redis else { return Ok(false) };
        let owner: Option<String> = redis::cmd("GET").arg(owner.as_str()).query_async(connection).await?;
        Ok(owner.is_some_and(|owner| owner != self.previous))
    }

    /// Begins the epoch here in the log, with no table.
    pub(super) async fn take(&mut self, lsn: Lsn, timeline: &str) -> Result<(), PublishError> {
        let Some((connection, keys)) = &mut self.redis else { return Ok(()) };
        let number: i64 = Script::new(TAKE)
            .key(keys.as_slice())
            .arg(&self.epoch)
            .arg(lsn.to_string())
            .arg(timeline)
            .arg(milliseconds(OWNER_TTL))
            .arg(&self.previous)
            .invoke_async(connection)
            .await?;
        self.number = u64::try_from(number).map_err(|_| PublishError::Owned)?;
        Ok(())
    }

    /// The number of the last record.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Publishes the next record, whose number is set here.
    pub(super) async fn publish(&mut self, mut record: Record) -> Result<(), PublishError> {
        let previous = self.number;
        record.number = previous.saturating_add(1);
        if let Some((connection, keys)) = &mut self.redis {
            let json = record.encode().map_err(|error| PublishError::Redis(error.to_string()))?;
            let mut script = self.publish.prepare_invoke();
            script
                .key(keys.as_slice())
                .arg(&self.epoch)
                .arg(previous)
                .arg(record.number)
                .arg(record.lsn.to_string())
                .arg(json)
                .arg(u8::from(record.reset))
                .arg(KEPT)
                .arg(record.tracked.len())
                .arg(milliseconds(OWNER_TTL))
                .arg(record.tracked.as_slice())
                .arg(record.changed.as_slice());
            let published: u8 = script.invoke_async(connection).await?;
            if published == 0 {
                return Err(PublishError::Lost);
            }
        }
        self.number = record.number;
        Ok(())
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
