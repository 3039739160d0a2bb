//! Random writers and readers at the same time: no read misses what was committed longer ago than the bound.
//!
//! Each kind of write has a number that only grows, and one writer at a time. So a read is right if it brings at least the
//! number that had been acknowledged a bound before it began, and at most the one that was tried last.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{World, hits, metric};
use query_cache::{QueryCache, Rows, Session};
use tokio::sync::Mutex;
use tokio_postgres::types::ToSql;

const SCHEMA: &str = "
CREATE TABLE reg (id int PRIMARY KEY, v int8 NOT NULL);
CREATE TABLE source (id int PRIMARY KEY, v int8 NOT NULL);
CREATE TABLE copied (id int PRIMARY KEY, v int8 NOT NULL);
CREATE TABLE parent (v int8 PRIMARY KEY);
CREATE TABLE kid (v int8 PRIMARY KEY REFERENCES parent ON DELETE CASCADE);
CREATE TABLE emptied (v int8 PRIMARY KEY);
CREATE TABLE parted (v int8 PRIMARY KEY) PARTITION BY RANGE (v);
CREATE VIEW seen AS SELECT id, v FROM reg;
CREATE FUNCTION latest() RETURNS int8 STABLE LANGUAGE sql AS 'SELECT max(v) FROM parted';
CREATE FUNCTION copy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE copied SET v = NEW.v WHERE id = NEW.id; RETURN NEW; END';
CREATE TRIGGER copy AFTER UPDATE ON source FOR EACH ROW EXECUTE FUNCTION copy();
CREATE FUNCTION set_reg(i int, n int8) RETURNS void LANGUAGE plpgsql AS 'BEGIN UPDATE reg SET v = n WHERE id = i; END';
CREATE FUNCTION put(n int8, width int8) RETURNS void LANGUAGE plpgsql AS $$
DECLARE first int8 := n - n % width;
BEGIN
    IF to_regclass('parted_' || first) IS NULL THEN
        EXECUTE format('CREATE TABLE parted_%s PARTITION OF parted FOR VALUES FROM (%s) TO (%s)', first, first, first + width);
    END IF;
    INSERT INTO parted VALUES (n);
END $$;
INSERT INTO reg VALUES (0, 0), (1, 0); INSERT INTO source VALUES (0, 0); INSERT INTO copied VALUES (0, 0);
INSERT INTO parent VALUES (0); INSERT INTO kid VALUES (0); INSERT INTO emptied VALUES (0);
CREATE SCHEMA other; CREATE TABLE other.reg (id int PRIMARY KEY, v int8 NOT NULL); INSERT INTO other.reg VALUES (0, -7), (1, -7);
CREATE ROLE alice; GRANT USAGE ON SCHEMA other TO alice; GRANT SELECT ON ALL TABLES IN SCHEMA public, other TO alice;
CREATE TABLE mine (id int PRIMARY KEY, who text, at timestamptz); INSERT INTO mine VALUES (1, 'alice', '2026-01-01 12:00+00'), (2, 'bob', NULL);
ALTER TABLE mine ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON mine USING (who = current_user); GRANT SELECT ON mine TO alice;
";

/// A number that grows by one kind of write.
#[derive(Default)]
struct Register {
    writing: Mutex<()>,
    tried: AtomicI64,
    /// What was acknowledged when.
    known: std::sync::Mutex<Vec<(Instant, i64)>>,
}

impl Register {
    /// The number that every read must bring that began `bound` after now or later.
    fn floor(&self, at: Instant) -> i64 {
        let known = self.known.lock().unwrap();
        known.iter().rev().find(|(when, _)| *when <= at).map_or(0, |(_, number)| *number)
    }
}

const KINDS: usize = 6;

struct Trial {
    world: World,
    other: QueryCache,
    registers: [Register; KINDS],
    bound: Duration,
    width: i64,
    /// How late the latest of the reads was that missed something within the bound, in microseconds.
    latest_us: AtomicU64,
    late: AtomicU64,
    reads: AtomicU64,
    writes: AtomicU64,
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % limit
    }
}

