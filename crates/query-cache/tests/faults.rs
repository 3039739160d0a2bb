//! Whatever fails: the truth, or a query that goes to the database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{Companion, World, ask, hits, metric, text, trusted, within};
use testbed::Postgres;

const SCHEMA: &str = "CREATE TABLE a (id int PRIMARY KEY, x int NOT NULL); INSERT INTO a VALUES (1, 0);
    CREATE TABLE w (id int PRIMARY KEY, a text, b bytea, c int8[]); INSERT INTO w VALUES (1, 'x', '\\x00ff', '{1,NULL}');";
const SQL: &str = "SELECT x::text FROM a";

/// Writes, and reads until what was read is what was written; no read may bring anything but the two.
async fn write_and_see(world: &World, number: i32) {
    let before = world.postgres.sql("SELECT x FROM a").unwrap();
    world.postgres.sql(&format!("UPDATE a SET x = {number}")).unwrap();
    let after = number.to_string();
    within("the write is seen", async || {
        let read = text(&world.cache.query(SQL, &[]).await.unwrap());
        assert!(read == after || read == before, "{read}, expected {before} or {after}");
        read == after
    })
    .await;
    for _ in 0..20 {
        assert_eq!(text(&world.cache.query(SQL, &[]).await.unwrap()), after);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_or_companion_everything_goes_to_the_database() {
    let mut world = World::start(SCHEMA, |options| options.max_staleness = Duration::from_millis(500)).await;
    world.hit(SQL, &[]).await;
    world.redis.stop();
    within("it is noticed", async || world.cache.status().doubt.is_some()).await;
    for number in 1..5 {
        world.postgres.sql(&format!("UPDATE a SET x = {number}")).unwrap();
        assert_eq!(text(&world.cache.query(SQL, &[]).await.unwrap()), number.to_string());
    }
    // It comes back empty: another epoch.
    world.redis.start_again().unwrap();
    world.trusted().await;
    world.hit(SQL, &[]).await;
    write_and_see(&world, 10).await;

    world.companion.take().unwrap().stop().await;
    within("it is noticed", async || world.cache.status().doubt.is_some()).await;
    for number in 20..25 {
        world.postgres.sql(&format!("UPDATE a SET x = {number}")).unwrap();
        assert_eq!(text(&world.cache.query(SQL, &[]).await.unwrap()), number.to_string());
    }
    assert!(metric(&world.cache, "slipstream_query_cache_bypasses_total", "behind") > 0.0);
    world.companion = Some(Companion::start(&world.postgres.url(), &world.redis, |_| {}).await);
    world.trusted().await;
    world.hit(SQL, &[]).await;
    write_and_see(&world, 30).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_is_not_waited_for() {
    let mut world = World::start(SCHEMA, |_| {}).await;
    let share = world.redis.url();
    let shared = world.other(|options| {
        options.shared_url = Some(share);
        options.max_staleness = Duration::from_millis(300);
    });
    trusted(&shared).await;
    world.redis.process().unwrap().pause();
    within("it is noticed", async || shared.status().doubt.is_some()).await;
    world.postgres.sql("UPDATE a SET x = 7").unwrap();
    assert_eq!(text(&shared.query(SQL, &[]).await.unwrap()), "7");
    world.redis.process().unwrap().resume();
    trusted(&shared).await;
    within("it is cached again", async || ask(&shared, SQL, &[]).await.1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_slots_publications_and_state_bring_nothing_stale() {
    let world = World::start(SCHEMA, |_| {}).await;
    let breaks = [
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots",
        "DROP PUBLICATION slipstream",
        "ALTER PUBLICATION slipstream DROP TABLE a",
        "ALTER PUBLICATION slipstream SET TABLE a WHERE (id > 1000)",
        "DROP EVENT TRIGGER slipstream_definitions",
    ];
    for (turn, sql) in breaks.into_iter().enumerate() {
        world.hit(SQL, &[]).await;
        world.postgres.sql(sql).unwrap();
        for number in 0..10 {
            write_and_see(&world, i32::try_from(turn).unwrap() * 100 + number).await;
        }
        if sql.contains("WHERE") {
            assert!(world.cache.explain(SQL).await.unwrap().is_err());
            world.postgres.sql("ALTER PUBLICATION slipstream SET TABLE a").unwrap();
        }
    }
    world.hit(SQL, &[]).await;
    for number in 0..5 {
        world.redis.cli(&["FLUSHALL"]).unwrap();
        write_and_see(&world, 1_000 + number).await;
    }
    world.trusted().await;
    world.hit(SQL, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_that_change_under_way_bring_nothing_wrong() {
    let world = World::start(SCHEMA, |_| {}).await;
    world.postgres.sql("CREATE VIEW v AS SELECT 0 AS n, x FROM a").unwrap();
    let sql = "SELECT n::text FROM v";
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (latest, bound) =
        (std::sync::Mutex::new(vec![(std::time::Instant::now(), 0)]), Duration::from_secs(2));
    let reading = async {
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            let begun = std::time::Instant::now();
            let read: i32 = text(&world.cache.query(sql, &[]).await.unwrap()).parse().unwrap();
            let least = {
                let known = latest.lock().unwrap();
                known.iter().rev().find(|(when, _)| *when + bound <= begun).map_or(0, |(_, n)| *n)
            };
            assert!(read >= least, "{read}, expected at least {least}");
            // A hit never lets others have their turn.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let writing = async {
        let client = world.cache.pool().get().await.unwrap();
        for n in 1..=60 {
            // In a transaction that takes its time.
            client
                .batch_execute(&format!("BEGIN; CREATE OR REPLACE VIEW v AS SELECT {n} AS n, x FROM a"))
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            client.batch_execute("COMMIT").await.unwrap();
            latest.lock().unwrap().push((std::time::Instant::now(), n));
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    tokio::join!(reading, writing);
    world.becomes(sql, "60").await;
    assert!(hits(&world.cache) > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_results_and_forget_them_together() {
    let world = World::start(SCHEMA, |_| {}).await;
    let share = |options: &mut query_cache::Options| {
        options.shared_url = Some(world.redis.url());
        options.shared_timeout = Duration::from_secs(2);
    };
    let (one, two) = (world.other(share), world.other(share));
    trusted(&one).await;
    trusted(&two).await;
    let sql = "SELECT a, b, c FROM w";
    let shared = || metric(&two, "opt005_db_query_cache_hits_total", "level=shared");
    within("what one read serves the other", async || {
        one.query(sql, &[]).await.unwrap();
        let rows = two.query(sql, &[]).await.unwrap();
        let row = rows.first().unwrap();
        assert_eq!(row.get::<_, &str>(0), "x");
        assert_eq!(row.get::<_, Vec<u8>>("b"), [0, 255]);
        assert_eq!(row.get::<_, Vec<Option<i64>>>(2), [Some(1), None]);
        world.postgres.sql("UPDATE w SET id = id").unwrap();
        shared() > 0.0
    })
    .await;
    for number in 0..20 {
        world.postgres.sql(&format!("UPDATE a SET x = {number}")).unwrap();
        for cache in [&one, &two, &one] {
            within("all see it", async || text(&cache.query(SQL, &[]).await.unwrap()) == number.to_string())
                .await;
        }
    }
    // What is damaged, or another's, is nothing.
    let names = world.redis.cli(&["--raw", "KEYS", "slipstream:query:*"]).unwrap();
    for name in names.lines() {
        world.redis.cli(&["SET", name, "damaged"]).unwrap();
    }
    let three = world.other(share);
    trusted(&three).await;
    assert_eq!(text(&three.query(SQL, &[]).await.unwrap()), "19");
    // The types of the database's own stay in the process.
    world.postgres.sql("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE m (id int PRIMARY KEY, m mood); INSERT INTO m VALUES (1, 'sad')").unwrap();
    within("it is cached", async || ask(&one, "SELECT m FROM m", &[]).await.1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_takes_over_is_another_server() {
    let world = World::start(SCHEMA, |_| {}).await;
    world.hit(SQL, &[]).await;
    let replica = Postgres::replica_of(&world.postgres).unwrap();
    // A cache over the replica: its server is none whose changes can be followed, and then another.
    let mut options = common::options(&world.redis);
    options.anchor_interval = Duration::from_millis(50);
    let cache = query_cache::QueryCache::new(common::pool(&replica.url(), 4), options);
    for _ in 0..20 {
        assert!(!ask(&cache, SQL, &[]).await.1);
    }
    replica.sql("SELECT pg_promote()").unwrap();
    replica.sql("UPDATE a SET x = 99").unwrap();
    // The companion still follows the old one.
    for _ in 0..50 {
        let (rows, is_hit) = ask(&cache, SQL, &[]).await;
        assert_eq!((text(&rows).as_str(), is_hit), ("99", false));
    }
    assert_eq!(text(&world.cache.query(SQL, &[]).await.unwrap()), "0");
    // Another companion follows the new one, once the first no longer holds the name.
    world.companion.unwrap().stop().await;
    let _companion = Companion::start(&replica.url(), &world.redis, |_| {}).await;
    trusted(&cache).await;
    within("it is cached", async || ask(&cache, SQL, &[]).await.1).await;
    // And whoever still asks the old server is not served from the cache.
    within("it is noticed", async || world.cache.status().doubt.is_some()).await;
    assert_eq!(text(&world.cache.query(SQL, &[]).await.unwrap()), "0");
}

/// Commits stay between the log and the eyes of others while a synchronous replica is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_nobody_sees_yet_is_not_taken_for_one() {
    let world = World::start(SCHEMA, |_| {}).await;
    world.hit(SQL, &[]).await;
    let (writer, connection) =
        tokio_postgres::connect(&world.postgres.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let wait_for_replica = |name: &str| {
        world.postgres.sql(&format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'")).unwrap();
        world.postgres.sql("SELECT pg_reload_conf()").unwrap();
    };
    for number in 1..4 {
        world.hit(SQL, &[]).await;
        wait_for_replica("nobody");
        tokio::time::sleep(Duration::from_millis(200)).await;
        let update = format!("UPDATE a SET x = {number}");
        let commit = async { writer.batch_execute(&update).await.unwrap() };
        let meanwhile = async {
            let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
            within("it waits", async || world.postgres.sql(waits).unwrap() == "1").await;
            for _ in 0..20 {
                // Whoever asks the database reads the old rows, and may cache them.
                assert_eq!(text(&world.cache.query(SQL, &[]).await.unwrap()), (number - 1).to_string());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            wait_for_replica("");
        };
        tokio::join!(commit, meanwhile);
        // What is seen later than the bound was not voided by this commit, but by chance.
        tokio::time::sleep(common::options(&world.redis).max_staleness).await;
        assert_eq!(text(&world.cache.query(SQL, &[]).await.unwrap()), number.to_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fill_that_comes_late_brings_nothing_back() {
    let world = World::start(SCHEMA, |_| {}).await;
    // It takes a while, and reads its rows at the beginning.
    let slow =
        "SELECT (min(x) + 0 * count(*))::text FROM a, generate_series(1, 1500) g, generate_series(1, 1000) h";
    world.hit(slow, &[]).await;
    for number in 1..6 {
        world.postgres.sql("UPDATE a SET x = x").unwrap();
        let fill = async { text(&world.cache.query(slow, &[]).await.unwrap()) };
        let write = async {
            let running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT (min(x)%'";
            testbed::wait_until(Duration::from_secs(2), || world.postgres.sql(running).unwrap() == "1");
            world.postgres.sql(&format!("UPDATE a SET x = {number}")).unwrap();
        };
        tokio::join!(fill, write);
        world.becomes(slow, &number.to_string()).await;
    }
}
