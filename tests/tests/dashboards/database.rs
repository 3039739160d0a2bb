//! The API with a query cache, its database, and a companion that follows it.

use std::thread;
use std::time::Instant;

use e2e::wait_for;
use testbed::{Client, Companion, CompanionOptions, Demo, Postgres, Redis, RedisOptions, Request};

const ITEMS: u32 = 500;

/// An API whose repeated queries are answered from memory.
pub struct Database {
    pub demo: Demo,
    pub companion: Companion,
    postgres: Postgres,
    _redis: Redis,
}

impl Database {
    pub fn start() -> Database {
        let settings = ["wal_level=logical", "synchronous_commit=on", "max_slot_wal_keep_size=1GB"];
        let postgres = Postgres::start_with(&settings).unwrap();
        let redis = Redis::start(RedisOptions::default()).unwrap();
        let port = redis.port().to_string();
        let redis_at = [("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", port.as_str())];
        let env = [redis_at[0], redis_at[1], ("QUERY_CACHE_ENABLED", "true")];
        let demo = Demo::start_with(&postgres.url(), ITEMS, &env).unwrap();
        let url = postgres.url();
        let capture = [
            ("SLIPSTREAM_CHANGE_CAPTURE__ENABLED", "true"),
            ("SLIPSTREAM_CHANGE_CAPTURE__URL", url.as_str()),
        ];
        let env =
            redis_at.iter().chain(&capture).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let companion =
            Companion::start(&CompanionOptions { env: env.collect(), ..CompanionOptions::default() })
                .unwrap();
        Database { demo, companion, postgres, _redis: redis }
    }

    /// Asks until an item was answered from memory, and writes. A rate is of one series: each time the same has to grow.
    pub fn exercise(&self) {
        let hits = || self.counted("opt005_db_query_cache_hits_total", "level=\"local\",query=\"item\"");
        let before = hits();
        wait_for("a hit of the query cache", || {
            for path in ["/api/items?page=1", "/api/items/7", "/api/stats"] {
                assert_eq!(Client::new().get(self.demo.url(path)).status, 200);
            }
            hits() > before
        });
        let item = serde_json::json!({"title": "one more", "category": "backend"});
        let made = Client::new().send(Request::post_json(self.demo.url("/api/items"), &item)).unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
    }

    /// Queries that find their table locked, each by a statement that has not been run before: how long each took, in seconds, ascending.
    pub fn slow_queries(&self, count: u32) -> Vec<f64> {
        let client = Client::new();
        let mut durations: Vec<f64> = (0..count)
            .map(|number| {
                let (id, seconds) = (100 + number, 0.15 + 0.02 * f64::from(number));
                thread::scope(|scope| {
                    scope.spawn(|| {
                        let lock = "LOCK TABLE workspace.workspace_items IN ACCESS EXCLUSIVE MODE";
                        self.postgres
                            .sql(&format!("BEGIN; {lock}; SELECT pg_sleep({seconds}); COMMIT"))
                            .unwrap();
                    });
                    let held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted \
                                AND relation = 'workspace.workspace_items'::regclass";
                    wait_for("the lock", || self.postgres.sql(held).is_ok_and(|count| count == "1"));
                    let start = Instant::now();
                    let answer = client.get(self.demo.url(&format!("/api/items/{id}")));
                    assert_eq!(answer.status, 200);
                    start.elapsed().as_secs_f64()
                })
            })
            .collect();
        durations.sort_by(f64::total_cmp);
        durations
    }

    /// What the API says of a counter, over the label sets that hold a text.
    pub fn counted(&self, name: &str, labels: &str) -> f64 {
        let text = Client::new().get(self.demo.url("/metrics")).text();
        let lines =
            text.lines().filter(|line| line.starts_with(&format!("{name}{{")) && line.contains(labels));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Waits until the companion follows.
    pub fn wait_until_followed(&self) {
        let url = self.companion.url("/v1/query-cache");
        wait_for("the companion to follow the database", || {
            Client::new().get(&url).text().contains("\"phase\":\"following\"")
        });
    }
}
