//! What a hit costs beside the query itself, and how soon after a commit nothing older is served. `cargo xtask bench query-cache` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark fails by panicking"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::World;
use query_cache::QueryCache;
use tokio_postgres::types::ToSql;

const ITEMS: u32 = 600_000;
const COMMITS: i32 = 2_000;
const GROUP_BY: &str = "SELECT category, status, count(*) AS items, round(avg(length(description)), 1)::float8 AS length \
    FROM items GROUP BY category, status ORDER BY category, status";
const INDEXED: &str = "SELECT id, title, description FROM items WHERE id = $1";

struct Times(Vec<Duration>);

impl Times {
    fn at(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted[((sorted.len() - 1) as f64 * share).round() as usize]
    }
}

async fn measure(count: usize, mut work: impl AsyncFnMut()) -> Times {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        work().await;
        times.push(start.elapsed());
    }
    Times(times)
}

async fn measure_hits(
    count: usize,
    cache: &QueryCache,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Times {
    common::within("it is cached", async || common::ask(cache, sql, parameters).await.1).await;
    let before = common::hits(cache);
    let times = measure(count, async || {
        cache.query(sql, parameters).await.unwrap();
    })
    .await;
    let hits = common::hits(cache) - before;
    // A busy machine may keep the companion from its turn for longer than the bound: then the database answers.
    assert!(hits >= count as f64 * 0.9, "{hits} hits of {count}");
    times
}

/// How long after a commit was acknowledged the first read began that saw it.
async fn measure_invalidation(world: &World) -> Times {
    let sql = "SELECT title FROM items WHERE id = 1";
    let (writer, connection) =
        tokio_postgres::connect(&world.postgres.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let update = writer.prepare("UPDATE items SET title = $1 WHERE id = 1").await.unwrap();
    let mut times = Vec::new();
    for number in 0..COMMITS {
        world.hit(sql, &[]).await;
        let title = format!("title {number}");
        writer.execute(&update, &[&title]).await.unwrap();
        let committed = Instant::now();
        loop {
            let begun = Instant::now();
            if common::text(&world.cache.query(sql, &[]).await.unwrap()) == title {
                times.push(begun - committed);
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    Times(times)
}

fn shown(time: Duration) -> String {
    format!("{:.4}", time.as_secs_f64() * 1_000.0)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let schema = format!(
        "CREATE TABLE items (id int PRIMARY KEY, title text, category text, status text, description text);
         INSERT INTO items SELECT i, 'item ' || i, 'category ' || i % 8, 'status ' || i % 5, repeat('x', 40 + i % 160) FROM generate_series(1, {ITEMS}) i;
         ANALYZE items;"
    );
    let world = World::start(&schema, |_| {}).await;
    let share = world.redis.url();
    let shared = world.other(|options| {
        // Too small to keep anything here.
        options.max_bytes = 1;
        options.shared_url = Some(share);
        options.shared_timeout = Duration::from_secs(1);
    });
    common::trusted(&shared).await;
    let direct = world.cache.pool().get().await.unwrap();
    let (group_by, indexed) =
        (direct.prepare(GROUP_BY).await.unwrap(), direct.prepare(INDEXED).await.unwrap());
    let id: [&(dyn ToSql + Sync); 1] = [&4_711];

    let group_by_direct = measure(30, async || drop(direct.query(&group_by, &[]).await.unwrap())).await;
    let indexed_direct = measure(5_000, async || drop(direct.query(&indexed, &id).await.unwrap())).await;
    let group_by_shared = measure_hits(2_000, &shared, GROUP_BY, &[]).await;
    let indexed_shared = measure_hits(2_000, &shared, INDEXED, &id).await;
    let group_by_hit = measure_hits(20_000, &world.cache, GROUP_BY, &[]).await;
    let indexed_hit = measure_hits(20_000, &world.cache, INDEXED, &id).await;
    let invalidation = measure_invalidation(&world).await;

    println!("| milliseconds | p50 | p99 |\n|---|--:|--:|");
    for (name, times) in [
        ("group-by over 600,000 rows, prepared, from the database", &group_by_direct),
        ("the same, from the shared Redis", &group_by_shared),
        ("the same, from the process", &group_by_hit),
        ("one row by its key, prepared, from the database", &indexed_direct),
        ("the same, from the shared Redis", &indexed_shared),
        ("the same, from the process", &indexed_hit),
        ("from a commit's acknowledgement to the first read that sees it", &invalidation),
    ] {
        println!("| {name} | {} | {} |", shown(times.at(0.5)), shown(times.at(0.99)));
    }
    println!();
    let ratio = |slow: &Times, fast: &Times| slow.at(0.5).as_secs_f64() / fast.at(0.5).as_secs_f64();
    let mut failed = false;
    for (what, seen, least) in [
        ("hit in the process × faster than the group-by", ratio(&group_by_direct, &group_by_hit), 100.0),
        ("hit in the process × faster than the indexed query", ratio(&indexed_direct, &indexed_hit), 3.0),
        ("20 ms ÷ p99 of the invalidation", 0.020 / invalidation.at(0.99).as_secs_f64(), 1.0),
    ] {
        failed |= seen < least;
        println!(
            "- {what}: {seen:.1}, at least {least}: {}",
            if seen < least { "MISSED" } else { "reached" }
        );
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
