//! A Redis Cluster keeps what one server keeps, spread over its nodes; a node that is lost costs its own entries, or, with
//! the log, all of them, and never brings back what was purged.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::time::{Duration, Instant};

use common::{Companion, addresses, entry, within};
use testbed::RedisCluster;

const LOG: &str = "{slipstream}:log";
/// A master is missed after a second, and its replica elected some time later.
const TAKEN_OVER: Duration = Duration::from_secs(15);

async fn companion(cluster: &RedisCluster, timeout_ms: u64) -> Companion {
    let companion = Companion::start(|config| {
        config.redis.cluster_nodes = addresses(&cluster.addresses());
        config.redis.timeout_ms = timeout_ms;
    })
    .await;
    companion.wait_ready().await;
    companion
}

fn name(key: &str) -> String {
    format!("slipstream:response:{{}}{key}")
}

/// Full keys; some have braces, as a path may.
fn keys(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("GET shop.example/api/{{items}}/{number}#gzip")).collect()
}

/// The keys that this node has, and those of others.
fn part(cluster: &RedisCluster, keys: Vec<String>, node: usize) -> (Vec<String>, Vec<String>) {
    keys.into_iter().partition(|key| cluster.owner(&name(key)).unwrap() == node)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_are_spread_and_purges_shared() {
    let cluster = RedisCluster::start().unwrap();
    let (one, two) = (companion(&cluster, 2_000).await, companion(&cluster, 2_000).await);
    let keys = keys(60);
    for key in &keys {
        one.fill(key, &["t"]).await;
    }
    assert!(cluster.sizes().iter().all(|size| *size > 5), "{:?}", cluster.sizes());
    for round in 0..10 {
        let (key, other) = (&keys[round], &keys[round + 10]);
        let early = two.lookup(other).await.0;
        assert!(two.has(key).await && two.has(other).await, "round {round}");
        one.purge(r#"{"tags":["t"]}"#).await;
        assert!(!two.has(key).await, "round {round}: a purge is seen at the next lookup");
        let late = two.put(other, "60000", entry(other, early, &["t"]).encode()).await;
        assert_eq!(late.status(), 409, "round {round}");
        one.fill(key, &["t"]).await;
        one.fill(other, &["t"]).await;
        one.fill(&keys[round + 1], &["t"]).await;
        one.fill(&keys[round + 11], &["t"]).await;
    }
    let following = two.poll("f", None, 0).await.position;
    one.purge(r#"{"all":true}"#).await;
    let page = two.poll("f", Some(following), 900).await;
    assert!(!page.reset && page.records.len() == 1, "{page:?}");
}

/// A slot that moves to another node is followed there, while it moves and afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_is_followed() {
    let mut cluster = RedisCluster::start().unwrap();
    let companion = companion(&cluster, 2_000).await;
    let key = &keys(1)[0];
    let from = cluster.owner(&name(key)).unwrap();
    let to = (from + 1) % 3;
    let slot = cluster.node(from).cli(&["CLUSTER", "KEYSLOT", &name(key)]).unwrap();
    let ids = [from, to].map(|at| cluster.node(at).cli(&["CLUSTER", "MYID"]).unwrap());
    let mut set = |at: usize, state: &str, id: &str| {
        cluster.node(at).cli(&["CLUSTER", "SETSLOT", &slot, state, id]).unwrap();
    };
    set(to, "IMPORTING", &ids[0]);
    set(from, "MIGRATING", &ids[1]);
    companion.fill(key, &[]).await;
    assert!(companion.has(key).await);
    set(to, "NODE", &ids[1]);
    set(from, "NODE", &ids[1]);
    assert!(companion.has(key).await);
    assert_eq!(cluster.node(to).cli(&["EXISTS", &name(key)]).unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_node_costs_its_own_entries() {
    let mut cluster = RedisCluster::start().unwrap();
    let companion = companion(&cluster, 2_000).await;
    let keys = keys(60);
    for key in &keys {
        companion.fill(key, &["t"]).await;
    }
    let epoch = companion.lookup(&keys[0]).await.0.epoch;
    let lost = (cluster.owner(LOG).unwrap() + 1) % 3;
    let (its, others) = part(&cluster, keys, lost);
    cluster.node(lost).process().unwrap().kill();
    let start = Instant::now();
    for key in &others {
        assert!(companion.has(key).await);
    }
    for key in &its {
        let position = companion.lookup(key).await.0;
        let status = companion.put(key, "60000", entry(key, position, &[]).encode()).await.status();
        assert!(status == 409 || status == 204, "{status}");
    }
    assert!(start.elapsed() < Duration::from_secs(2), "nobody waits: {:?}", start.elapsed());
    assert_eq!(companion.status("/readyz").await, 200);
    // What is purged meanwhile, the replica has when it takes over.
    companion.purge(r#"{"tags":["t"]}"#).await;
    within(TAKEN_OVER, "its slots are taken over", async || {
        let (position, found) = companion.lookup(&its[0]).await;
        assert!(found.is_none_or(|found| found.tags.is_empty()));
        companion.put(&its[0], "60000", entry(&its[0], position, &[]).encode()).await.status() == 204
    })
    .await;
    for key in its.iter().chain(&others) {
        let found = companion.lookup(key).await.1;
        assert!(found.is_none_or(|found| found.tags.is_empty()), "{key}");
        companion.fill(key, &["t"]).await;
        assert!(companion.has(key).await, "{key}");
    }
    assert_eq!(companion.lookup(&its[0]).await.0.epoch, epoch, "the log was elsewhere");
}

/// A node that hangs is worse than one that is gone: it takes connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_hangs_holds_up_no_other() {
    let mut cluster = RedisCluster::start().unwrap();
    let companion = companion(&cluster, 500).await;
    let keys = keys(40);
    for key in &keys {
        companion.fill(key, &[]).await;
    }
    let epoch = companion.lookup(&keys[0]).await.0.epoch;
    let hung = (cluster.owner(LOG).unwrap() + 1) % 3;
    let (its, others) = part(&cluster, keys, hung);
    cluster.node(hung).process().unwrap().pause();
    let (start, mut slowest) = (Instant::now(), Duration::ZERO);
    for round in 0..20 {
        let (its, other) = (&its[round % its.len()], &others[round % others.len()]);
        let (_, elapsed) = tokio::join!(companion.raw_lookup(its), async {
            let start = Instant::now();
            assert!(companion.has(other).await, "round {round}");
            start.elapsed()
        });
        slowest = slowest.max(elapsed);
    }
    assert!(slowest < Duration::from_millis(400), "{slowest:?}");
    assert!(start.elapsed() < Duration::from_secs(2), "after the first nobody waits: {:?}", start.elapsed());
    within(TAKEN_OVER, "its slots are taken over", async || {
        let (position, found) = companion.lookup(&its[0]).await;
        assert_eq!(position.epoch, epoch, "the log was elsewhere");
        found.is_some()
    })
    .await;
    cluster.node(hung).process().unwrap().resume();
    for key in its.iter().chain(&others) {
        within(Duration::from_secs(5), key, async || companion.has(key).await).await;
    }
}

/// Back before its replica takes over, and with nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_restarts_is_used_again() {
    let mut cluster = RedisCluster::start().unwrap();
    let companion = companion(&cluster, 2_000).await;
    let restarted = (cluster.owner(LOG).unwrap() + 1) % 3;
    let key = part(&cluster, keys(40), restarted).0.remove(0);
    companion.fill(&key, &[]).await;
    cluster.node(restarted).process().unwrap().kill();
    assert!(!companion.has(&key).await);
    cluster.node(restarted).start_again().unwrap();
    within(TAKEN_OVER, "what is stored there is found", async || {
        let position = companion.lookup(&key).await.0;
        companion.put(&key, "60000", entry(&key, position, &[]).encode()).await;
        companion.has(&key).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_log_begins_a_new_epoch() {
    let mut cluster = RedisCluster::start().unwrap();
    let (one, two) = (companion(&cluster, 2_000).await, companion(&cluster, 2_000).await);
    let keys = keys(30);
    for key in &keys {
        one.fill(key, &["t"]).await;
    }
    one.purge(r#"{"keys":["GET shop.example/api/{items}/0"]}"#).await;
    let before = two.lookup(&keys[0]).await.0;
    let lost = cluster.owner(LOG).unwrap();
    cluster.node(lost).process().unwrap().kill();
    for companion in [&one, &two] {
        within(TAKEN_OVER, "the log is on another node", async || {
            companion.raw_lookup(&keys[0]).await.status() == 404
        })
        .await;
        for key in &keys {
            assert!(!companion.has(key).await, "{key}");
        }
        assert_ne!(companion.lookup(&keys[0]).await.0.epoch, before.epoch);
    }
    for key in &keys {
        // The node may have been found by one of the two, and for the log only.
        within(Duration::from_secs(5), key, async || {
            let position = one.lookup(key).await.0;
            one.put(key, "60000", entry(key, position, &["t"]).encode()).await;
            two.has(key).await
        })
        .await;
    }
    two.purge(r#"{"tags":["t"]}"#).await;
    assert!(!one.has(&keys[0]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_away_is_named() {
    let companion = Companion::start(|config| {
        config.redis.cluster_nodes = addresses(&["127.0.0.1:1".to_owned()]);
    })
    .await;
    within(Duration::from_secs(5), "the reason is told", async || {
        companion.readiness().await.contains("127.0.0.1:1: Connection refused")
    })
    .await;
}
