//! Behind PgBouncer in transaction mode every answer is the asker's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{World, hits, metric, text, trusted};
use testbed::{PgBouncer, PgBouncerOptions};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_the_askers_own() {
    let schema = "CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a SELECT i, 'x' || i FROM generate_series(0, 499) i";
    let world = World::start(schema, |_| {}).await;
    let target = format!("host=127.0.0.1 port={} user=postgres", world.postgres.port());
    let settings = ["default_pool_size = 4", "max_client_conn = 500"].map(str::to_owned).to_vec();
    let pooler =
        PgBouncer::start(&PgBouncerOptions { databases: vec![("*".to_owned(), target)], settings }).unwrap();
    let url = pooler.url("postgres", "postgres");
    let mut options = common::options(&world.redis);
    options.pooled = true;
    let cache = query_cache::QueryCache::new(common::pool(&url, 40), options);
    trusted(&cache).await;
    let tasks: Vec<_> = (0..2_000_i32)
        .map(|number| {
            let cache = cache.clone();
            tokio::spawn(async move {
                let id = number % 500;
                let own = format!("SELECT x || '{id}' FROM a WHERE id = {id}");
                assert_eq!(text(&cache.query(&own, &[]).await.unwrap()), format!("x{id}{id}"));
                let shared = "SELECT x FROM a WHERE id = $1";
                assert_eq!(text(&cache.query(shared, &[&id]).await.unwrap()), format!("x{id}"));
                let past = "SELECT $1::text FROM a WHERE now() > 'epoch' LIMIT 1";
                let word = format!("w{number}");
                assert_eq!(text(&cache.query(past, &[&word]).await.unwrap()), word);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let bypasses =
        ["statement", "table", "connection", "behind", "parameters", "flight", "unanchored"].map(|reason| {
            (reason, metric(&cache, "slipstream_query_cache_bypasses_total", &format!("reason={reason}")))
        });
    let explained = cache.explain("SELECT x FROM a WHERE id = $1").await;
    assert!(hits(&cache) > 500.0, "{} hits; {bypasses:?}; {explained:?}", hits(&cache));
    assert!(metric(&cache, "opt005_db_query_cache_misses_total", "") > 500.0);
    for number in 0..50 {
        world.postgres.sql(&format!("UPDATE a SET x = 'y{number}' WHERE id = 7")).unwrap();
        common::within("the write is seen", async || {
            text(&cache.query("SELECT x FROM a WHERE id = $1", &[&7]).await.unwrap()) == format!("y{number}")
        })
        .await;
    }
    let mut session = cache.session().await.unwrap();
    assert_eq!(text(&session.query("SELECT x FROM a WHERE id = $1", &[&7]).await.unwrap()), "y49");
}

/// A statement that is left behind in the pooler's connection is in the way of the next client's that counts from there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_in_the_poolers_connections() {
    let world =
        World::start("CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a VALUES (1, 'one')", |_| {})
            .await;
    let target = format!("host=127.0.0.1 port={} user=postgres", world.postgres.port());
    let settings = vec!["default_pool_size = 1".to_owned()];
    let pooler =
        PgBouncer::start(&PgBouncerOptions { databases: vec![("*".to_owned(), target)], settings }).unwrap();
    let pool = common::pool(&pooler.url("postgres", "postgres"), 4);
    let mut options = common::options(&world.redis);
    options.pooled = true;
    let cache = query_cache::QueryCache::new(pool.clone(), options);
    let left = async || -> String {
        let client = pool.get().await.unwrap();
        let messages = client.simple_query("SELECT name FROM pg_prepared_statements").await.unwrap();
        let names = messages.iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        names.collect::<Vec<_>>().join(",")
    };
    // Before anything is followed, what is asked goes past the cache.
    assert_eq!(text(&cache.query("SELECT x FROM a WHERE id = $1", &[&1]).await.unwrap()), "one");
    assert_eq!(left().await, "");
    trusted(&cache).await;
    for sql in ["SELECT x FROM a WHERE id = $1", "SELECT x FROM a WHERE id = $1 AND now() > 'epoch'"] {
        assert_eq!(text(&cache.query(sql, &[&1]).await.unwrap()), "one");
        assert_eq!(left().await, "", "{sql}");
    }
}
