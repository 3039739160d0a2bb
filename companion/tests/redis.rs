//! What a Redis that stops, forgets, restarts or evicts does to the cache: it costs hits, and never brings back what was
//! purged.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::{Duration, Instant};

use cache_protocol::names;
use common::{Companion, Redis, entry, within};
use hyper::Method;
use redis::Value;

const KEY: &str = "GET shop.example/api/items#gzip";
const UNRELATED: &str = "GET shop.example/unrelated#gzip";
const OTHER: &str = "GET shop.example/api/stats#gzip";
const SOON: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_begins_a_new_epoch() {
    let redis = Redis::start(&[]);
    let companion = Companion::on(&redis).await;
    let (before, _) = companion.lookup(KEY).await;
    companion.fill(KEY, &[]).await;
    let follower = companion.poll("f", None, 0).await.position;
    redis.command(&["FLUSHALL"]);
    let (after, found) = companion.lookup(KEY).await;
    assert!(after.epoch != before.epoch && found.is_none());
    assert!(companion.poll("f", Some(follower), 0).await.reset);
    let late = companion.put(KEY, "60000", entry(KEY, before, &[]).encode()).await;
    assert_eq!(late.status(), 409);
    companion.fill(KEY, &[]).await;
    assert!(companion.has(KEY).await);
}

