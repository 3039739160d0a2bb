//! Redis may go, come back with old data, be flushed or be too small: no read is stale, and none fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use e2e::{Proxy, Setup, assert_text, hit, is_hit, miss, wait_for};
use testbed::{Answer, Question, Redis, RedisOptions};

/// Answers with the number of writes so far, and some bytes more.
fn counting(filler: usize) -> impl Fn(&Question) -> Answer {
    let version = Arc::new(AtomicU64::new(1));
    move |question| {
        if question.method == "POST" {
            version.fetch_add(1, Ordering::SeqCst);
        }
        Answer::json(format!("{} {}", version.load(Ordering::SeqCst), "x".repeat(filler)))
    }
}

fn version(proxy: &Proxy, path: &str) -> u64 {
    let response = proxy.get(path);
    assert_eq!(response.status, 200);
    response.text().split(' ').next().unwrap().parse().unwrap()
}

fn wait_for_hits(proxy: &Proxy, path: &str) {
    wait_for("hits", || is_hit(&proxy.get(path)));
}

#[test]
fn a_redis_that_comes_back_with_old_data_brings_no_old_answer() {
    for append_only in [true, false] {
        let mut redis = Redis::start(RedisOptions { append_only, ..RedisOptions::default() }).unwrap();
        // Without L1 each answer is a lookup's.
        let proxy = Setup::uncompressed()
            .redis(&redis)
            .edit("max_bytes: 67108864", "max_bytes: 0")
            .start(counting(10));
        wait_for_hits(&proxy, "/api/items");
        redis.stop();
        for _ in 0..10 {
            assert_eq!(version(&proxy, "/api/items"), 1);
        }
        assert_eq!(proxy.post("/api/items").status, 200);
        for _ in 0..10 {
            assert_eq!(version(&proxy, "/api/items"), 2);
        }
        redis.start_again().unwrap();
        wait_for("hits again", || {
            let response = proxy.get("/api/items");
            assert!(response.text().starts_with("2 "), "{response:?}");
            is_hit(&response)
        });
        for _ in 0..10 {
            assert_eq!(version(&proxy, "/api/items"), 2);
        }
    }
}

#[test]
fn a_frozen_redis_is_waited_for_no_longer_than_a_lookup() {
    let mut redis = Redis::start(RedisOptions::default()).unwrap();
    let proxy =
        Setup::uncompressed().redis(&redis).edit("max_bytes: 67108864", "max_bytes: 0").start(counting(10));
    wait_for_hits(&proxy, "/api/items");
    redis.process().unwrap().pause();
    for _ in 0..10 {
        assert_eq!(version(&proxy, "/api/items"), 1);
    }
    assert_eq!(proxy.post("/api/items").status, 200);
    for _ in 0..10 {
        assert_eq!(version(&proxy, "/api/items"), 2);
    }
    redis.process().unwrap().resume();
    wait_for("hits again", || {
        let response = proxy.get("/api/items");
        assert!(response.text().starts_with("2 "), "{response:?}");
        is_hit(&response)
    });
}

/// A write that the log could not take has its answer once nobody holds a copy from before it by a lease.
#[test]
fn a_write_while_redis_hangs_is_not_overtaken_by_what_another_envoy_holds() {
    let mut redis = Redis::start(RedisOptions::default()).unwrap();
    let proxy = Setup::uncompressed().redis(&redis).start(counting(10));
    let second = proxy.another_envoy();
    for round in 1..=3 {
        // A hit of the second level is kept in the first, where the next one finds it.
        wait_for("hits at the second Envoy", || (0..2).all(|_| is_hit(&proxy.get_at(&second, "/api/items"))));
        redis.process().unwrap().pause();
        assert_eq!(proxy.post("/api/items").status, 200);
        let page = proxy.get_at(&second, "/api/items");
        assert_text(&page, 200, &format!("{} xxxxxxxxxx", round + 1));
        redis.process().unwrap().resume();
    }
}

#[test]
fn after_a_flush_nothing_old_is_served_and_new_is_stored() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let proxy = Setup::uncompressed().redis(&redis).start(counting(10));
    for round in 1..=3 {
        wait_for_hits(&proxy, "/api/items");
        redis.cli(&["FLUSHALL"]).unwrap();
        assert_eq!(version(&proxy, "/api/items"), round);
        assert_eq!(proxy.post("/api/items").status, 200);
        for _ in 0..5 {
            assert_eq!(version(&proxy, "/api/items"), round + 1);
        }
    }
    // A flush empties L1 too: it cannot be known what invalidations went with it.
    wait_for_hits(&proxy, "/api/stats");
    redis.cli(&["FLUSHALL"]).unwrap();
    let asked = proxy.origin.count("/api/stats");
    wait_for("the origin to be asked again", || {
        proxy.get("/api/stats");
        proxy.origin.count("/api/stats") > asked
    });
    wait_for_hits(&proxy, "/api/stats");
}

#[test]
fn a_redis_too_small_for_the_load_brings_no_old_answer() {
    let args = ["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"].map(str::to_owned).to_vec();
    let redis = Redis::start(RedisOptions { args, ..RedisOptions::default() }).unwrap();
    let proxy = Setup::uncompressed()
        .redis(&redis)
        .edit("max_bytes: 67108864", "max_bytes: 0")
        .start(counting(20_000));
    let mut written = 1;
    for number in 0..800_u64 {
        let path = format!("/api/items?page={}", number % 300);
        assert_eq!(version(&proxy, &path), written, "{path}");
        // Seldom, because what a write drops makes room.
        if number % 200 == 199 {
            assert_eq!(proxy.post("/api/items").status, 200);
            written += 1;
        }
    }
    let evicted = redis.cli(&["INFO", "stats"]).unwrap();
    let evicted = evicted.lines().find_map(|line| line.strip_prefix("evicted_keys:")).unwrap().to_owned();
    assert!(evicted.trim().parse::<u64>().unwrap() > 100, "{evicted} keys were evicted");
    wait_for_hits(&proxy, "/api/items?page=1");
}

#[test]
fn entries_outlive_envoy_and_companion_in_redis() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let mut proxy = Setup::uncompressed().redis(&redis).start(counting(10));
    miss(proxy.get("/api/items"));
    let entries = || redis.cli(&["DBSIZE"]).unwrap().parse::<u64>().unwrap();
    let without = 2;
    wait_for("the store to arrive", || entries() > without);
    proxy.kill_companion();
    proxy.start_companion();
    let second = proxy.another_envoy();
    assert_text(&hit(proxy.get_at(&second, "/api/items")), 200, "1 xxxxxxxxxx");
    assert_eq!(proxy.origin.total(), 1);
}
