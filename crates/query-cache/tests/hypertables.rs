//! Hypertables: chunks that come with the rows that need them, and what is never taken for true.
//!
//! A server without TimescaleDB gets the part of its catalogue that is looked at, and chunks made by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Companion, World, pool, text, trusted, within};
use query_cache::QueryCache;
use testbed::{Redis, RedisOptions};
use tokio_postgres::NoTls;

/// A hypertable as the catalogue shows it, with a first chunk; and a function that makes another in the transaction that needs it.
const LIKE_TIMESCALE: &str = "
CREATE SCHEMA _timescaledb_catalog;
CREATE SCHEMA _timescaledb_internal;
CREATE TABLE _timescaledb_catalog.chunk (id int PRIMARY KEY, hypertable_id int, schema_name name, table_name name, compressed_chunk_id int);
CREATE SCHEMA shop;
CREATE TABLE shop.signals (at int, v int, PRIMARY KEY (at));
CREATE FUNCTION shop.chunk(number int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE format('CREATE TABLE _timescaledb_internal._hyper_1_%s_chunk (PRIMARY KEY (at)) INHERITS (shop.signals)', number);
  INSERT INTO _timescaledb_catalog.chunk VALUES (number, 1, '_timescaledb_internal', format('_hyper_1_%s_chunk', number), NULL);
END $$;
SELECT shop.chunk(1);
INSERT INTO _timescaledb_internal._hyper_1_1_chunk VALUES (1, 10);
";

const SUM: &str = "SELECT sum(v)::text FROM shop.signals";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_that_comes_with_its_rows_is_followed() {
    let world = World::start(LIKE_TIMESCALE, |_| {}).await;
    assert_eq!(text(&world.hit(SUM, &[]).await), "10");
    let mut sum = 10;
    for chunk in 2..6 {
        let first =
            "SELECT shop.chunk($1); INSERT INTO _timescaledb_internal._hyper_1_$1_chunk VALUES ($1, 1)";
        world.postgres.sql(&first.replace("$1", &chunk.to_string())).unwrap();
        sum += 1;
        world.becomes(SUM, &sum.to_string()).await;
        assert_eq!(text(&world.hit(SUM, &[]).await), sum.to_string());
        // The next rows of the same chunk.
        let more =
            format!("INSERT INTO _timescaledb_internal._hyper_1_{chunk}_chunk VALUES (100 + {chunk}, 1)");
        world.postgres.sql(&more).unwrap();
        sum += 1;
        world.becomes(SUM, &sum.to_string()).await;
    }
}

/// Rows of compressed chunks lie in tables that have no replica identity, so that nobody hears of their changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compressed_chunks_are_not_cached() {
    let world = World::start(LIKE_TIMESCALE, |_| {}).await;
    assert_eq!(text(&world.hit(SUM, &[]).await), "10");
    world
        .postgres
        .sql(
            "CREATE TABLE _timescaledb_internal.compress_hyper_2_9_chunk (at int, v int);
             INSERT INTO _timescaledb_catalog.chunk VALUES (9, 2, '_timescaledb_internal', 'compress_hyper_2_9_chunk', NULL);
             UPDATE _timescaledb_catalog.chunk SET compressed_chunk_id = 9 WHERE id = 1",
        )
        .unwrap();
    within("it goes to the database", async || {
        world.cache.explain(SUM).await.unwrap().is_err_and(|reason| reason.contains("are not followed"))
    })
    .await;
    for _ in 0..5 {
        assert!(!world.ask(SUM, &[]).await.1);
    }
}

/// With `SLIPSTREAM_TEST_TIMESCALE_URL`, of a superuser's database on a server with TimescaleDB and `wal_level = logical`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_hypertable_is_followed() {
    let Ok(url) = std::env::var("SLIPSTREAM_TEST_TIMESCALE_URL") else {
        eprintln!("skipped: SLIPSTREAM_TEST_TIMESCALE_URL names no server with TimescaleDB");
        return;
    };
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(
            "CREATE EXTENSION IF NOT EXISTS timescaledb; DROP SCHEMA IF EXISTS hyper CASCADE; CREATE SCHEMA hyper;
             CREATE TABLE hyper.signals (at timestamptz, id int, v int, PRIMARY KEY (at, id));
             SELECT create_hypertable('hyper.signals', 'at', chunk_time_interval => interval '1 day')",
        )
        .await
        .unwrap();
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let _companion = Companion::start(&url, &redis, |_| {}).await;
    let cache = QueryCache::new(pool(&url, 4), common::options(&redis));
    trusted(&cache).await;
    let sum = "SELECT coalesce(sum(v), 0)::text FROM hyper.signals";
    for day in 0..10_i32 {
        let row = format!(
            "INSERT INTO hyper.signals VALUES ('2026-01-01'::timestamptz + {day} * interval '1 day', {day}, 1)"
        );
        client.batch_execute(&row).await.unwrap();
        let expected = (day + 1).to_string();
        within("the new chunk", async || text(&cache.query(sum, &[]).await.unwrap()) == expected).await;
        within("a hit", async || common::ask(&cache, sum, &[]).await.1).await;
    }
    client
        .batch_execute(
            "ALTER TABLE hyper.signals SET (timescaledb.compress, timescaledb.compress_segmentby = 'id');
             SELECT compress_chunk(c) FROM show_chunks('hyper.signals') c LIMIT 1",
        )
        .await
        .unwrap();
    within("a compressed chunk", async || cache.explain(sum).await.unwrap().is_err()).await;
    client.batch_execute("DROP SCHEMA hyper CASCADE").await.unwrap();
}