/// Either key of the log may be evicted by itself; what is stored stays, and must not be served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_evicted_part_of_the_log_begins_a_new_epoch() {
    let redis = Redis::start(&[]);
    let companion = Companion::on(&redis).await;
    for part in ["{slipstream}:epoch", "{slipstream}:head"] {
        let stored = companion.fill(KEY, &[]).await;
        companion.purge(r#"{"tags":["unrelated"]}"#).await;
        assert!(companion.has(KEY).await);
        redis.command(&["DEL", part]);
        let (position, found) = companion.lookup(KEY).await;
        assert!(position.epoch != stored.position.epoch && found.is_none(), "{part}");
    }
    // So does a head that goes back.
    companion.purge(r#"{"tags":["unrelated"]}"#).await;
    let stored = companion.fill(KEY, &[]).await;
    redis.command(&["SET", "{slipstream}:head", "0"]);
    let (position, found) = companion.lookup(KEY).await;
    assert!(position.epoch != stored.position.epoch && found.is_none());
    // An append begins it too, and is not lost by it.
    let stored = companion.fill(KEY, &["t"]).await;
    redis.command(&["DEL", "{slipstream}:epoch"]);
    let ack = companion.purge(r#"{"tags":["t"]}"#).await;
    assert!(ack.position.epoch != stored.position.epoch);
    assert!(!companion.has(KEY).await);
}

/// The stream alone may be evicted: the records this companion has read it still knows, others it does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_evicted_stream_is_a_gap() {
    let redis = Redis::start(&[]);
    let companion = Companion::on(&redis).await;
    companion.fill(KEY, &["t"]).await;
    let other = companion.fill(OTHER, &[]).await;
    companion.purge(r#"{"tags":["t"]}"#).await;
    redis.command(&["DEL", "{slipstream}:log"]);
    assert!(!companion.has(KEY).await);
    assert!(companion.has(OTHER).await, "{other:?}");
    let newcomer = Companion::on(&redis).await;
    assert!(!newcomer.has(KEY).await && !newcomer.has(OTHER).await);
    newcomer.fill(OTHER, &[]).await;
    assert!(companion.has(OTHER).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn companions_share_entries_and_purges() {
    let redis = Redis::start(&[]);
    let one = Companion::on(&redis).await;
    // No purge is to wait long for the follower, which confirms at its next poll only.
    let two = Companion::start(|config| {
        redis.configure(config);
        config.invalidation.lease_ms = 10;
    })
    .await;
    two.wait_ready().await;
    let mut following = two.poll("f", None, 0).await.position;
    for round in 0..20 {
        one.fill(KEY, &["t"]).await;
        assert!(two.has(KEY).await);
        let early = two.lookup(OTHER).await.0;
        tokio::join!(one.purge(r#"{"tags":["t"]}"#), async {
            // As soon as it is recorded, two has hardly heard of it.
            while one.has(KEY).await {}
            if round % 2 == 0 {
                assert!(!two.has(KEY).await, "round {round}: a purge is seen at the next lookup");
            }
        });
        let late = two.put(OTHER, "60000", entry(OTHER, early, &["t"]).encode()).await;
        assert_eq!(late.status(), 409, "round {round}");
        let page = two.poll("f", Some(following), 900).await;
        assert!(!page.reset && page.records.len() == 1, "{page:?}");
        following = page.position;
    }
    let newcomer = Companion::on(&redis).await;
    one.fill(KEY, &["t"]).await;
    one.fill(OTHER, &["u"]).await;
    one.purge(r#"{"tags":["u"]}"#).await;
    let joins_later = Companion::on(&redis).await;
    for companion in [newcomer, joins_later] {
        assert!(companion.has(KEY).await && !companion.has(OTHER).await);
        assert!(!companion.poll("g", Some(following), 0).await.reset, "it reads the whole log on joining");
    }
}

/// The script, and not only this companion's copy of the log, refuses a store that lost to a purge: the copy may be behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_stores_race_purges_of_another_companion() {
    let redis = Redis::start(&[]);
    let (one, two) = (Companion::on(&redis).await, Companion::on(&redis).await);
    for round in 0..50 {
        let (position, _) = two.lookup(KEY).await;
        let envelope = entry(KEY, position, &["t"]).encode();
        let (_, _) = tokio::join!(one.purge(r#"{"tags":["t"]}"#), two.put(KEY, "60000", envelope));
        assert!(!one.has(KEY).await && !two.has(KEY).await, "round {round}");
    }
    for (kind, value) in [
        ("tags", "t"),
        ("keys", "GET shop.example/api/items"),
        ("keys", "GET shop.example/whole/path?q=/1"),
        ("keys", "GET other.example/any/host?q=/1"),
        ("prefixes", "GET shop.example/api/"),
        ("globs", "GET *example/*/items"),
    ] {
        let (position, _) = two.lookup(KEY).await;
        one.purge(&format!(r#"{{"soft":true,"{kind}":["{value}"]}}"#)).await;
        let tags = ["t", "path:shop.example/whole/path", "path:*/any/host"];
        let late = two.put(KEY, "60000", entry(KEY, position, &tags).encode()).await;
        assert_eq!(late.status(), 409, "a soft purge by {kind}");
        let unharmed = entry(UNRELATED, position, &["u"]).encode();
        let stored = two.put(UNRELATED, "60000", unharmed).await;
        assert_eq!(stored.status(), 204, "a soft purge by {kind}");
    }
}

/// The script matches patterns as the crate does, which its own tests compare with a model.
#[tokio::test]
async fn the_script_matches_patterns_as_the_crate_does() {
    use invalidation::{InvalidationSet, Position, Record, Target};
    let redis = Redis::start(&[]);
    let script = concat!(
        include_str!("../src/store/redis/hits.lua"),
        "return hits('soft-' .. ARGV[1], ARGV[2], {full_key = ARGV[3], primary_key = ARGV[3], tags = {}}) and 1 or 0"
    );
    let words = |letters: &[&str], length: usize| {
        let mut words = vec![String::new()];
        for _ in 0..length {
            let longer =
                words.iter().flat_map(|word| letters.iter().map(move |letter| format!("{word}{letter}")));
            words = longer.collect();
        }
        words
    };
    let patterns: Vec<String> = (0..5).flat_map(|length| words(&["a", "b", "*"], length)).collect();
    let texts: Vec<String> = (0..4).flat_map(|length| words(&["a", "b"], length)).collect();
    let client = redis::Client::open(("127.0.0.1", redis.port)).unwrap();
    let mut connection = client.get_connection().unwrap();
    for pattern in &patterns {
        let mut set = InvalidationSet::new(Position { epoch: 1, seq: 0 }, 1);
        set.apply(Record { seq: 1, target: Target::Glob(pattern.clone()), soft: false }).unwrap();
        let mut pipeline = redis::pipe();
        for text in &texts {
            pipeline.cmd("EVAL").arg(script).arg(0).arg("glob").arg(pattern).arg(text);
        }
        let matched: Vec<bool> = pipeline.query(&mut connection).unwrap();
        for (text, matched) in texts.iter().zip(matched) {
            let expected = !set.admits::<&str>(text, &[], Position { epoch: 1, seq: 0 });
            assert_eq!(matched, expected, "{pattern:?} {text:?}");
        }
    }
}

/// What a later version records, this one does not know, neither this process nor the script.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_a_later_version_hits_everything() {
    let redis = Redis::start(&[]);
    let companion = Companion::on(&redis).await;
    for kind in ["orbit", "soft-orbit"] {
        let (early, _) = companion.lookup(OTHER).await;
        companion.fill(KEY, &[]).await;
        let next = (early.seq + 1).to_string();
        redis.command(&["XADD", "{slipstream}:log", &format!("{next}-0"), "kind", kind, "value", "x"]);
        redis.command(&["SET", "{slipstream}:head", &next]);
        let late = companion.put(OTHER, "60000", entry(OTHER, early, &[]).encode()).await;
        assert_eq!(late.status(), 409, "{kind}");
        assert!(!companion.has(KEY).await, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trimmed_log_refuses_and_forgets_what_came_before() {
    let redis = Redis::start(&[]);
    let companion = Companion::start(|config| {
        redis.configure(config);
        config.invalidation.capacity = 5;
    })
    .await;
    companion.wait_ready().await;
    let follower = companion.poll("f", None, 0).await.position;
    let stored = companion.fill(KEY, &[]).await;
    for number in 0..6 {
        companion.purge(&format!(r#"{{"tags":["{number}"]}}"#)).await;
    }
    assert_eq!(redis.command(&["XLEN", "{slipstream}:log"]), Value::Int(5));
    assert!(!companion.has(KEY).await);
    assert_eq!(companion.put(KEY, "60000", stored.encode()).await.status(), 409);
    assert!(companion.poll("f", Some(follower), 0).await.reset);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_away_at_the_start_is_waited_for() {
    let mut redis = Redis::start(&[]);
    redis.kill();
    let companion = Companion::start(|config| redis.configure(config)).await;
    assert_eq!(companion.status("/healthz").await, 200);
    assert_eq!(companion.status("/readyz").await, 503);
    assert_eq!(companion.raw_lookup(KEY).await.status(), 503);
    assert_eq!(companion.status("/v1/invalidations?follower=f").await, 503);
    redis.resume();
    companion.wait_ready().await;
    companion.fill(KEY, &[]).await;
    assert!(companion.has(KEY).await);
}

/// With `--appendonly yes` the server comes back with all it had. The purge that it did not hear must hit all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_asked_for_while_redis_was_away_is_not_lost() {
    let mut redis = Redis::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let companion = Companion::on(&redis).await;
    let stored = companion.fill(KEY, &["t"]).await;
    assert!(companion.has(KEY).await);
    redis.kill();
    let start = Instant::now();
    let envelope = entry(KEY, stored.position, &[]).encode();
    for answer in [
        companion.raw_lookup(KEY).await,
        companion.put(KEY, "1000", envelope).await,
        companion.try_purge(r#"{"tags":["t"]}"#).await,
    ] {
        assert_eq!(answer.status(), 503, "{:?}", answer.body());
    }
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    redis.resume();
    within(SOON, "lookups are answered again", async || companion.raw_lookup(KEY).await.status() == 404)
        .await;
    assert!(companion.lookup(KEY).await.0.epoch != stored.position.epoch);
    companion.fill(KEY, &["t"]).await;
    companion.purge(r#"{"tags":["t"]}"#).await;
    assert!(!companion.has(KEY).await);
}

/// The same without a restart: Redis does not answer for a while, and has lost nothing itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_costs_a_time_out_at_most() {
    let redis = Redis::start(&[]);
    let companion = Companion::start(|config| {
        redis.configure(config);
        config.redis.timeout_ms = 250;
    })
    .await;
    companion.wait_ready().await;
    let stored = companion.fill(KEY, &["t"]).await;
    redis.signal("STOP");
    let start = Instant::now();
    assert_eq!(companion.raw_lookup(KEY).await.status(), 503);
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    let start = Instant::now();
    for _ in 0..40 {
        assert_eq!(companion.raw_lookup(KEY).await.status(), 503);
    }
    assert!(start.elapsed() < Duration::from_secs(2), "the next ones do not wait: {:?}", start.elapsed());
    redis.signal("CONT");
    companion.wait_ready().await;
    assert_eq!(companion.lookup(KEY).await.1, Some(stored.clone()), "nothing was lost, nothing is forgotten");

    redis.signal("STOP");
    assert_eq!(companion.try_purge(r#"{"tags":["t"]}"#).await.status(), 503);
    redis.signal("CONT");
    companion.wait_ready().await;
    let (position, found) = companion.lookup(KEY).await;
    assert!(
        position.epoch != stored.position.epoch && found.is_none(),
        "the purge may or may not have been recorded"
    );
}

/// A server that restarts from a snapshot has the entries, and not the purge that came after it, even if no companion ran
/// meanwhile that could tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_state_brings_nothing_back() {
    let mut redis = Redis::start(&[]);
    let companion = Companion::on(&redis).await;
    companion.fill(KEY, &["t"]).await;
    redis.command(&["SAVE"]);
    companion.purge(r#"{"tags":["t"]}"#).await;
    assert!(!companion.has(KEY).await);
    companion.stop().await;
    redis.kill();
    redis.resume();
    let Value::Int(1) = redis.command(&["EXISTS", &format!("slipstream:response:{{}}{KEY}")]) else {
        panic!("the snapshot holds the entry")
    };
    let companion = Companion::on(&redis).await;
    assert!(!companion.has(KEY).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eviction_is_survived() {
    let redis = Redis::start(&["--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru"]);
    let companion = Companion::on(&redis).await;
    let key = |number: usize| format!("GET shop.example/api/items/{number}#gzip");
    let fill = async |key: &str| {
        let (position, _) = companion.lookup(key).await;
        let mut large = entry(key, position, &["t"]);
        large.body = vec![b'x'; 30_000];
        let status = companion.put(key, "60000", large.encode()).await.status();
        assert!(status == 204 || status == 409, "{status}");
    };
    for number in 0..300 {
        fill(&key(number)).await;
        if number % 50 == 0 {
            companion.purge(r#"{"tags":["t"]}"#).await;
            assert!(!companion.has(&key(number)).await);
        }
    }
    // Redis evicts by sampling: in a store this small it may pick the epoch, and with it all that was stored, at any time.
    within(SOON, "a response is stored and found", async || {
        fill(&key(300)).await;
        companion.has(&key(300)).await
    })
    .await;
    assert_eq!(companion.status("/readyz").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_put_into_redis_is_a_miss() {
    let redis = Redis::start(&[]);
    let companion = Companion::on(&redis).await;
    let stored = companion.fill(OTHER, &[]).await;
    let of_another_key = stored.encode();
    let name = format!("slipstream:response:{{}}{KEY}");
    let client = redis::Client::open(("127.0.0.1", redis.port)).unwrap();
    for foreign in [b"<html>".to_vec(), Vec::new(), of_another_key] {
        let mut connection = client.get_connection().unwrap();
        redis::cmd("SET").arg(&name).arg(foreign).exec(&mut connection).unwrap();
        assert!(!companion.has(KEY).await);
        within(SOON, "it is removed", async || redis.command(&["EXISTS", &name]) == Value::Int(0)).await;
    }
    let damaged = r#"slipstream_store_operations_total{operation="lookup",outcome="damaged",store="redis"}"#;
    assert!((companion.metric(damaged).await - 3.0).abs() < 0.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_password_and_prefix_are_used() {
    let redis = Redis::start(&["--requirepass", "open sesame"]);
    let companion = Companion::start(|config| redis.configure(config)).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let answer = companion.send(Method::GET, names::READY_PATH, &[], "").await;
    assert_eq!(answer.status(), 503);

    let file = tempfile::NamedTempFile::new().unwrap();
    let settings = format!(
        "[redis]\nhost='127.0.0.1'\nport={}\npassword='open sesame'\ndb=3\nkey_prefix='mine'",
        redis.port
    );
    std::fs::write(file.path(), settings).unwrap();
    let config = slipstream::config::Config::load_with(Some(file.path()), []).unwrap();
    let companion = Companion::start(|changed| changed.redis = config.redis).await;
    companion.wait_ready().await;
    companion.fill(KEY, &[]).await;
    let client = redis::Client::open(format!("redis://:open%20sesame@127.0.0.1:{}/3", redis.port)).unwrap();
    let mut connection = client.get_connection().unwrap();
    let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    keys.sort();
    let response = format!("mine:response:{{}}{KEY}");
    let index = "mine:index:key:{}GET shop.example/api/items";
    let reach = keys.pop().unwrap();
    assert!(reach.starts_with("{mine}:reach:"), "{reach}");
    assert_eq!(keys, [index, &response, "{mine}:companions", "{mine}:epoch", "{mine}:head"]);
    let ttl: i64 = redis::cmd("PTTL").arg(response).query(&mut connection).unwrap();
    assert!((50_000..=60_000).contains(&ttl), "{ttl}");
}
