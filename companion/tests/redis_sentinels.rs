//! The sentinels say which server is the master, and another one brings nothing back that was purged.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{Companion, Redis, addresses, within};
use testbed::RedisSentinels;

const KEY: &str = "GET shop.example/api/items#gzip";
const OTHER: &str = "GET shop.example/api/stats#gzip";
/// A master is missed after half a second, and replaced some time later.
const FAILED_OVER: Duration = Duration::from_secs(15);

async fn companion(redis: &RedisSentinels) -> Companion {
    let companion = Companion::start(|config| {
        config.redis.sentinels = addresses(&redis.addresses());
        config.redis.timeout_ms = 1_000;
    })
    .await;
    companion.wait_ready().await;
    companion
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fail_over_begins_a_new_epoch_on_the_new_master() {
    let mut redis = RedisSentinels::start().unwrap();
    let (one, two) = (companion(&redis).await, companion(&redis).await);
    one.fill(KEY, &["t"]).await;
    let before = one.fill(OTHER, &[]).await.position;
    one.purge(r#"{"tags":["t"]}"#).await;
    assert!(!two.has(KEY).await && two.has(OTHER).await);
    redis.server(0).process().unwrap().kill();
    for companion in [&one, &two] {
        within(FAILED_OVER, "the new master is used", async || {
            companion.raw_lookup(KEY).await.status() == 404
        })
        .await;
        assert!(!companion.has(OTHER).await, "the replica may have missed a purge of it");
        assert_ne!(companion.lookup(KEY).await.0.epoch, before.epoch);
    }
    one.fill(KEY, &["t"]).await;
    assert!(two.has(KEY).await);
    two.purge(r#"{"tags":["t"]}"#).await;
    assert!(!one.has(KEY).await);
    assert!(redis.server(1).cli(&["EXISTS", "{slipstream}:log"]).unwrap() == "1");
}

/// The sentinels may have another master while the old one, cut off from them, answers as if nothing were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_is_none_to_the_sentinels_is_left() {
    let redis = RedisSentinels::start().unwrap();
    let companion = companion(&redis).await;
    companion.fill(KEY, &[]).await;
    let other = Redis::start(&[]);
    redis.command(&["SENTINEL", "REMOVE", "mymaster"]).unwrap();
    redis.command(&["SENTINEL", "MONITOR", "mymaster", "127.0.0.1", &other.port.to_string(), "2"]).unwrap();
    within(Duration::from_secs(5), "the other one is used", async || {
        companion.raw_lookup(KEY).await.status() == 404
    })
    .await;
    companion.wait_ready().await;
    companion.fill(KEY, &[]).await;
    let response = format!("slipstream:response:{{}}{KEY}");
    assert_eq!(other.command(&["EXISTS", &response]), redis::Value::Int(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_nobody_knows_is_named() {
    let redis = RedisSentinels::start().unwrap();
    let companion = Companion::start(|config| {
        config.redis.sentinels = addresses(&redis.addresses());
        config.redis.sentinel_master = "nobody".to_owned();
    })
    .await;
    within(Duration::from_secs(5), "the reason is told", async || {
        let reason = companion.readiness().await;
        reason.contains("no sentinel names the master nobody") && reason.contains("redis.sentinel_master")
    })
    .await;
}
