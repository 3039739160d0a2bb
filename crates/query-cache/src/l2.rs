//! The results that all processes share, in Redis. Whatever goes wrong here costs a hit.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use circuit_breaker::Breaker;
use query_cache_model::{Key, Version};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{RedisResult, cmd, pipe};
use tokio::sync::OnceCell;

use crate::rows::Rows;
use crate::wire;

/// After so many failures in a row Redis is left alone for a while.
const FAILURES: u32 = 3;
const LEFT_ALONE_MS: u64 = 1_000;

/// The results that all processes share.
pub(crate) struct Shared {
    url: String,
    prefix: String,
    timeout: Duration,
    connection: OnceCell<ConnectionManager>,
    breaker: Mutex<Breaker>,
    started: Instant,
}

/// Redis did not answer, or was not asked because it had not answered before.
pub(crate) struct Away;

impl Shared {
    pub(crate) fn new(url: &str, prefix: &str, timeout: Duration) -> Self {
        Self {
            url: url.to_owned(),
            prefix: format!("{prefix}:query:"),
            timeout,
            connection: OnceCell::new(),
            breaker: Mutex::new(Breaker::new(FAILURES, LEFT_ALONE_MS)),
            started: Instant::now(),
        }
    }

    /// What is stored under a key, where in the log it was read, and how long it may still be kept.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<(Version, Rows, Duration)>, Away> {
        let name = self.name(key);
        let (bytes, left) = self
            .run(async |connection| {
                let mut both = pipe();
                both.cmd("GET").arg(&name).cmd("PTTL").arg(&name);
                both.query_async::<(Option<Vec<u8>>, i64)>(connection).await
            })
            .await?;
        let found = bytes.and_then(|bytes| wire::decode(key, Bytes::from(bytes)));
        let left = u64::try_from(left).ok().filter(|left| *left > 0);
        Ok(found.zip(left).map(|((version, rows), left)| (version, rows, Duration::from_millis(left))))
    }

    /// Stores a result, unless its types are the database's own.
    pub(crate) async fn put(
        &self,
        key: &Key,
        version: Version,
        rows: &Rows,
        ttl: Duration,
    ) -> Result<(), Away> {
        let Some(bytes) = wire::encode(key, version, rows) else { return Ok(()) };
        let milliseconds = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let name = self.name(key);
        self.run(async |connection| {
            cmd("SET").arg(&name).arg(bytes).arg("PX").arg(milliseconds).query_async::<()>(connection).await
        })
        .await
    }

    fn name(&self, key: &Key) -> String {
        [self.prefix.as_str(), &key.digest()].concat()
    }

    async fn run<T>(
        &self,
        command: impl AsyncFnOnce(&mut ConnectionManager) -> RedisResult<T>,
    ) -> Result<T, Away> {
        if !self.breaker().try_acquire(self.now_ms()) {
            return Err(Away);
        }
        let answer = tokio::time::timeout(self.timeout, async {
            let connection = self.connection.get_or_try_init(async || self.connect()).await?;
            command(&mut connection.clone()).await
        })
        .await;
        match answer {
            Ok(Ok(answer)) => {
                self.breaker().succeeded();
                Ok(answer)
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "query cache: the shared results are away");
                self.breaker().failed(self.now_ms());
                Err(Away)
            }
            Err(_) => {
                self.breaker().failed(self.now_ms());
                Err(Away)
            }
        }
    }

    fn connect(&self) -> RedisResult<ConnectionManager> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(self.timeout));
        ConnectionManager::new_lazy_with_config(redis::Client::open(self.url.as_str())?, config)
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
