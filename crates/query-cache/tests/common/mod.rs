//! A database, a Redis, a companion that follows, and a cache over a pool.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "each test uses its own share"
)]

use std::time::{Duration, Instant};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use query_cache::{Options, QueryCache, Rows};
use slipstream::config::Config;
use slipstream::server::Server;
use testbed::{Postgres, Redis, RedisOptions};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::NoTls;
use tokio_postgres::types::ToSql;

pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Companion {
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Companion {
    pub async fn start(url: &str, redis: &Redis, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
        config.redis.host = "127.0.0.1".to_owned();
        config.redis.port = redis.port();
        config.redis.timeout_ms = 1_000;
        config.change_capture.enabled = true;
        config.change_capture.url = url.into();
        config.change_capture.heartbeat_ms = 5;
        config.change_capture.definitions_poll_ms = 100;
        change(&mut config);
        let server = Server::bind(config).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            server.run(async { drop(stopped.await) }).await.unwrap();
        });
        Self { stop: Some(stop), running }
    }

    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.running.await.unwrap();
    }
}

pub struct World {
    pub postgres: Postgres,
    pub redis: Redis,
    pub companion: Option<Companion>,
    pub cache: QueryCache,
}

pub fn postgres() -> Postgres {
    Postgres::start_with(&[
        "wal_level=logical",
        "synchronous_commit=on",
        "max_connections=200",
        "max_slot_wal_keep_size=1GB",
    ])
    .unwrap()
}

pub fn pool(url: &str, size: usize) -> Pool {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(url.parse().unwrap(), NoTls, recycling);
    Pool::builder(manager).max_size(size).build().unwrap()
}

pub fn options(redis: &Redis) -> Options {
    Options {
        state_url: redis.url(),
        // Tests run in parallel on what may be a busy machine.
        max_staleness: Duration::from_secs(2),
        anchor_interval: Duration::from_millis(100),
        ..Options::default()
    }
}

impl World {
    pub async fn start(schema: &str, change: impl FnOnce(&mut Options)) -> Self {
        let postgres = postgres();
        if !schema.is_empty() {
            postgres.sql(schema).unwrap();
        }
        let redis = Redis::start(RedisOptions::default()).unwrap();
        let companion = Companion::start(&postgres.url(), &redis, |_| {}).await;
        let mut options = options(&redis);
        change(&mut options);
        let cache = QueryCache::new(pool(&postgres.url(), 16), options);
        let world = Self { postgres, redis, companion: Some(companion), cache };
        world.trusted().await;
        world
    }

    /// Another cache over the same database, as of another process.
    pub fn other(&self, change: impl FnOnce(&mut Options)) -> QueryCache {
        let mut options = options(&self.redis);
        change(&mut options);
        QueryCache::new(pool(&self.postgres.url(), 4), options)
    }

    /// Waits until the cache is believed.
    pub async fn trusted(&self) {
        trusted(&self.cache).await;
    }

    /// Asks, and says whether it was a hit.
    pub async fn ask(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> (Rows, bool) {
        ask(&self.cache, sql, parameters).await
    }

    /// Asks until the answer comes from the cache. It must be what the database says.
    pub async fn hit(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Rows {
        let start = Instant::now();
        loop {
            let (rows, is_hit) = self.ask(sql, parameters).await;
            if is_hit {
                return rows;
            }
            if start.elapsed() > PATIENCE {
                panic!("never a hit: {sql}: {:?}; {:?}", self.cache.explain(sql).await, self.cache.status());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What the first column of the answer says, once it is another text than before.
    pub async fn becomes(&self, sql: &str, expected: &str) {
        within(&format!("{sql} is {expected}"), async || text(&self.ask(sql, &[]).await.0) == expected).await;
    }
}

pub async fn trusted(cache: &QueryCache) {
    within("the cache is believed", async || cache.status().doubt.is_none() && cache.status().tables > 0)
        .await;
}

/// Asks, and says whether it was a hit.
pub async fn ask(cache: &QueryCache, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> (Rows, bool) {
    let before = hits(cache);
    let rows = cache.query(sql, parameters).await.unwrap_or_else(|error| panic!("{sql}: {error}: {error:?}"));
    (rows, hits(cache) > before)
}

pub fn hits(cache: &QueryCache) -> f64 {
    metric(cache, "opt005_db_query_cache_hits_total", "")
}

/// The sum of a metric over the label sets that hold a text.
pub fn metric(cache: &QueryCache, name: &str, labels: &str) -> f64 {
    let families = cache.registry().gather();
    let family = families.iter().find(|family| family.name() == name);
    let metrics = family.map(|family| family.get_metric()).unwrap_or_default();
    metrics
        .iter()
        .filter(|metric| {
            let shown: Vec<String> = metric
                .get_label()
                .iter()
                .map(|label| format!("{}={}", label.name(), label.value()))
                .collect();
            shown.join(",").contains(labels)
        })
        .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
        .sum()
}

/// The first columns of all rows, as `a,b`.
pub fn text(rows: &Rows) -> String {
    let values =
        rows.iter().map(|row| row.try_get::<_, Option<String>>(0).unwrap().unwrap_or("NULL".to_owned()));
    values.collect::<Vec<_>>().join(",")
}

pub async fn within(what: &str, condition: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
