//! Following a real database's changes, and what is published of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Companion, Redis, within};
use hyper::Method;
use serde_json::Value;
use slipstream::config::Config;
use testbed::Postgres;

const PATIENCE: Duration = Duration::from_secs(60);

/// The settings of a server that can be followed, and that keeps what was committed.
const LOGICAL: [&str; 3] = ["wal_level=logical", "synchronous_commit=on", "max_slot_wal_keep_size=1GB"];

struct Followed {
    postgres: Postgres,
    redis: Redis,
    companion: Companion,
}

fn configure(config: &mut Config, postgres: &Postgres, redis: &Redis) {
    redis.configure(config);
    config.change_capture.enabled = true;
    config.change_capture.url = postgres.url().as_str().into();
    config.change_capture.definitions_poll_ms = 100;
}

impl Followed {
    async fn start(sql: &str, change: impl FnOnce(&mut Config)) -> Self {
        let postgres = Postgres::start_with(&LOGICAL).unwrap();
        if !sql.is_empty() {
            postgres.sql(sql).unwrap();
        }
        let redis = Redis::start(&[]);
        let companion = Companion::start(|config| {
            configure(config, &postgres, &redis);
            change(config);
        })
        .await;
        let followed = Self { postgres, redis, companion };
        followed.wait_for("following", async || followed.report().await["phase"] == "following").await;
        followed
    }

    async fn wait_for(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let last = async || {
            if condition().await {
                return true;
            }
            false
        };
        within(PATIENCE, what, last).await;
    }

    async fn report(&self) -> Value {
        serde_json::from_slice(self.companion.get("/v1/query-cache").await.body()).unwrap()
    }

    fn key(&self, database: &str, name: &str) -> String {
        format!("{{slipstream}}:capture:{database}:{name}")
    }

    fn redis_text(&self, command: &[&str]) -> Vec<String> {
        redis::from_redis_value(self.redis.command(command)).unwrap_or_default()
    }

    /// The followed tables, each with its last change.
    async fn tables(&self) -> BTreeMap<String, String> {
        let database = self.report().await["database"].as_str().unwrap().to_owned();
        let flat = self.redis_text(&["HGETALL", &self.key(&database, "tables")]);
        let mut tables = BTreeMap::new();
        for pair in flat.chunks(2) {
            let name = self.postgres.sql(&format!("SELECT {}::regclass", pair[0])).unwrap();
            tables.insert(name, pair[1].clone());
        }
        tables
    }

    async fn epoch(&self) -> String {
        self.report().await["epoch"].as_str().unwrap().to_owned()
    }

    /// Which of the tables change with this, sorted.
    async fn changed_by(&self, sql: &str) -> Vec<String> {
        let before = self.tables().await;
        self.postgres.sql(sql).unwrap();
        // A change that comes after all of it.
        self.postgres.sql("INSERT INTO marker DEFAULT VALUES").unwrap();
        self.wait_for("the marker", async || self.tables().await["marker"] != before["marker"]).await;
        let after = self.tables().await;
        let changed = |(name, lsn): (&String, &String)| {
            (name != "marker" && after.get(name).is_some_and(|now| now != lsn)).then(|| name.clone())
        };
        before.iter().filter_map(changed).collect()
    }

    async fn refusal(&self, table: &str) -> String {
        let report = self.report().await;
        let tables = report["tables"].as_array().unwrap();
        let found = tables.iter().find(|found| found["table"] == table);
        found.unwrap_or_else(|| panic!("no {table} in {report}"))["refused"].as_str().unwrap_or("").to_owned()
    }
}

