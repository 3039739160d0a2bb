//! Answers from the cache are what the database says, whoever changed it and however.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{World, ask, hits, metric, text, trusted, within};
use query_cache::{Error, QueryOptions};
use tokio_postgres::types::ToSql;

const SCHEMA: &str = "
CREATE TABLE a (id int PRIMARY KEY, x int NOT NULL, note text, day date, at timestamptz DEFAULT '2026-01-01 12:00+00');
CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE);
CREATE TABLE log (id serial PRIMARY KEY);
CREATE TABLE parts (day date, id int, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (a);
CREATE VIEW v AS SELECT x FROM a WHERE x > 0;
CREATE VIEW vv AS SELECT sum(x)::text AS total FROM v;
CREATE FUNCTION total(floor int) RETURNS bigint STABLE LANGUAGE sql AS 'SELECT sum(x) FROM a WHERE x > floor';
CREATE FUNCTION total2() RETURNS bigint STABLE LANGUAGE sql BEGIN ATOMIC SELECT sum(x) FROM a; END;
CREATE FUNCTION put(int) RETURNS void LANGUAGE sql AS 'INSERT INTO a VALUES ($1, $1)';
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log DEFAULT VALUES; RETURN NEW; END';
CREATE TRIGGER note AFTER UPDATE ON a FOR EACH ROW EXECUTE FUNCTION note();
INSERT INTO a SELECT i, i, 'note ' || i, '2026-01-01'::date + i FROM generate_series(1, 5) i;
INSERT INTO b SELECT i, i FROM generate_series(1, 5) i;
INSERT INTO parts SELECT '2026-01-10', i FROM generate_series(1, 3) i;
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_change_rows_is_noticed() {
    let world = World::start(SCHEMA, |_| {}).await;
    let count = |table: &str| format!("SELECT count(*)::text FROM {table}");
    let cases: [(&str, String, &str); 17] = [
        ("INSERT INTO a VALUES (6, 6)", count("a"), "6"),
        ("SELECT put(7)", count("a"), "7"),
        ("UPDATE a SET x = 70 WHERE id = 7", "SELECT x::text FROM a WHERE id = 7".to_owned(), "70"),
        ("UPDATE a SET x = 71 WHERE id = 7", count("log"), "2"),
        ("DELETE FROM a WHERE id = 1", count("b"), "4"),
        ("INSERT INTO child VALUES (100, 1)", count("a"), "7"),
        ("UPDATE a SET x = 72 WHERE id = 7", "SELECT total FROM vv".to_owned(), "93"),
        ("UPDATE a SET x = 73 WHERE id = 7", "SELECT total(0)::text".to_owned(), "94"),
        ("UPDATE a SET x = 74 WHERE id = 7", "SELECT total2()::text".to_owned(), "95"),
        (
            "UPDATE a SET x = 75 WHERE id = 7",
            "WITH c AS (SELECT x FROM a) SELECT max(x)::text FROM c".to_owned(),
            "75",
        ),
        ("INSERT INTO parts VALUES ('2026-01-11', 9)", count("parts"), "4"),
        (
            "CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-02-01') TO ('2026-03-01'); INSERT INTO parts VALUES ('2026-02-11', 9)",
            count("parts"),
            "5",
        ),
        ("INSERT INTO parts VALUES ('2026-02-12', 9)", count("parts"), "6"),
        ("TRUNCATE parts", count("parts"), "0"),
        ("CREATE OR REPLACE VIEW v AS SELECT -x AS x FROM a", "SELECT total FROM vv".to_owned(), "-96"),
        (
            "CREATE OR REPLACE FUNCTION total(floor int) RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM b'",
            "SELECT total(0)::text".to_owned(),
            "4",
        ),
        ("TRUNCATE a CASCADE", count("b"), "0"),
    ];
    for (change, sql, expected) in cases {
        let before = text(&world.hit(&sql, &[]).await);
        world.postgres.sql(change).unwrap();
        assert_ne!(before, expected, "{change}");
        world.becomes(&sql, expected).await;
        // And it is cached again.
        assert_eq!(text(&world.hit(&sql, &[]).await), expected, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_cached_is_found_out() {
    let more = "
        CREATE UNLOGGED TABLE u (id int PRIMARY KEY, x int);
        CREATE TABLE nameless (x int);
        CREATE MATERIALIZED VIEW m AS SELECT 1 AS x;
        CREATE VIEW of_now AS SELECT now() AS at;
        CREATE VIEW of_m AS SELECT * FROM m;
        CREATE SEQUENCE s;
        CREATE FUNCTION roll() RETURNS float8 LANGUAGE sql AS 'SELECT random()';
        CREATE FUNCTION sly() RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM a); END';
        CREATE FUNCTION steady() RETURNS bigint STABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM a); END';
        CREATE FUNCTION pure(x int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN x + 1; END';
        CREATE FUNCTION other_rights() RETURNS bigint STABLE SECURITY DEFINER LANGUAGE sql AS 'SELECT count(*) FROM a';
        CREATE FUNCTION by_default(x float8 DEFAULT random()) RETURNS float8 IMMUTABLE LANGUAGE sql AS 'SELECT x';
        CREATE FUNCTION dice(a) RETURNS float8 LANGUAGE sql AS 'SELECT random()';
        CREATE FUNCTION same(int, int) RETURNS bool LANGUAGE sql AS 'SELECT random() > 0.5';
        CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same);
        CREATE TABLE guarded (id int PRIMARY KEY, who text);
        ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p ON guarded USING (who = current_setting('app.who', true));
        CREATE TABLE owned (id int PRIMARY KEY, who text);
        ALTER TABLE owned ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p ON owned USING (who = current_user);
        CREATE TYPE mood AS ENUM ('sad', 'glad');
        CREATE TABLE moody (id int PRIMARY KEY, m mood);";
    let world = World::start(&format!("{SCHEMA}{more}"), |_| {}).await;
    for (sql, cached) in [
        ("SELECT * FROM a WHERE x > 1 ORDER BY id LIMIT 3", true),
        ("SELECT lower(note), coalesce(x, 0), to_char(at, 'YYYY'), date_trunc('day', at) FROM a", true),
        ("SELECT day::date, count(*) FROM a GROUP BY 1", true),
        ("SELECT current_user, current_database(), pure(x) FROM a", true),
        ("SELECT json_agg(a) FROM a WHERE note LIKE 'n%' AND id = ANY('{1,2}')", true),
        ("SELECT * FROM owned", true),
        ("SELECT m, 'sad'::mood FROM moody WHERE m = 'sad'", true),
        ("SELECT * FROM generate_series(1, 3)", true),
        ("SELECT * FROM u", false),
        ("SELECT * FROM nameless", false),
        ("SELECT * FROM m", false),
        ("SELECT * FROM of_m", false),
        ("SELECT * FROM of_now", false),
        ("SELECT now(), * FROM a", false),
        ("SELECT * FROM a WHERE day < CURRENT_DATE", false),
        ("SELECT age(at) FROM a", false),
        ("SELECT age(at, at) FROM a", true),
        ("SELECT note::date FROM a WHERE false", false),
        ("SELECT random()", false),
        ("SELECT roll()", false),
        ("SELECT sly()", false),
        ("SELECT steady()", false),
        ("SELECT other_rights()", false),
        ("SELECT by_default()", false),
        ("SELECT a.dice FROM a", false),
        ("SELECT * FROM a WHERE x === 1", false),
        ("SELECT * FROM guarded", false),
        ("SELECT nextval('s')", false),
        ("SELECT last_value FROM s", false),
        ("SELECT * FROM pg_class LIMIT 1", false),
        ("SELECT table_name FROM information_schema.tables LIMIT 1", false),
        ("SELECT * FROM a FOR UPDATE", false),
        ("SELECT pg_advisory_lock(1), pg_advisory_unlock(1)", false),
        ("SELECT txid_current()", false),
        ("SELECT * FROM a TABLESAMPLE BERNOULLI (50)", false),
        ("INSERT INTO log DEFAULT VALUES RETURNING id", false),
        ("WITH w AS (INSERT INTO log DEFAULT VALUES RETURNING id) SELECT * FROM w", false),
    ] {
        if cached {
            world.hit(sql, &[]).await;
        } else {
            for _ in 0..3 {
                assert!(!world.ask(sql, &[]).await.1, "{sql}");
            }
            assert!(world.cache.explain(sql).await.unwrap().is_err(), "{sql}");
        }
    }
    // What looked into roles is found out again when they change.
    world.postgres.sql("CREATE TABLE now_named (x int); ALTER TABLE nameless ADD PRIMARY KEY (x)").unwrap();
    world.hit("SELECT * FROM nameless", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_of_all_kinds_make_their_own_results() {
    let world = World::start(SCHEMA, |_| {}).await;
    let sql = "SELECT concat($1::int4, '|', $2::text, '|', $3::bytea, '|', $4::int8[], '|', $5::text[]) FROM a LIMIT 1";
    let (one, two) = (Some(1_i32), None::<i32>);
    let (bytes, no_bytes) = (Some(vec![0_u8, 1, 255]), None::<Vec<u8>>);
    let (numbers, no_numbers) = (Some(vec![Some(1_i64), None]), None::<Vec<Option<i64>>>);
    let (texts, empty) = (Some(vec!["a,b".to_owned(), "{}".to_owned()]), Some(Vec::<String>::new()));
    let sets: [[&(dyn ToSql + Sync); 5]; 6] = [
        [&one, &"", &bytes, &numbers, &texts],
        [&two, &"", &bytes, &numbers, &texts],
        [&one, &None::<String>, &bytes, &numbers, &texts],
        [&one, &"", &no_bytes, &numbers, &texts],
        [&one, &"", &bytes, &no_numbers, &texts],
        [&one, &"", &bytes, &numbers, &empty],
    ];
    let direct = world.cache.pool().get().await.unwrap();
    for _ in 0..2 {
        for set in &sets {
            let expected: String = direct.query_one(sql, set).await.unwrap().get(0);
            assert_eq!(text(&world.hit(sql, set).await), expected);
        }
    }
    // Wrong ones are the database's to refuse.
    let wrong = world.cache.query(sql, &[&1_i32]).await;
    assert!(wrong.is_err() || wrong.is_ok_and(|rows| rows.is_empty()));
    assert!(matches!(world.cache.query("SELECT nonsense FROM a", &[]).await, Err(Error::Database(_))));
    assert!(matches!(
        world.cache.query("SELECT 1 / x FROM (SELECT 0 AS x FROM a) z", &[]).await,
        Err(Error::Database(_))
    ));
    let row = world
        .cache
        .query_one("SELECT id, note, NULL::int4 AS nothing FROM a WHERE id = $1", &[&2])
        .await
        .unwrap();
    assert_eq!(
        (row.get::<_, i32>("id"), row.get::<_, &str>(1), row.get::<_, Option<i32>>("nothing")),
        (2, "note 2", None)
    );
    assert!(matches!(row.try_get::<_, i32>("absent"), Err(Error::NoColumn(_))));
    assert!(matches!(row.try_get::<_, i32>("note"), Err(Error::Value(..))));
    assert!(matches!(world.cache.query_one("SELECT id FROM a", &[]).await, Err(Error::RowCount(5))));
    assert!(world.cache.query_opt("SELECT id FROM a WHERE id = 99", &[]).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_session_is_set_to_makes_its_own_results() {
    let more = "
        CREATE SCHEMA other; CREATE TABLE other.a (id int PRIMARY KEY, x int, note text, at timestamptz);
        INSERT INTO other.a VALUES (1, 111, 'other', '2026-01-01 12:00+00');
        CREATE ROLE alice; CREATE ROLE bob; GRANT USAGE ON SCHEMA other TO alice, bob; GRANT SELECT ON ALL TABLES IN SCHEMA other, public TO alice, bob;
        CREATE TABLE mine (id int PRIMARY KEY, who text); INSERT INTO mine VALUES (1, 'alice'), (2, 'bob'), (3, 'bob');
        ALTER TABLE mine ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON mine USING (who = current_user); GRANT SELECT ON mine TO alice, bob;";
    let world = World::start(&format!("{SCHEMA}{more}"), |_| {}).await;
    let at = "SELECT at::text FROM a WHERE id = 1";
    let x = "SELECT x::text FROM a WHERE id = 1";
    let mine = "SELECT count(*)::text FROM mine";
    let mut session = world.cache.session().await.unwrap();
    for _ in 0..3 {
        for (set, sql, expected) in [
            ("RESET ALL", at, "2026-01-01 12:00:00+00"),
            ("SET TIME ZONE 'Asia/Tokyo'", at, "2026-01-01 21:00:00+09"),
            ("SET DateStyle = 'German'", at, "01.01.2026 21:00:00 JST"),
            ("RESET ALL", x, "1"),
            ("SET search_path = other", x, "111"),
            ("SET search_path = public", x, "1"),
            ("SET ROLE alice", mine, "1"),
            ("SET ROLE bob", mine, "2"),
            ("RESET ROLE", mine, "3"),
            (
                "CREATE TEMP TABLE IF NOT EXISTS a (id int, x int); DELETE FROM pg_temp.a; INSERT INTO pg_temp.a VALUES (1, 5)",
                x,
                "5",
            ),
            ("DROP TABLE pg_temp.a", x, "1"),
        ] {
            session.batch_execute(set).await.unwrap();
            for _ in 0..2 {
                assert_eq!(text(&session.query(sql, &[]).await.unwrap()), expected, "{set}: {sql}");
            }
        }
        // The pool's own are as they were.
        for (sql, expected) in [(at, "2026-01-01 12:00:00+00"), (x, "1"), (mine, "3")] {
            assert_eq!(text(&world.cache.query(sql, &[]).await.unwrap()), expected);
        }
    }
    // Settings changed behind the back by a function are seen too.
    assert_eq!(
        text(&session.query("SELECT set_config('search_path', 'other', false)", &[]).await.unwrap()),
        "other"
    );
    assert_eq!(text(&session.query(x, &[]).await.unwrap()), "111");
    session.batch_execute("RESET ALL").await.unwrap();

    // In a transaction a session sees its own writes, and nobody else does.
    session.batch_execute("BEGIN; UPDATE a SET x = 55 WHERE id = 1").await.unwrap();
    for _ in 0..3 {
        assert_eq!(text(&session.query(x, &[]).await.unwrap()), "55");
        assert_eq!(text(&world.cache.query(x, &[]).await.unwrap()), "1");
    }
    session.batch_execute("ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM a").await.unwrap();
    world.postgres.sql("UPDATE a SET x = 56 WHERE id = 1").unwrap();
    world.becomes(x, "56").await;
    assert_eq!(text(&session.query(x, &[]).await.unwrap()), "1", "its snapshot is older");
    assert_eq!(text(&world.cache.query(x, &[]).await.unwrap()), "56");
    session.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(text(&session.query(x, &[]).await.unwrap()), "56");

    // A connection that goes back to the pool changed does not spoil what others get.
    let dirty = world.cache.pool().get().await.unwrap();
    dirty.batch_execute("SET search_path = other").await.unwrap();
    drop((dirty, session));
    world.postgres.sql("UPDATE a SET x = 57 WHERE id = 1").unwrap();
    for _ in 0..50 {
        let (rows, is_hit) = world.ask(x, &[]).await;
        assert!(!is_hit || text(&rows) != "111", "another's search_path");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_taken_away_is_gone() {
    let more = "CREATE ROLE staff; CREATE ROLE carol; GRANT staff TO carol; GRANT SELECT ON a TO staff;";
    let world = World::start(&format!("{SCHEMA}{more}"), |_| {}).await;
    let sql = "SELECT count(*)::text FROM a";
    let mut session = world.cache.session().await.unwrap();
    session.batch_execute("SET ROLE carol").await.unwrap();
    for (revoke, grant) in [
        ("REVOKE SELECT ON a FROM staff", "GRANT SELECT ON a TO staff"),
        ("REVOKE staff FROM carol", "GRANT staff TO carol"),
    ] {
        for _ in 0..3 {
            session.query(sql, &[]).await.unwrap();
        }
        world.postgres.sql(revoke).unwrap();
        let start = std::time::Instant::now();
        while session.query(sql, &[]).await.is_ok() {
            assert!(start.elapsed() < common::PATIENCE, "{revoke}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.postgres.sql(grant).unwrap();
        while session.query(sql, &[]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_it_reads_what_they_wrote() {
    let world = World::start(SCHEMA, |_| {}).await;
    let sql = "SELECT x::text FROM a WHERE id = 1";
    let writer = world.cache.pool().get().await.unwrap();
    let mut shared = 0;
    for i in 0..200 {
        writer.execute("UPDATE a SET x = $1 WHERE id = 1", &[&i]).await.unwrap();
        let after = QueryOptions::after(world.cache.position().await.unwrap());
        let before = hits(&world.cache);
        for _ in 0..3 {
            let rows = world.cache.query_with(sql, &[], &after).await.unwrap();
            assert_eq!(text(&rows), i.to_string());
        }
        shared += i32::from(hits(&world.cache) > before);
    }
    assert!(shared > 0, "some of it came from the cache");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lifetimes_sizes_and_the_switch_are_kept() {
    let world = World::start(SCHEMA, |options| {
        options.max_result_bytes = 4_096;
        options.max_sql_bytes = 200;
        options.empty_ttl = Duration::from_millis(300);
    })
    .await;
    world.hit("SELECT id FROM a", &[]).await;
    let large = "SELECT repeat('x', 5000) FROM a WHERE id = 1";
    let long = format!("SELECT id FROM a WHERE note <> '{}'", "x".repeat(300));
    for sql in [large, long.as_str()] {
        for _ in 0..3 {
            assert!(!world.ask(sql, &[]).await.1, "{sql}");
        }
    }
    assert!(metric(&world.cache, "slipstream_query_cache_bypasses_total", "large") > 0.0);
    let none = QueryOptions::ttl(Duration::ZERO);
    let before = hits(&world.cache);
    for _ in 0..3 {
        world.cache.query_with("SELECT id FROM a", &[], &none).await.unwrap();
    }
    assert!((hits(&world.cache) - before).abs() < 0.5);
    // An empty result is cached too, for a shorter time.
    let empty = "SELECT id FROM a WHERE id = -1";
    world.hit(empty, &[]).await;
    within("it is over", async || !world.ask(empty, &[]).await.1).await;
    let short = QueryOptions { name: Some("short"), ..QueryOptions::ttl(Duration::from_millis(200)) };
    let misses = || metric(&world.cache, "opt005_db_query_cache_misses_total", "query=short,table=public.a");
    within("it is read more than once", async || {
        world.cache.query_with("SELECT x FROM a", &[], &short).await.unwrap();
        misses() >= 3.0
    })
    .await;

    let off = world.other(|options| options.enabled = false);
    for _ in 0..3 {
        assert!(!ask(&off, "SELECT id FROM a", &[]).await.1);
    }
    assert_eq!(off.status().doubt.as_deref(), Some("disabled"));
    // One that has never been told of changes.
    let alone = world.other(|options| options.key_prefix = "nobody".to_owned());
    for _ in 0..3 {
        assert_eq!(ask(&alone, "SELECT id FROM a", &[]).await.0.len(), 5);
    }
    assert_eq!(alone.status().doubt.as_deref(), Some("unfollowed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn label_sets_are_bounded() {
    let world = World::start(SCHEMA, |options| options.max_label_sets = 3).await;
    for i in 0..10 {
        world.cache.query(&format!("SELECT id FROM a WHERE id > {i}"), &[]).await.unwrap();
    }
    let families = world.cache.registry().gather();
    let misses =
        families.iter().find(|family| family.name() == "opt005_db_query_cache_misses_total").unwrap();
    assert_eq!(misses.get_metric().len(), 4);
    assert!(
        (metric(&world.cache, "opt005_db_query_cache_misses_total", "query=other,table=other") - 7.0).abs()
            < 0.5
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_want_the_same_fetch_it_once() {
    let world = World::start(SCHEMA, |_| {}).await;
    let sql = "SELECT sum(x.x * y.x * z.x)::text FROM a x, a y, a z, generate_series(1, 2000) g";
    // So that it is known what it reads.
    world.hit(sql, &[]).await;
    let misses = || metric(&world.cache, "opt005_db_query_cache_misses_total", "");
    for _ in 0..3 {
        world.postgres.sql("UPDATE a SET x = x WHERE id = 1").unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        let before = misses();
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let cache = world.cache.clone();
                tokio::spawn(async move { text(&cache.query(sql, &[]).await.unwrap()) })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), "6750000");
        }
        assert!(misses() - before <= 1.5, "{}", misses() - before);
    }
    assert!(metric(&world.cache, "opt005_db_query_cache_hits_total", "level=flight") > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_with_equal_tables_keep_apart() {
    let world = World::start(SCHEMA, |options| options.shared_url = Some(String::new())).await;
    let url = world.postgres.create_database("second").unwrap();
    let (second, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    second
        .batch_execute("CREATE TABLE a (id int PRIMARY KEY, x int); INSERT INTO a VALUES (1, 222)")
        .await
        .unwrap();
    let _companion = common::Companion::start(&url, &world.redis, |_| {}).await;
    let share = |options: &mut query_cache::Options| options.shared_url = Some(world.redis.url());
    let mut options = common::options(&world.redis);
    share(&mut options);
    let other = query_cache::QueryCache::new(common::pool(&url, 4), options);
    let first = world.other(share);
    trusted(&other).await;
    trusted(&first).await;
    let sql = "SELECT x::text FROM a WHERE id = 1";
    for _ in 0..5 {
        assert_eq!(text(&first.query(sql, &[]).await.unwrap()), "1");
        assert_eq!(text(&other.query(sql, &[]).await.unwrap()), "222");
    }
    second.batch_execute("UPDATE a SET x = 223").await.unwrap();
    within("it is seen", async || text(&other.query(sql, &[]).await.unwrap()) == "223").await;
    assert_eq!(text(&first.query(sql, &[]).await.unwrap()), "1");
}
