//! A purge tells how many stored entries it hit, and removes them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[macro_use]
mod common;

use std::time::{Duration, Instant};

use cache_protocol::InvalidationAck;
use common::{Companion, Redis, within};
use redis::Value;

const SOON: Duration = Duration::from_secs(5);
const KEY: &str = "GET shop.example/api/items#gzip";

on_all_stores! {
    a_purge_tells_how_much_it_met,
}

fn met(ack: &InvalidationAck) -> (u64, bool) {
    (ack.met, ack.met_at_least)
}

/// On a busy machine counting may take too long, and then says so.
fn assert_met(ack: &InvalidationAck, count: u64, request: &str) {
    assert!(ack.met == count || (ack.met_at_least && ack.met < count), "{request}: {ack:?}, not {count}");
}

async fn a_purge_tells_how_much_it_met(companion: Companion) {
    let entries = [
        ("GET a.example/x#gzip", &["x"][..]),
        ("GET a.example/x#identity", &["x", "both"]),
        ("GET a.example/[x]*?q=1#gzip", &["both", "path:a.example/short"]),
        ("GET b.example/x#gzip", &["both", "path:*/any"]),
    ];
    for (request, count) in [
        (r#"{"tags":["none"]}"#, 0),
        (r#"{"tags":["x"]}"#, 2),
        (r#"{"tags":["x","both"]}"#, 4),
        (r#"{"keys":["GET a.example/x"],"tags":["x"]}"#, 2),
        (r#"{"urls":["a.example/short?q=7","c.example/any"]}"#, 2),
        (r#"{"prefixes":["GET a.example/"]}"#, 3),
        (r#"{"prefixes":["GET a.example/[x]*?q"]}"#, 1),
        (r#"{"prefixes":["GET a.example/?"]}"#, 0),
        (r#"{"globs":["GET *.example/x"]}"#, 3),
        (r#"{"globs":["GET a.*[x]*"],"tags":["both"]}"#, 3),
        (r#"{"globs":["GET a.*"],"prefixes":["GET b.example"]}"#, 4),
        (r#"{"all":true}"#, 4),
    ] {
        for (key, tags) in entries {
            companion.fill(key, tags).await;
        }
        let soft = request.replacen('{', r#"{"soft":true,"#, 1);
        // The indexes of a cluster follow what is stored.
        within(SOON, "all is indexed", async || met(&companion.purge(&soft).await) == (count, false)).await;
        for request in [&soft, request] {
            assert_met(&companion.purge(request).await, count, request);
        }
        within(SOON, "what was hit is gone, and not counted again", async || {
            met(&companion.purge(request).await) == (0, false)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_and_indexes_are_removed_from_redis_and_end_by_themselves() {
    let redis = Redis::start(&[]);
    let companion = Companion::on(&redis).await;
    let tag_index = "slipstream:index:tag:{}t";
    let (position, _) = companion.lookup(KEY).await;
    for (key, ttl) in [("GET a/#gzip", "300"), (KEY, "60000"), ("GET b/#gzip", "30000")] {
        let envelope = common::entry(key, position, &["t"]).encode();
        assert_eq!(companion.put(key, ttl, envelope).await.status(), 204);
    }
    let Value::Int(ttl) = redis.command(&["PTTL", tag_index]) else { panic!("no time to live") };
    assert!((50_000..=60_000).contains(&ttl), "the index ends with its last entry: {ttl}");
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert_eq!(redis.command(&["ZCARD", tag_index]), Value::Int(3));
    companion.fill("GET c/#gzip", &["t"]).await;
    assert_eq!(redis.command(&["ZCARD", tag_index]), Value::Int(3), "what has ended is taken out");

    assert_met(&companion.purge(r#"{"tags":["t"]}"#).await, 3, "tags");
    for name in [tag_index.to_owned(), format!("slipstream:response:{{}}{KEY}")] {
        within(SOON, "it is removed", async || redis.command(&["EXISTS", &name]) == Value::Int(0)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_bounded_and_says_so() {
    let redis = Redis::start(&[]);
    let companion = Companion::on(&redis).await;
    let client = redis::Client::open(("127.0.0.1", redis.port)).unwrap();
    let mut others = redis::pipe();
    let ends = 4_000_000_000_000_u64;
    for number in 0..9_998 {
        others.cmd("ZADD").arg("slipstream:index:tag:{}t").arg(ends + number).arg(number).ignore();
    }
    others.exec(&mut client.get_connection().unwrap()).unwrap();
    for number in 0..4 {
        let key = format!("GET a/{number}#gzip");
        companion.fill(&key, &["t"]).await;
        let count = (9_999 + number).min(10_000);
        assert_eq!(redis.command(&["ZCARD", "slipstream:index:tag:{}t"]), Value::Int(count));
    }
    // The two that end first made room for another and for what stands for them; then a third did.
    let first = redis.command(&["ZRANGE", "slipstream:index:tag:{}t", "0", "1"]);
    let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
    assert_eq!(first, Value::Array(vec![text(""), text("GET a/3#gzip")]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_by_an_index_that_was_cut_says_so() {
    let redis = Redis::start(&[]);
    let companion = Companion::on(&redis).await;
    companion.fill(KEY, &["t"]).await;
    redis.command(&["ZADD", "slipstream:index:tag:{}t", "4000000000000", ""]);
    within(SOON, "it is counted", async || {
        let ack = companion.purge(r#"{"soft":true,"tags":["t"]}"#).await;
        assert!(ack.met_at_least, "{ack:?}");
        ack.met == 1
    })
    .await;
}

/// What is stored between a purge and the removal of what it hit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_from_after_a_purge_is_not_removed_by_it() {
    let redis = Redis::start(&[]);
    let companion = Companion::on(&redis).await;
    companion.purge(r#"{"tags":["t"]}"#).await;
    let position = companion.fill(KEY, &["t"]).await.position;
    let response = format!("slipstream:response:{{}}{KEY}");
    let client = redis::Client::open(("127.0.0.1", redis.port)).unwrap();
    let mut connection = client.get_connection().unwrap();
    for (epoch, seq, left) in [
        (position.epoch, position.seq - 1, 1),
        (position.epoch, position.seq, 0),
        (position.epoch ^ 1, position.seq - 1, 0),
    ] {
        companion.fill(KEY, &["t"]).await;
        let mut unlink = redis::cmd("EVAL");
        unlink.arg(include_str!("../src/store/redis/unlink.lua")).arg(1).arg(&response);
        unlink.arg(&epoch.to_le_bytes()).arg(seq).exec(&mut connection).unwrap();
        assert_eq!(redis.command(&["EXISTS", &response]), Value::Int(left), "{epoch} {seq}");
    }
    let index = "slipstream:index:tag:{}t";
    let score: String = redis::cmd("ZSCORE").arg(index).arg(KEY).query(&mut connection).unwrap();
    for (score, left) in [("1", 1), (score.as_str(), 0)] {
        let mut drop = redis::cmd("EVAL");
        drop.arg(include_str!("../src/store/redis/drop.lua")).arg(1).arg(index);
        drop.arg(KEY).arg(score).exec(&mut connection).unwrap();
        assert_eq!(redis.command(&["EXISTS", index]), Value::Int(left), "{score}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counting_does_not_hold_a_purge_up() {
    let redis = Redis::start(&["--enable-debug-command", "yes"]);
    let companion = Companion::on(&redis).await;
    redis.command(&["DEBUG", "POPULATE", "1000000", "other", "1"]);
    // On a busy machine that takes Redis longer than the companion has patience.
    companion.wait_ready().await;
    companion.fill(KEY, &[]).await;
    let start = Instant::now();
    let ack = companion.purge(r#"{"all":true}"#).await;
    assert!(ack.met_at_least && start.elapsed() < Duration::from_secs(2), "{ack:?} {:?}", start.elapsed());
    assert!(!companion.has(KEY).await);
}
