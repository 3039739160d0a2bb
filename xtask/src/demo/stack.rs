//! The servers of the demo.

use anyhow::{Context, Result};
use testbed::documentation::route_to;
use testbed::{
    Companion, CompanionOptions, Demo, Documentation, EnvoyOptions, FrontProxy, PgBouncer, PgBouncerOptions,
    Postgres, Redis, RedisOptions, Tool, workspace_root,
};

use super::say;

/// Everything that runs. Fields drop in order: what asks stops before what answers.
pub struct Stack {
    /// Envoy with the filters.
    pub front: FrontProxy,
    /// The companion, which answers questions about the documentation too.
    pub documentation: Documentation,
    /// The API.
    pub demo: Demo,
    /// The companion's Redis, if it has one.
    pub redis: Option<Redis>,
    /// What the API's queries go through, if it is installed.
    pub pgbouncer: Option<PgBouncer>,
    /// The API's database.
    pub postgres: Postgres,
    /// How many items the database began with.
    pub items: u32,
}

impl Stack {
    /// The companion.
    pub fn companion(&self) -> &Companion {
        self.documentation.companion()
    }

    /// Starts all of it, the database holding `items` items.
    pub fn start(items: u32, with_redis: bool) -> Result<Stack> {
        say("starting PostgreSQL");
        // Compiling a query to machine code takes longer than any query of this API.
        let postgres = Postgres::start_with(&["jit=off", "shared_buffers=256MB"]).context("PostgreSQL")?;
        say(&format!("starting the API and generating {items} items"));
        let pgbouncer = start_pgbouncer(&postgres)?;
        let demo = match &pgbouncer {
            Some(pgbouncer) => Demo::start_pooled(&postgres.url(), pgbouncer.port(), items),
            None => Demo::start(&postgres.url(), items),
        };
        let demo = demo.context("the demo API")?;
        let redis = if with_redis { Some(start_redis()?) } else { None };
        say("taking the documentation in, and starting the companion");
        let mut options = CompanionOptions::default();
        if let Some(redis) = &redis {
            options.env.push(("REDIS_HOST".to_owned(), "127.0.0.1".to_owned()));
            options.env.push(("REDIS_PORT".to_owned(), redis.port().to_string()));
        }
        let docs = workspace_root().join("docs");
        let documentation = Documentation::start(Some(&docs), options).context("the companion")?;
        say("starting Envoy");
        let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4)) as u32;
        let options = EnvoyOptions { concurrency: workers, ..EnvoyOptions::default() };
        let edits = route_to(documentation.port());
        let edits: Vec<(&str, &str)> = edits.iter().map(|(old, new)| (*old, new.as_str())).collect();
        let companion = documentation.companion().port();
        let front = FrontProxy::start_edited(demo.port(), companion, &options, &edits).context("Envoy")?;
        Ok(Stack { front, documentation, demo, redis, pgbouncer, postgres, items })
    }
}

/// In transaction mode; where it is not installed, queries go to the database directly.
fn start_pgbouncer(postgres: &Postgres) -> Result<Option<PgBouncer>> {
    if Tool::PgBouncer.path().is_err() {
        say("PgBouncer is not installed: queries go to PostgreSQL directly");
        return Ok(None);
    }
    say("starting PgBouncer");
    let target = format!("host=127.0.0.1 port={}", postgres.port());
    let databases = vec![("postgres".to_owned(), target)];
    let settings = vec!["default_pool_size = 20".to_owned(), "max_client_conn = 1000".to_owned()];
    PgBouncer::start(&PgBouncerOptions { databases, settings }).context("PgBouncer").map(Some)
}

fn start_redis() -> Result<Redis> {
    say("starting Redis");
    let args = ["--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"].map(str::to_owned).to_vec();
    Redis::start(RedisOptions { args, ..RedisOptions::default() }).context("Redis")
}
