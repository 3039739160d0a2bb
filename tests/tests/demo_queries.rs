//! The demo's API with its query cache, PgBouncer and a companion that follows the database, behind Envoy.

use e2e::{is_hit, wait_for};
use testbed::{
    Client, Companion, CompanionOptions, Demo, EnvoyOptions, FrontProxy, PgBouncer, PgBouncerOptions,
    Postgres, Redis, RedisOptions, Request,
};

const ITEMS: u32 = 200;

struct Stack {
    front: FrontProxy,
    companion: Companion,
    demo: Demo,
    /// The same without a query cache.
    plain: Demo,
    _pgbouncer: PgBouncer,
    _redis: Redis,
    postgres: Postgres,
    client: Client,
}

impl Stack {
    fn start() -> Stack {
        let settings = ["wal_level=logical", "synchronous_commit=on", "max_slot_wal_keep_size=1GB"];
        let postgres = Postgres::start_with(&settings).unwrap();
        let redis = Redis::start(RedisOptions::default()).unwrap();
        let target = format!("host=127.0.0.1 port={}", postgres.port());
        let pgbouncer = PgBouncer::start(&PgBouncerOptions {
            databases: vec![("postgres".to_owned(), target)],
            settings: vec!["default_pool_size = 4".to_owned()],
        })
        .unwrap();
        let redis_port = redis.port().to_string();
        let redis_at = [("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", redis_port.as_str())];
        let pooler = pgbouncer.port().to_string();
        let mut env = vec![("USE_PGBOUNCER", "true"), ("PGBOUNCER_PORT", pooler.as_str())];
        let plain = Demo::start_with(&postgres.url(), ITEMS, &env).unwrap();
        env.extend(redis_at);
        env.push(("QUERY_CACHE_ENABLED", "true"));
        let demo = Demo::start_with(&postgres.url(), ITEMS, &env).unwrap();
        let (url, tags) = (postgres.url(), "workspace.workspace_items=items,workspace.workspace_items=item");
        let capture = [
            ("SLIPSTREAM_CHANGE_CAPTURE__ENABLED", "true"),
            ("SLIPSTREAM_CHANGE_CAPTURE__URL", url.as_str()),
            ("SLIPSTREAM_CHANGE_CAPTURE__TAGS", tags),
        ];
        let env = redis_at.iter().chain(&capture);
        let env = env.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let companion = Companion::start(&CompanionOptions { env, ..CompanionOptions::default() }).unwrap();
        let front = FrontProxy::start(demo.port(), companion.port(), &EnvoyOptions::default()).unwrap();
        let client = Client::new();
        Stack { front, companion, demo, plain, _pgbouncer: pgbouncer, _redis: redis, postgres, client }
    }

    /// How often a query of this name was answered from memory.
    fn hits(&self, query: &str) -> f64 {
        let text = self.client.get(self.demo.url("/metrics")).text();
        let lines = text.lines().filter(|line| {
            line.starts_with("opt005_db_query_cache_hits_total{")
                && line.contains(&format!("query=\"{query}\""))
        });
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

#[test]
fn repeated_queries_come_from_memory_and_nothing_is_stale() {
    let stack = Stack::start();
    let Stack { client, demo, plain, postgres, front, .. } = &stack;
    for (path, query) in [
        ("/api/items", "page of items"),
        ("/api/items?page=2&page_size=5", "number of items"),
        ("/api/items?category=backend&tag=api", "page of items"),
        ("/api/items?q=payment&status=new", "page of items"),
        ("/api/items/7", "item"),
        ("/api/items/100000", "item"),
        ("/api/stats", "items by category"),
        ("/api/stats", "items by status"),
    ] {
        let before = stack.hits(query);
        wait_for(&format!("{path} from memory"), || {
            let (own, expected) = (client.get(demo.url(path)), client.get(plain.url(path)));
            assert_eq!((own.status, own.json()), (expected.status, expected.json()), "{path}");
            stack.hits(query) > before
        });
    }
    // Who writes through the API reads it there at once, whatever the API has in memory.
    for number in 0..20 {
        let item = serde_json::json!({"title": format!("number {number}"), "category": "backend"});
        let made = client.send(Request::post_json(demo.url("/api/items"), &item)).unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
        let list = client.get(demo.url("/api/items")).json();
        assert_eq!(list["items"][0]["id"], made.json()["id"], "{number}");
        let stats = client.get(demo.url("/api/stats")).json();
        assert_eq!(stats["total"], list["total"], "{number}");
    }
    // What psql writes is dropped from the query cache and from Envoy's.
    wait_for("the companion to follow", || {
        client.get(stack.companion.url("/v1/query-cache")).text().contains("\"phase\":\"following\"")
    });
    for number in 0..10 {
        let title = || client.get(front.url("/api/items/1")).json()["title"].clone();
        wait_for("a hit", || is_hit(&client.get(front.url("/api/items/1"))));
        let new = format!("by psql, {number}");
        postgres.sql(&format!("UPDATE workspace.workspace_items SET title = '{new}' WHERE id = 1")).unwrap();
        wait_for("the write to be seen", || title() == new.as_str());
    }
}
