//! The servers of the demo.

use anyhow::{Context, Result};
use testbed::{Companion, CompanionOptions, Demo, EnvoyOptions, FrontProxy, Postgres, Redis, RedisOptions};

use super::say;

/// Everything that runs. Fields drop in order: what asks stops before what answers.
pub struct Stack {
    /// Envoy with the filters.
    pub front: FrontProxy,
    /// The companion.
    pub companion: Companion,
    /// The API.
    pub demo: Demo,
    /// The companion's Redis, if it has one.
    pub redis: Option<Redis>,
    /// The API's database.
    pub postgres: Postgres,
    /// How many items the database began with.
    pub items: u32,
}

impl Stack {
    /// Starts all of it, the database holding `items` items.
    pub fn start(items: u32, with_redis: bool) -> Result<Stack> {
        say("starting PostgreSQL");
        // Compiling a query to machine code takes longer than any query of this API.
        let postgres = Postgres::start_with(&["jit=off", "shared_buffers=256MB"]).context("PostgreSQL")?;
        say(&format!("starting the API and generating {items} items"));
        let demo = Demo::start(&postgres.url(), items).context("the demo API")?;
        let redis = if with_redis { Some(start_redis()?) } else { None };
        say("starting the companion");
        let mut options = CompanionOptions::default();
        if let Some(redis) = &redis {
            options.env.push(("REDIS_HOST".to_owned(), "127.0.0.1".to_owned()));
            options.env.push(("REDIS_PORT".to_owned(), redis.port().to_string()));
        }
        let companion = Companion::start(&options).context("the companion")?;
        say("starting Envoy");
        let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4)) as u32;
        let options = EnvoyOptions { concurrency: workers, ..EnvoyOptions::default() };
        let front = FrontProxy::start(demo.port(), companion.port(), &options).context("Envoy")?;
        Ok(Stack { front, companion, demo, redis, postgres, items })
    }
}

fn start_redis() -> Result<Redis> {
    say("starting Redis");
    let args = ["--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"].map(str::to_owned).to_vec();
    Redis::start(RedisOptions { args, ..RedisOptions::default() }).context("Redis")
}
