//! Companions on one Redis wait for each other's followers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_protocol::{InvalidationAck, PollAnswer, names};
use common::{Companion, Redis, within};
use hyper::Method;
use invalidation::Position;
use slipstream::client::Client;
use slipstream::config::Config;
use tokio::task::JoinHandle;

const SOON: Duration = Duration::from_secs(5);
const PURGE: &str = r#"{"tags":["t"]}"#;
const LEASE_MS: u64 = 1_000;
/// As `Redis::configure` has it.
const TIMEOUT_MS: u64 = 1_000;
/// How long an announcement holds.
const HOLDS: Duration = Duration::from_millis(LEASE_MS + TIMEOUT_MS + 500);

/// Polls as a filter does, until it is dropped.
struct Follower(JoinHandle<()>);

impl Follower {
    async fn start(client: Client, id: &'static str) -> Self {
        let mut after = poll(&client, id, None, 0).await.unwrap();
        // Once more, to confirm what the first answer brought.
        after = poll(&client, id, Some(after), 0).await.unwrap();
        Self(tokio::spawn(async move {
            loop {
                match poll(&client, id, Some(after), 400).await {
                    Some(position) => after = position,
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        }))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn poll(client: &Client, id: &str, after: Option<Position>, wait_ms: u64) -> Option<Position> {
    let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
    let path = format!("{}?follower={id}{after}&wait_ms={wait_ms}", names::INVALIDATIONS_PATH);
    let answer = client.send(Method::GET, &path, &[], "").await.ok()?;
    Some(serde_json::from_slice::<PollAnswer>(answer.body()).ok()?.page.position)
}

/// A companion in a process of its own, which can be frozen and killed.
struct Process {
    child: Child,
    client: Client,
}

impl Process {
    async fn start(redis: &Redis) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(env!("CARGO_BIN_EXE_slipstream"))
            .arg("serve")
            .env("SLIPSTREAM_LISTEN", format!("127.0.0.1:{port}"))
            .env("SLIPSTREAM_REDIS__HOST", "127.0.0.1")
            .env("SLIPSTREAM_REDIS__PORT", redis.port.to_string())
            .env("SLIPSTREAM_REDIS__TIMEOUT_MS", TIMEOUT_MS.to_string())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let client = Client::new(&format!("http://127.0.0.1:{port}"), "").unwrap();
        within(SOON, "it is ready", async || {
            let answer = client.send(Method::GET, names::READY_PATH, &[], "").await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        Self { child, client }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The purge, what it answered, and how long it took.
fn purge(companion: &Arc<Companion>) -> JoinHandle<(InvalidationAck, Duration)> {
    let companion = Arc::clone(companion);
    tokio::spawn(async move {
        let start = Instant::now();
        (companion.purge(PURGE).await, start.elapsed())
    })
}

/// A follower that confirms nothing keeps a purge at the other companion from being acknowledged, until it does.
async fn is_waited_for(one: Companion, two: Companion) {
    let one = Arc::new(one);
    let first = poll(&two.client, "b", None, 0).await.unwrap();
    poll(&two.client, "b", Some(first), 0).await.unwrap();
    let purging = purge(&one);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!purging.is_finished(), "the other's follower has not confirmed");
    let read = poll(&two.client, "b", Some(first), 0).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!purging.is_finished(), "it was told, and has not confirmed");
    poll(&two.client, "b", Some(read), 0).await.unwrap();
    let (ack, took) = purging.await.unwrap();
    assert_eq!((ack.confirmed, ack.expired, ack.companions), (0, 0, 1));
    assert!(took < Duration::from_millis(600 + LEASE_MS), "{took:?}");

    // One that has polled for the first time is waited for as well, until its lease is over.
    poll(&two.client, "new", None, 0).await.unwrap();
    let (ack, took) = purge(&one).await.unwrap();
    assert!(ack.companions == 1 && took > Duration::from_millis(LEASE_MS / 2), "{ack:?} {took:?}");
}

async fn prompt_followers_are_soon_done(one: Companion, two: Companion) {
    let one = Arc::new(one);
    let _a = Follower::start(one.client.clone(), "a").await;
    let _b = Follower::start(two.client.clone(), "b").await;
    // On a busy machine others may hold one of them up.
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let mut slowest = Duration::ZERO;
        for _ in 0..50 {
            let (ack, took) = purge(&one).await.unwrap();
            assert_eq!((ack.confirmed, ack.expired, ack.companions), (1, 0, 1));
            slowest = slowest.max(took);
        }
        rounds.push(slowest);
        if slowest < Duration::from_millis(100) {
            return;
        }
    }
    panic!("the slowest of each 50: {rounds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_follower_is_waited_for() {
    let redis = Redis::start(&[]);
    is_waited_for(Companion::on(&redis).await, Companion::on(&redis).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_follower_is_waited_for_on_a_cluster() {
    let (one, two) = (Companion::on_the_cluster("wait").await, Companion::on_the_cluster("wait").await);
    is_waited_for(one, two).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_healthy_companions_are_soon_done() {
    let redis = Redis::start(&[]);
    prompt_followers_are_soon_done(Companion::on(&redis).await, Companion::on(&redis).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_healthy_companions_are_soon_done_on_a_cluster() {
    let (one, two) = (Companion::on_the_cluster("soon").await, Companion::on_the_cluster("soon").await);
    prompt_followers_are_soon_done(one, two).await;
}

/// What a companion that cannot tell anything any more has given leave for is waited out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_killed_or_frozen_is_waited_out() {
    let redis = Redis::start(&[]);
    let one = Arc::new(Companion::on(&redis).await);
    for signal in ["KILL", "STOP"] {
        let other = Process::start(&redis).await;
        let follower = Follower::start(other.client.clone(), "b").await;
        let (ack, _) = purge(&one).await.unwrap();
        assert_eq!(ack.companions, 1);
        other.signal(signal);
        let (ack, took) = purge(&one).await.unwrap();
        assert_eq!((ack.companions, ack.expired), (0, 0), "{signal}");
        // The last poll before the signal gave leave for this long at most.
        assert!(took > HOLDS - Duration::from_millis(500), "{signal}: {took:?}");
        assert!(took < HOLDS + Duration::from_millis(500), "{signal}: {took:?}");
        if signal == "STOP" {
            other.signal("CONT");
            within(SOON, "it is back", async || purge(&one).await.unwrap().0.companions == 1).await;
        }
        drop(follower);
        drop(other);
        within(SOON, "it is forgotten", async || purge(&one).await.unwrap().1 < SOON / 50).await;
    }
}

/// Redis may forget who there is together with the log; their followers hold leases still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_redis_has_forgotten_is_waited_out() {
    let redis = Redis::start(&[]);
    let one = Arc::new(Companion::on(&redis).await);
    let other = Process::start(&redis).await;
    let (ack, _) = purge(&one).await.unwrap();
    assert_eq!(ack.companions, 1);
    tokio::time::sleep(Duration::from_millis(300)).await;
    other.signal("STOP");
    redis.command(&["FLUSHALL"]);
    let (ack, took) = purge(&one).await.unwrap();
    assert!(ack.companions == 0 && took > HOLDS - Duration::from_millis(500), "{ack:?} {took:?}");
}

/// Who is told that a purge was not recorded is told so when nobody serves what it hits by a lease any more: of this
/// companion's followers, and of those that have lost Redis with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_recorded_is_waited_out_too() {
    for (others, leases) in [(0, Duration::from_millis(LEASE_MS)), (1, HOLDS)] {
        let mut redis = Redis::start(&[]);
        let one = Companion::on(&redis).await;
        let mut two = Vec::new();
        for _ in 0..others {
            two.push(Companion::on(&redis).await);
        }
        // Long enough for each to have heard of the other.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let _a = Follower::start(one.client.clone(), "a").await;
        redis.kill();
        for is_first in [true, false] {
            let start = Instant::now();
            assert_eq!(one.try_purge(PURGE).await.status(), 503);
            let took = start.elapsed();
            let expected = if is_first {
                leases - Duration::from_millis(500)..leases + Duration::from_millis(500)
            } else {
                Duration::ZERO..Duration::from_millis(500)
            };
            assert!(expected.contains(&took), "{others} others, first {is_first}: {took:?}");
        }
    }
}

/// A companion whose announcements Redis does not take gives no leases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_announce_itself_gives_no_leases() {
    let redis = Redis::start(&[]);
    let companion = Companion::on(&redis).await;
    assert!(poll(&companion.client, "b", None, 0).await.is_some());
    redis.command(&["ACL", "SETUSER", "default", "-zadd"]);
    // As long as there is time for a whole lease in what was announced.
    within(HOLDS, "no leases are given", async || poll(&companion.client, "b", None, 0).await.is_none())
        .await;
    within(HOLDS, "it says why", async || companion.readiness().await.contains("do not know of this one"))
        .await;
    redis.command(&["ACL", "SETUSER", "default", "+zadd"]);
    within(SOON, "leases are given again", async || poll(&companion.client, "b", None, 0).await.is_some())
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_nobody_to_wait_for_without_redis() {
    let companion = Arc::new(Companion::start(|_: &mut Config| {}).await);
    let (ack, took) = purge(&companion).await.unwrap();
    assert!(ack.companions == 0 && took < SOON / 50, "{ack:?} {took:?}");
}
