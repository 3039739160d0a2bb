//! Two Envoys with two workers each on one companion: purges reach all of them, and identical misses are one request.
//!
//! The ignored tests are the long forms, which `cargo xtask trial` runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Proxy, Setup, route, x_cache};
use serde_json::json;
use testbed::{Answer, Client, FrontProxy, Redis, RedisOptions, Request};

/// Two Envoys of two workers each, whose service answers with the version that it is at.
struct Mesh {
    proxy: Proxy,
    other: FrontProxy,
    version: Arc<AtomicU64>,
    _redis: Redis,
}

impl Mesh {
    fn start(delay: Duration) -> Mesh {
        let redis = Redis::start(RedisOptions::default()).expect("Redis");
        let version = Arc::new(AtomicU64::new(0));
        let now = Arc::clone(&version);
        let proxy = Setup::uncompressed()
            .workers(2)
            .redis(&redis)
            // On a busy machine the shipped times would have some give up.
            .companion_env("SLIPSTREAM_REDIS__TIMEOUT_MS", "10000")
            .edit(
                "            max_entry_bytes:",
                "            collapse_wait_ms: 30000\n                            max_entry_bytes:",
            )
            .route(route("hot", "{ prefix: /hot }", "{ default_ttl_seconds: 600, tags: [hot] }"))
            .start(move |_| Answer::json(now.load(Ordering::SeqCst).to_string()).delay(delay));
        let other = proxy.another_envoy();
        proxy.wait_for_followers(2);
        Mesh { proxy, other, version, _redis: redis }
    }

    /// The same request at one of the two Envoys, on a connection of the client's.
    fn ask(&self, client: &Client, at: usize, path: &str) -> testbed::Response {
        let front = if at.is_multiple_of(2) { &self.proxy.front } else { &self.other };
        let request = Request::get(front.url(path)).header("host", self.proxy.authority());
        client.send(request).expect("an answer")
    }
}

/// Readers that hammer some keys at both Envoys, and never see what was purged before they asked.
fn hammer(mesh: &Mesh, acknowledged: &AtomicU64, stop: &AtomicBool, reader: usize) -> u64 {
    let client = Client::new();
    let mut answers = 0;
    while !stop.load(Ordering::Relaxed) {
        let least = acknowledged.load(Ordering::SeqCst);
        let answer = mesh.ask(&client, reader, &format!("/hot/{}", reader / 2 % 3));
        let seen: u64 = answer.text().parse().expect("a version");
        assert!(seen >= least, "version {seen} after the purge of those before {least}: {answer:?}");
        answers += 1;
    }
    answers
}

/// Purges again and again, and tells how long each took to be acknowledged.
fn purge(times: u64) -> Vec<Duration> {
    let mesh = Mesh::start(Duration::ZERO);
    let (acknowledged, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut took = Vec::new();
    thread::scope(|scope| {
        let readers: Vec<_> = (0..8)
            .map(|reader| {
                let (mesh, acknowledged, stop) = (&mesh, &acknowledged, &stop);
                scope.spawn(move || hammer(mesh, acknowledged, stop, reader))
            })
            .collect();
        for version in 1..=times {
            mesh.version.store(version, Ordering::SeqCst);
            let start = Instant::now();
            let ack = mesh.proxy.invalidate(&json!({"tags": ["hot"]}));
            took.push(start.elapsed());
            assert_eq!(ack["expired"], 0, "{ack}");
            acknowledged.store(version, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
        let answers: u64 = readers.into_iter().map(|reader| reader.join().expect("no stale answer")).sum();
        println!("{answers} answers meanwhile");
    });
    took.sort_unstable();
    println!(
        "{times} purges: p50 {:?}, p99 {:?}, longest {:?}",
        at(&took, 50),
        at(&took, 99),
        at(&took, 100)
    );
    took
}

/// The percentile of what is sorted.
fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

#[test]
fn nobody_serves_what_a_purge_has_hit() {
    purge(100);
}

#[test]
#[ignore = "long: cargo xtask trial"]
fn a_thousand_purges_are_acknowledged_within_100_ms_at_p99() {
    let took = purge(1_000);
    assert!(at(&took, 99) <= Duration::from_millis(100), "{:?}", at(&took, 99));
}

/// So many requests for one path at the same time, at both Envoys; how many the service got.
fn misses_at_once(count: usize) -> usize {
    let mesh = Mesh::start(Duration::from_millis(1_500));
    let barrier = std::sync::Barrier::new(count);
    thread::scope(|scope| {
        for number in 0..count {
            let (mesh, barrier) = (&mesh, &barrier);
            let asking = move || {
                let client = Client::new();
                barrier.wait();
                let answer = mesh.ask(&client, number, "/hot/1");
                assert_eq!((answer.status, answer.text().as_str()), (200, "0"), "{}", x_cache(&answer));
            };
            thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, asking).expect("a thread");
        }
    });
    mesh.proxy.origin.count("/hot/1")
}

#[test]
fn misses_of_all_workers_and_proxies_are_one_request() {
    assert_eq!(misses_at_once(120), 1);
}

#[test]
#[ignore = "long: cargo xtask trial"]
fn a_thousand_misses_are_one_request() {
    assert_eq!(misses_at_once(1_000), 1);
}