const SCHEMA: &str = "
CREATE TABLE marker (id serial PRIMARY KEY);
CREATE TABLE a (id int PRIMARY KEY, x int);
CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE);
CREATE TABLE noted (id serial PRIMARY KEY);
CREATE TABLE nameless (x int);
CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY);
CREATE TABLE parts (day date, id int, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (a);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO noted DEFAULT VALUES; RETURN NEW; END';
CREATE TRIGGER note AFTER UPDATE ON a FOR EACH ROW EXECUTE FUNCTION note();
CREATE FUNCTION put(int) RETURNS void LANGUAGE sql AS 'INSERT INTO a VALUES ($1, 0)';
INSERT INTO nameless VALUES (1);
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_changes_rows_is_seen() {
    let followed = Followed::start(SCHEMA, |_| {}).await;
    for (sql, expected) in [
        ("INSERT INTO a VALUES (1, 1), (2, 2)", &["a"][..]),
        ("BEGIN; INSERT INTO a VALUES (9, 9); ROLLBACK", &[]),
        (
            "BEGIN; SAVEPOINT s; INSERT INTO b VALUES (8, 1); ROLLBACK TO s; INSERT INTO noted DEFAULT VALUES; COMMIT",
            &["noted"],
        ),
        ("SELECT put(3)", &["a"]),
        ("UPDATE a SET x = 5 WHERE id = 1", &["a", "noted"]),
        ("INSERT INTO b VALUES (1, 1)", &["b"]),
        ("DELETE FROM a WHERE id = 1", &["a", "b"]),
        ("INSERT INTO parts VALUES ('2026-01-05', 1)", &["parts_1"]),
        ("INSERT INTO child VALUES (7, 7)", &["child"]),
        ("TRUNCATE b, parts", &["b", "parts_1"]),
        ("UPDATE nameless SET x = 2", &[]),
        ("DELETE FROM nameless", &[]),
        (
            "DO $$ BEGIN INSERT INTO noted DEFAULT VALUES; COMMIT; INSERT INTO b VALUES (2, 2); END $$",
            &["b", "noted"],
        ),
    ] {
        assert_eq!(followed.changed_by(sql).await, expected, "{sql}");
    }
    assert!(followed.refusal("public.nameless").await.contains("REPLICA IDENTITY"));
    assert!(!followed.tables().await.contains_key("fleeting"));
    let metric = followed.companion.metric("slipstream_change_capture_up ").await;
    assert!((metric - 1.0).abs() < 0.1);
    assert_eq!(followed.report().await["warnings"].as_array().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_definition_voids_everything_and_new_tables_are_followed() {
    let followed = Followed::start(SCHEMA, |_| {}).await;
    let floor = async || {
        let database = followed.report().await["database"].as_str().unwrap().to_owned();
        let value = followed.redis.command(&["HGET", &followed.key(&database, "head"), "floor"]);
        redis::from_redis_value::<String>(value).unwrap()
    };
    for sql in [
        "CREATE VIEW v AS SELECT * FROM a",
        "CREATE OR REPLACE VIEW v AS SELECT * FROM a WHERE x > 1",
        "ALTER TABLE a ADD COLUMN y int",
        "CREATE ROLE reader; GRANT SELECT ON a TO reader",
        "REVOKE SELECT ON a FROM reader",
        "CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
        "DROP VIEW v",
        // No event trigger tells of these.
        "CREATE ROLE other; GRANT other TO reader",
        "REVOKE other FROM reader",
    ] {
        let before = floor().await;
        followed.postgres.sql(sql).unwrap();
        followed.wait_for(sql, async || floor().await != before).await;
    }
    followed.wait_for("the new partition", async || followed.tables().await.contains_key("parts_2")).await;
    assert_eq!(followed.changed_by("INSERT INTO parts VALUES ('2026-02-05', 1)").await, ["parts_2"]);
    // What is temporary concerns nobody else.
    let before = floor().await;
    followed.changed_by("CREATE TEMP TABLE t AS SELECT 1; DROP TABLE t").await;
    assert_eq!(floor().await, before);

    followed.postgres.sql("CREATE TABLE late (id int)").unwrap();
    followed
        .wait_for("its refusal", async || {
            followed.report().await["tables"].to_string().contains("public.late")
        })
        .await;
    followed.postgres.sql("INSERT INTO late VALUES (1); UPDATE late SET id = 2").unwrap();
    followed.postgres.sql("ALTER TABLE late ADD PRIMARY KEY (id)").unwrap();
    followed.wait_for("late", async || followed.tables().await.contains_key("late")).await;
    // Without its key it would fail to be updated, so it is taken out again.
    followed.postgres.sql("ALTER TABLE late DROP CONSTRAINT late_pkey").unwrap();
    let published = "SELECT count(*) FROM pg_publication_tables WHERE tablename = 'late'";
    followed.wait_for("late is out", async || followed.postgres.sql(published).unwrap() == "0").await;
    followed.postgres.sql("UPDATE late SET id = 3").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_table_is_followed_only_once_older_transactions_are_over() {
    let followed = Followed::start(SCHEMA, |_| {}).await;
    let (client, connection) =
        tokio_postgres::connect(&followed.postgres.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("BEGIN; INSERT INTO a VALUES (100, 1)").await.unwrap();
    followed.postgres.sql("CREATE TABLE late (id int PRIMARY KEY)").unwrap();
    let waits = async || followed.report().await["warnings"].to_string().contains("1 new tables");
    followed.wait_for("it waits", waits).await;
    assert!(!followed.tables().await.contains_key("late"));
    client.batch_execute("INSERT INTO late VALUES (1); COMMIT").await.unwrap();
    followed.wait_for("it is followed", async || followed.tables().await.contains_key("late")).await;
    assert!(!waits().await);
    assert_eq!(followed.changed_by("UPDATE late SET id = 2").await, ["late"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_a_session_begins_a_new_epoch() {
    let followed = Followed::start(SCHEMA, |config| config.redis.timeout_ms = 500).await;
    let mut epoch = followed.epoch().await;
    let mut changes = async |what: &str| {
        followed
            .wait_for(what, async || {
                let report = followed.report().await;
                report["phase"] == "following" && report["epoch"] != epoch.as_str()
            })
            .await;
        epoch = followed.epoch().await;
        assert_eq!(followed.changed_by("INSERT INTO noted DEFAULT VALUES").await, ["noted"]);
    };
    let end = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name LIKE 'slipstream%'";
    followed.postgres.sql(end).unwrap();
    changes("the slot is gone").await;
    followed.postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'slipstream change capture'").unwrap();
    changes("all connections are gone").await;
    followed.postgres.sql("DROP PUBLICATION slipstream; INSERT INTO a VALUES (50, 1)").unwrap();
    changes("the publication is gone").await;
    followed.redis.command(&["FLUSHALL"]);
    changes("what was published is gone").await;
    // Nothing keeps log for those that are gone.
    assert_eq!(followed.postgres.sql("SELECT count(*) FROM pg_replication_slots").unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_companion_stands_by_and_takes_over() {
    let Followed { postgres, redis, companion } = Followed::start(SCHEMA, |_| {}).await;
    let second = Companion::start(|config| configure(config, &postgres, &redis)).await;
    let phase = async |phase: &str| {
        let report: Value = serde_json::from_slice(second.get("/v1/query-cache").await.body()).unwrap();
        report["phase"] == phase
    };
    within(PATIENCE, "it stands by", async || phase("standby").await).await;
    assert_eq!(postgres.sql("SELECT count(*) FROM pg_replication_slots").unwrap(), "1");
    companion.stop().await;
    within(PATIENCE, "it takes over", async || phase("following").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_invalidated_by_name() {
    let followed = Followed::start(SCHEMA, |_| {}).await;
    let before = followed.tables().await;
    let post = async |body: &str| {
        let answer = followed.companion.send(Method::POST, "/v1/query-cache", &[], body.to_owned()).await;
        (answer.status().as_u16(), String::from_utf8(answer.body().to_vec()).unwrap())
    };
    // A partitioned table is its partitions.
    let (status, body) = post(r#"{"tables": ["public.a", "parts"]}"#).await;
    assert_eq!(status, 200, "{body}");
    let after = followed.tables().await;
    for (table, lsn) in &before {
        let changed = ["a", "child", "parts_1"].contains(&table.as_str());
        assert_eq!(after[table] != *lsn, changed, "{table}");
    }
    for (body, status, reason) in [
        (r#"{"tables": ["nothing"]}"#, 404, "there is no table nothing"),
        (r#"{"tables": []}"#, 400, "at least one"),
        (r#"{"table": "a"}"#, 400, "unknown field"),
    ] {
        let answer = post(body).await;
        assert!(answer.0 == status && answer.1.contains(reason), "{body}: {answer:?}");
    }

    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_slipstream"))
            .args(arguments)
            .args(["--companion", &followed.companion.url])
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    };
    let (status, text) = run(&["query-cache", "invalidate", "a"]);
    assert!(status == 0 && text.starts_with("invalidated a at "), "{text}");
    let (status, text) = run(&["query-cache", "invalidate", "nothing"]);
    assert!(status == 1 && text.contains("there is no table nothing"), "{text}");
    let (status, text) = run(&["query-cache", "status"]);
    assert!(status == 0 && text.contains("following") && text.contains("public.nameless  no"), "{text}");
    let (status, text) = run(&["query-cache", "status", "--json"]);
    assert!(status == 0 && text.contains("\"phase\":\"following\""), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_change_purge_the_responses_built_from_them() {
    let tags = vec!["public.a=items".to_owned(), "parts=days".to_owned()];
    let followed = Followed::start(SCHEMA, |config| {
        config.change_capture.tags = tags;
        config.change_capture.purge_again_ms = 0;
    })
    .await;
    let companion = &followed.companion;
    for (key, tag, sql) in [
        ("GET shop/items", "items", "INSERT INTO a VALUES (1, 1)"),
        ("GET shop/items", "items", "INSERT INTO child VALUES (70, 7)"),
        ("GET shop/days", "days", "INSERT INTO parts VALUES ('2026-01-05', 1)"),
        ("GET shop/days", "days", "TRUNCATE parts"),
        ("GET shop/items", "items", "ALTER TABLE a ADD COLUMN z int"),
    ] {
        let (key, other) = (format!("{key}#identity:r"), "GET shop/other#identity:r");
        // What the beginning, or the last turn, purges may still be under way.
        within(PATIENCE, "it can be stored", async || {
            let (position, _) = companion.lookup(&key).await;
            let stored = companion.put(&key, "600000", common::entry(&key, position, &[tag]).encode()).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            stored.status() == 204 && companion.has(&key).await
        })
        .await;
        companion.fill(other, &["other"]).await;
        followed.postgres.sql(sql).unwrap();
        within(PATIENCE, sql, async || !companion.has(&key).await).await;
        assert!(companion.has(other).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stored_just_after_a_purge_is_purged_too() {
    let followed = Followed::start(SCHEMA, |config| {
        config.change_capture.tags = vec!["public.a=items".to_owned()];
        // Long enough to store something meanwhile on a busy machine.
        config.change_capture.purge_again_ms = 3_000;
    })
    .await;
    let (companion, key) = (&followed.companion, "GET shop/items#identity:r");
    let store = async || {
        within(PATIENCE, "it can be stored", async || {
            let (position, _) = companion.lookup(key).await;
            let stored =
                companion.put(key, "600000", common::entry(key, position, &["items"]).encode()).await;
            stored.status() == 204 && companion.has(key).await
        })
        .await;
    };
    // Past the purges that the beginning brings.
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    store().await;
    followed.postgres.sql("INSERT INTO a VALUES (1, 1)").unwrap();
    within(PATIENCE, "the purge", async || !companion.has(key).await).await;
    // Built from the old rows, by a service that had not heard of the change.
    store().await;
    within(PATIENCE, "the purge once more", async || !companion.has(key).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_allow_it_is_said() {
    let postgres = Postgres::start_with(&["wal_level=replica"]).unwrap();
    let redis = Redis::start(&[]);
    let companion = Companion::start(|config| configure(config, &postgres, &redis)).await;
    within(PATIENCE, "it says so", async || {
        let report: Value = serde_json::from_slice(companion.get("/v1/query-cache").await.body()).unwrap();
        report["phase"] == "failed"
            && report["error"].as_str().is_some_and(|error| error.contains("expected logical"))
    })
    .await;
    let off = Companion::start(|_| {}).await;
    let answer = off.get("/v1/query-cache").await;
    assert_eq!(answer.status(), 404);
    assert!(String::from_utf8_lossy(answer.body()).contains("change_capture.enabled"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_did_not_wait_for_the_disk_is_followed_too() {
    let followed = Followed::start(SCHEMA, |_| {}).await;
    let sql = "SET synchronous_commit = off; INSERT INTO a VALUES (1, 1)";
    assert_eq!(followed.changed_by(sql).await, ["a"]);
    // An idle database, and one that only its own housekeeping writes to, is known completely all the time.
    followed
        .postgres
        .sql("SET synchronous_commit = off; CREATE TEMP TABLE t AS SELECT generate_series(1, 10000)")
        .unwrap();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(followed.report().await["phase"], "following");
    }
    followed.wait_for("complete", async || followed.report().await["lag_ms"].as_u64().unwrap() < 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_only_replicate_follows_what_was_published_for_it() {
    let sql = format!(
        "{SCHEMA}
        REVOKE CREATE ON SCHEMA public FROM PUBLIC;
        CREATE PUBLICATION slipstream FOR TABLE ONLY a, ONLY marker;
        CREATE ROLE follower LOGIN REPLICATION PASSWORD 'sesame'"
    );
    let as_follower = |url: &str| url.replace("postgres://postgres@", "postgres://follower:sesame@");
    let followed = Followed::start(&sql, |config| {
        let url = as_follower(config.change_capture.url.reveal());
        assert!(url.contains("follower"), "{url}");
        config.change_capture.url = url.as_str().into();
    })
    .await;
    assert_eq!(followed.changed_by("INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1)").await, ["a"]);
    let refusal = followed.refusal("public.b").await;
    assert!(refusal.contains("must be owner of"), "{refusal}");
    // Without event triggers a changed definition is noticed all the same.
    let report = followed.report().await;
    assert!(report["warnings"].to_string().contains("no event triggers"), "{report}");
    for sql in ["SELECT FROM a", "INSERT INTO a VALUES (2, 2)", "DROP TABLE a", "CREATE TABLE mine (id int)"]
    {
        let told = followed.postgres.sql(&format!("SET ROLE follower; {sql}")).unwrap_err().to_string();
        assert!(told.contains("permission denied") || told.contains("must be owner"), "{sql}: {told}");
    }
}
