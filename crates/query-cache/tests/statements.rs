//! What is known of statements: found out once, and with the types that are said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{World, metric, text};
use query_cache::QueryOptions;
use tokio_postgres::types::{ToSql, Type};

const SCHEMA: &str =
    "CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a VALUES (1, 'one'), (2, 'two')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_first_callers_find_out_once() {
    let world = World::start(SCHEMA, |_| {}).await;
    for round in 0..5 {
        let sql = format!("SELECT x FROM a WHERE id = $1 AND {round} = {round}");
        let before = metric(&world.cache, "slipstream_query_cache_classifications_total", "");
        let tasks: Vec<_> = (0..40_i32)
            .map(|number| {
                let (cache, sql) = (world.cache.clone(), sql.clone());
                tokio::spawn(async move {
                    let id = 1 + number % 2;
                    let rows = cache.query(&sql, &[&id]).await.unwrap();
                    assert_eq!(text(&rows), if id == 1 { "one" } else { "two" });
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let found_out = metric(&world.cache, "slipstream_query_cache_classifications_total", "") - before;
        assert_eq!(found_out, 1.0, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_that_are_said_are_part_of_what_is_asked() {
    let world = World::start(SCHEMA, |_| {}).await;
    let sql = "SELECT pg_typeof($1)::text || x FROM a WHERE id = 1";
    let options = QueryOptions::default();
    for _ in 0..3 {
        for (value, type_, expected) in [
            (&7_i32 as &(dyn ToSql + Sync), Type::INT4, "integerone"),
            (&7_i64, Type::INT8, "bigintone"),
            (&"7", Type::TEXT, "textone"),
        ] {
            let rows = world.cache.query_typed(sql, &[(value, type_)], &options).await.unwrap();
            assert_eq!(text(&rows), expected);
        }
    }
    // What would be inferred to be of another type.
    let rows = world
        .cache
        .query_typed(
            "SELECT (interval '1 second' * $1)::text FROM a LIMIT 1",
            &[(&2_i64, Type::INT8)],
            &options,
        )
        .await
        .unwrap();
    assert_eq!(text(&rows), "00:00:02");
    // A value that does not fit is the database's, or its client's, to refuse.
    assert!(world.cache.query_typed(sql, &[(&"x", Type::INT4)], &options).await.is_err());
    assert!(world.cache.query("SELECT x FROM a WHERE id = $1", &[]).await.is_err());
}
