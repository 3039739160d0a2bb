//! What the cache costs under load, in time and in memory. `cargo xtask trial` runs these.

use std::fs;
use std::time::Duration;

use e2e::{Setup, load, route, wait_for};
use testbed::{Answer, Redis, RedisOptions};

/// Bytes of memory that a process has resident.
fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    kib.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

#[test]
#[ignore = "long: cargo xtask trial"]
fn a_miss_adds_a_tenth_at_most_to_an_origin_that_takes_20_ms() {
    let proxy = Setup::uncompressed()
        .lookup_timeout_ms(100)
        .route(route("cached", "{ prefix: /cached }", "{ default_ttl_seconds: 600 }"))
        .route(route("plain", "{ prefix: /plain }", "{ enabled: false }"))
        .start(|_| Answer::json("x".repeat(2_000)).delay(Duration::from_millis(20)));
    let mut ratios = Vec::new();
    for round in 0..5 {
        let [plain, cached] =
            ["/plain", "/cached"].map(|path| load(&proxy.authority(), path, &format!("r{round}"), 8, 4));
        println!("p50 of a plain request {:.2} ms, of a miss {:.2} ms", plain.p50_ms, cached.p50_ms);
        assert_eq!((plain.errors, cached.errors), (0, 0));
        ratios.push(cached.p50_ms / plain.p50_ms);
    }
    ratios.sort_by(f64::total_cmp);
    println!("a miss takes {:.3} times as long", ratios[2]);
    assert!(ratios[2] <= 1.1, "{ratios:?}");
}

#[test]
#[ignore = "long: cargo xtask trial"]
fn a_million_keys_take_no_more_memory_than_is_allowed() {
    const L1_BYTES: u64 = 16 << 20;
    const WORKERS: u64 = 2;
    const REDIS_BYTES: u64 = 64 << 20;
    const KEYS: u64 = 1_000_000;
    let limit = ["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"].map(str::to_owned).to_vec();
    let redis = Redis::start(RedisOptions { args: limit, ..RedisOptions::default() }).expect("Redis");
    let proxy = Setup::uncompressed()
        .workers(WORKERS as u32)
        .redis(&redis)
        .edit("max_bytes: 67108864", format!("max_bytes: {L1_BYTES}"))
        .route(route("cached", "{ prefix: /cached }", "{ default_ttl_seconds: 3600, tags: [all] }"))
        .start(|_| Answer::json(r#"{"id":1,"name":"an item of the usual size","price":12.5}"#.repeat(8)));
    let pid = proxy.front.envoy.pid();
    load(&proxy.authority(), "/health", "warm", 32, 5);
    let before = resident_bytes(pid);
    let mut keys = 0;
    for round in 0.. {
        let load = load(&proxy.authority(), "/cached", &format!("r{round}"), 32, 10);
        assert_eq!(load.errors, 0);
        keys += load.requests;
        let [envoy, companion] = [pid, proxy.companion.pid()].map(|pid| resident_bytes(pid) >> 20);
        println!("{keys} keys: Envoy {envoy} MiB, {} MiB before; companion {companion} MiB", before >> 20);
        if keys >= KEYS {
            break;
        }
    }
    let grown = resident_bytes(pid).saturating_sub(before);
    let used = redis.cli(&["INFO", "memory"]).expect("an answer");
    let used = used.lines().find_map(|line| line.trim().strip_prefix("used_memory:")).expect("used_memory");
    let used: u64 = used.parse().expect("a number");
    println!("Envoy has grown by {} MiB, Redis uses {} MiB", grown >> 20, used >> 20);
    assert!(used <= REDIS_BYTES * 105 / 100, "{used}");
    assert!(grown <= L1_BYTES * WORKERS * 120 / 100, "{grown}");
}

#[test]
#[ignore = "long: cargo xtask trial"]
fn as_many_label_sets_as_there_may_be_cost_little_memory_and_are_scraped_quickly() {
    const CAP: usize = 200;
    let proxy = Setup::uncompressed().workers(2).start(|question| {
        let status = question.path().rsplit('/').next().and_then(|last| last.parse().ok());
        Answer::new(status.unwrap_or(200), "x")
    });
    let pid = proxy.front.envoy.pid();
    load(&proxy.authority(), "/health", "warm", 32, 5);
    let before = resident_bytes(pid);
    for method in ["GET", "PUT"] {
        for status in 200..=500 {
            let url = proxy.url(&format!("/api/items/{status}"));
            testbed::Client::new().send(testbed::Request::new(method, url)).expect("an answer");
        }
    }
    let name = "http_requests_total";
    wait_for("all to be counted", || proxy.metrics().samples(name, &[]).count() == CAP + 1);
    let scrape = || {
        let start = std::time::Instant::now();
        let bytes = proxy.front.envoy.stats_prometheus().expect("a scrape").len();
        (start.elapsed(), bytes)
    };
    let mut scrapes = [(); 21].map(|()| scrape());
    scrapes.sort_unstable();
    let grown = resident_bytes(pid).saturating_sub(before);
    let (took, bytes) = scrapes[10];
    println!(
        "{CAP} label sets: Envoy has grown by {} KiB; a scrape of {bytes} bytes takes {took:?}",
        grown >> 10
    );
    assert!(grown <= 30 << 20, "{grown}");
    assert!(took <= Duration::from_millis(100), "{took:?}");
}