impl Trial {
    async fn write(&self, kind: usize, client: &tokio_postgres::Client) {
        let register = &self.registers[kind];
        let _writing = register.writing.lock().await;
        let n = register.tried.fetch_add(1, Ordering::SeqCst) + 1;
        let sql = match kind {
            0 => format!("UPDATE reg SET v = {n} WHERE id = 0"),
            1 => format!("SELECT set_reg(1, {n})"),
            2 => format!("UPDATE source SET v = {n} WHERE id = 0"),
            3 => format!(
                "BEGIN; INSERT INTO parent VALUES ({n}); INSERT INTO kid VALUES ({n}); DELETE FROM parent WHERE v < {n}; COMMIT"
            ),
            4 => format!("BEGIN; TRUNCATE emptied; INSERT INTO emptied VALUES ({n}); COMMIT"),
            _ => format!("SELECT put({n}, {})", self.width),
        };
        client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let mut known = register.known.lock().unwrap();
        known.push((Instant::now(), n));
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    async fn read(&self, kind: usize, variant: u64, cache: &QueryCache) {
        let id = i32::from(kind == 1);
        let by_id: [&(dyn ToSql + Sync); 1] = [&id];
        let (sql, parameters): (&str, &[&(dyn ToSql + Sync)]) = match (kind, variant) {
            (0 | 1, 0) => ("SELECT v FROM reg WHERE id = $1", &by_id),
            (0 | 1, 1) => ("SELECT v FROM seen WHERE id = $1", &by_id),
            (0 | 1, _) => ("WITH r AS (SELECT * FROM reg) SELECT max(v) FROM r WHERE id = $1", &by_id),
            (2, _) => ("SELECT v FROM copied", &[]),
            (3, 0) => ("SELECT v FROM kid", &[]),
            (3, _) => ("SELECT max(v) FROM parent JOIN kid USING (v)", &[]),
            (4, _) => ("SELECT v FROM emptied", &[]),
            (_, 0) => ("SELECT max(v) FROM parted", &[]),
            (_, _) => ("SELECT latest()", &[]),
        };
        let begun = Instant::now();
        let rows = cache.query(sql, parameters).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        self.judge(kind, sql, begun, &rows);
    }

    fn judge(&self, kind: usize, sql: &str, begun: Instant, rows: &Rows) {
        let register = &self.registers[kind];
        assert_eq!(rows.len(), 1, "{sql}");
        let number: i64 = rows.first().unwrap().try_get::<_, Option<i64>>(0).unwrap().unwrap_or(0);
        let most = register.tried.load(Ordering::SeqCst);
        let least = register.floor(begun.checked_sub(self.bound).unwrap());
        assert!(
            (least..=most).contains(&number),
            "{sql} brought {number}, expected {least} to {most}; {:?}",
            self.world.cache.status()
        );
        // How late it was, if it was.
        if number < register.floor(begun) {
            let known = register.known.lock().unwrap();
            let missed = known.iter().find(|(_, other)| *other > number).map(|(when, _)| *when);
            let late = begun.saturating_duration_since(missed.unwrap_or(begun));
            self.latest_us.fetch_max(u64::try_from(late.as_micros()).unwrap(), Ordering::Relaxed);
            self.late.fetch_add(1, Ordering::Relaxed);
        }
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    async fn read_in_session(&self, session: &mut Session, random: &mut Random) {
        let (set, sql, expected) = match random.below(6) {
            0 => {
                ("RESET ALL; RESET ROLE", "SELECT at::text FROM mine WHERE id = 1", "2026-01-01 12:00:00+00")
            }
            1 => (
                "RESET ALL; RESET ROLE; SET TIME ZONE 'Asia/Tokyo'",
                "SELECT at::text FROM mine WHERE id = 1",
                "2026-01-01 21:00:00+09",
            ),
            2 => (
                "RESET ALL; RESET ROLE; SET search_path = other",
                "SELECT v::text FROM reg WHERE id = 0",
                "-7",
            ),
            3 => ("RESET ALL; RESET ROLE; SET ROLE alice", "SELECT count(*)::text FROM mine", "1"),
            4 => ("RESET ALL; RESET ROLE", "SELECT count(*)::text FROM mine", "2"),
            _ => ("RESET ALL; RESET ROLE", "SELECT v FROM reg WHERE id = 0", ""),
        };
        session.batch_execute(set).await.unwrap();
        let begun = Instant::now();
        let rows = session.query(sql, &[]).await.unwrap();
        if expected.is_empty() {
            self.judge(0, sql, begun, &rows);
        } else {
            assert_eq!(common::text(&rows), expected, "{set}: {sql}");
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Runs so many operations, and tells how it went.
async fn run(operations: u64, bound: Duration, heartbeat_ms: u64, seed: u64) {
    const WORKERS: u64 = 8;
    let mut world = World::start(SCHEMA, |options| options.max_staleness = bound).await;
    world.companion.take().unwrap().stop().await;
    let url = world.postgres.url();
    world.companion = Some(
        common::Companion::start(&url, &world.redis, |config| {
            config.change_capture.heartbeat_ms = heartbeat_ms
        })
        .await,
    );
    let share = world.redis.url();
    let other = world.other(|options| {
        options.max_staleness = bound;
        options.shared_url = Some(share);
    });
    world.postgres.sql("SELECT put(0, 1000000000)").unwrap();
    world.postgres.sql("DROP TABLE parted_0").unwrap();
    let writes = operations / 20 / u64::try_from(KINDS).unwrap();
    // Some twenty partitions, however long it takes.
    let width = i64::try_from(writes / 20).unwrap().max(1);
    world.postgres.sql(&format!("SELECT put(0, {width})")).unwrap();
    common::within("it is believed now and then", async || world.cache.status().doubt.is_none()).await;
    let trial = Arc::new(Trial {
        world,
        other,
        registers: Default::default(),
        bound,
        width,
        latest_us: AtomicU64::new(0),
        late: AtomicU64::new(0),
        reads: AtomicU64::new(0),
        writes: AtomicU64::new(0),
    });
    let started = Instant::now();
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let trial = Arc::clone(&trial);
            let url = url.clone();
            tokio::spawn(async move {
                let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (worker + 1));
                let (client, connection) =
                    tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                if worker % 2 == 1 {
                    // A commit that does not wait for the disk is as visible as any.
                    client.batch_execute("SET synchronous_commit = off").await.unwrap();
                }
                let mut session = trial.world.cache.session().await.unwrap();
                for _ in 0..operations / WORKERS {
                    let kind = usize::try_from(random.below(u64::try_from(KINDS).unwrap())).unwrap();
                    match random.below(100) {
                        0..5 => trial.write(kind, &client).await,
                        5..10 => trial.read_in_session(&mut session, &mut random).await,
                        10..40 => trial.read(kind, random.below(3), &trial.other).await,
                        _ => trial.read(kind, random.below(3), &trial.world.cache).await,
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let took = started.elapsed();
    let reads = trial.reads.load(Ordering::Relaxed);
    let served = hits(&trial.world.cache) + hits(&trial.other);
    println!(
        "{reads} reads, {} writes in {:.1} s; {served} reads from the cache; none missed what was committed {bound:?} before; \
         {} missed something younger, the latest by {:.1} ms; past the cache because what was known was too old: {}",
        trial.writes.load(Ordering::Relaxed),
        took.as_secs_f64(),
        trial.late.load(Ordering::Relaxed),
        trial.latest_us.load(Ordering::Relaxed) as f64 / 1_000.0,
        metric(&trial.world.cache, "slipstream_query_cache_bypasses_total", "behind"),
    );
    assert!(served * 20.0 > reads as f64, "hardly anything came from the cache: {served} of {reads}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_misses_what_was_committed_a_bound_before() {
    run(24_000, Duration::from_millis(250), 10, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by cargo xtask trial a_million_operations"]
async fn a_million_operations_with_a_bound_of_20_ms() {
    run(1_000_000, Duration::from_millis(20), 3, 2).await;
}
