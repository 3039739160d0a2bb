//! The servers of the demo.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use testbed::documentation::route_to;
use testbed::{
    Client, Companion, CompanionOptions, Demo, Documentation, EnvoyOptions, FrontProxy, PgBouncer,
    PgBouncerOptions, Postgres, Redis, RedisOptions, Request, Tool, wait_until, workspace_root,
};

use super::say;

const SETTINGS: [&str; 5] = [
    // Compiling a query to machine code takes longer than any query of this API.
    "jit=off",
    "shared_buffers=256MB",
    // What the companion needs to follow the changes of rows.
    "wal_level=logical",
    "max_slot_wal_keep_size=1GB",
    // As a server does by default: a commit that is answered can be followed.
    "synchronous_commit=on",
];

/// The database that has no indexes.
const WITHOUT_INDEXES: &str = "without_indexes";

/// The tags of the routes whose responses are built from the items.
const TAGS: &str = "workspace.workspace_items=items,workspace.workspace_items=item";

/// Everything that runs. Fields drop in order: what asks stops before what answers.
pub struct Stack {
    /// Envoy with the filters.
    pub front: FrontProxy,
    /// The companion, which answers questions about the documentation too.
    pub documentation: Documentation,
    /// The API behind Envoy, which answers repeated queries from memory where there is a Redis.
    pub demo: Demo,
    /// The same API on the same database, which asks it every time.
    pub plain: Demo,
    /// The same API on a database with the same items, and without indexes.
    pub bare: Demo,
    /// The companion's Redis, which tells the API of changed rows.
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
        let postgres = Postgres::start_with(&SETTINGS).context("PostgreSQL")?;
        say(&format!("starting the APIs and generating {items} items"));
        let pgbouncer = start_pgbouncer(&postgres)?;
        let redis = if with_redis { Some(start_redis()?) } else { None };
        let mut env = Vec::new();
        if let Some(pgbouncer) = &pgbouncer {
            env.push(("USE_PGBOUNCER", "true".to_owned()));
            env.push(("PGBOUNCER_PORT", pgbouncer.port().to_string()));
        }
        let plain = start_api(&postgres.url(), items, &env)?;
        let bare = start_bare_api(&postgres, items, &env)?;
        if let Some(redis) = &redis {
            env.push(("QUERY_CACHE_ENABLED", "true".to_owned()));
            env.push(("REDIS_HOST", "127.0.0.1".to_owned()));
            env.push(("REDIS_PORT", redis.port().to_string()));
        }
        let demo = start_api(&postgres.url(), items, &env)?;
        say("taking the documentation in, and starting the companion");
        let documentation = start_companion(&postgres, redis.as_ref())?;
        say("starting Envoy");
        let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4)) as u32;
        let options = EnvoyOptions { concurrency: workers, ..EnvoyOptions::default() };
        let edits = route_to(documentation.port());
        let edits: Vec<(&str, &str)> = edits.iter().map(|(old, new)| (*old, new.as_str())).collect();
        let companion = documentation.companion().port();
        let front = FrontProxy::start_edited(demo.port(), companion, &options, &edits).context("Envoy")?;
        Ok(Stack { front, documentation, demo, plain, bare, redis, pgbouncer, postgres, items })
    }
}

fn start_api(database_url: &str, items: u32, env: &[(&str, String)]) -> Result<Demo> {
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Demo::start_with(database_url, items, &env).context("the demo API")
}

/// Nobody asks for its signals, so it has none.
fn start_bare_api(postgres: &Postgres, items: u32, env: &[(&str, String)]) -> Result<Demo> {
    let mut env = env.to_vec();
    env.push(("DEMO_WITHOUT_INDEXES", "true".to_owned()));
    env.push(("DEMO_SIGNALS", "0".to_owned()));
    start_api(&postgres.create_database(WITHOUT_INDEXES)?, items, &env)
}

/// Answers questions about the documentation, follows the changes of the database, and waits until it does.
fn start_companion(postgres: &Postgres, redis: Option<&Redis>) -> Result<Documentation> {
    let mut env = vec![
        ("SLIPSTREAM_CHANGE_CAPTURE__ENABLED", "true".to_owned()),
        ("SLIPSTREAM_CHANGE_CAPTURE__URL", postgres.url()),
        ("SLIPSTREAM_CHANGE_CAPTURE__TAGS", TAGS.to_owned()),
    ];
    if let Some(redis) = redis {
        env.push(("REDIS_HOST", "127.0.0.1".to_owned()));
        env.push(("REDIS_PORT", redis.port().to_string()));
    }
    let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let docs = workspace_root().join("docs");
    let options = CompanionOptions { env, ..CompanionOptions::default() };
    let documentation = Documentation::start(Some(&docs), options).context("the companion")?;
    let companion = documentation.companion();
    let url = companion.url("/v1/query-cache");
    let follows = || {
        let report = Client::new().send(Request::get(&url));
        report.is_ok_and(|report| report.text().contains("\"phase\":\"following\""))
    };
    if !wait_until(Duration::from_secs(30), follows) {
        bail!("the companion does not follow the database:\n{}", companion.log());
    }
    Ok(documentation)
}

/// In transaction mode; where it is not installed, queries go to the database directly.
fn start_pgbouncer(postgres: &Postgres) -> Result<Option<PgBouncer>> {
    if Tool::PgBouncer.path().is_err() {
        say("PgBouncer is not installed: queries go to PostgreSQL directly");
        return Ok(None);
    }
    say("starting PgBouncer");
    let target = format!("host=127.0.0.1 port={}", postgres.port());
    let databases =
        ["postgres", WITHOUT_INDEXES].map(|database| (database.to_owned(), target.clone())).to_vec();
    let settings = vec!["default_pool_size = 20".to_owned(), "max_client_conn = 1000".to_owned()];
    PgBouncer::start(&PgBouncerOptions { databases, settings }).context("PgBouncer").map(Some)
}

/// It keeps the state of the changes beside the responses, so it must not evict.
fn start_redis() -> Result<Redis> {
    say("starting Redis");
    let args = ["--maxmemory", "256mb", "--maxmemory-policy", "noeviction"].map(str::to_owned).to_vec();
    Redis::start(RedisOptions { args, ..RedisOptions::default() }).context("Redis")
}
