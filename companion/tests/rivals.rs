//! Two companions with embedded stores behind one cluster are noticed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Companion, Redis};

async fn complaint(companion: &Companion) -> Option<String> {
    let answer = companion.get("/readyz").await;
    (answer.status() != 200).then(|| String::from_utf8(answer.body().to_vec()).unwrap())
}

/// A follower whose polls go to one and the other in turn.
async fn alternate(one: &Companion, two: &Companion, rounds: usize) {
    let mut position = None;
    for _ in 0..rounds {
        for companion in [one, two] {
            position = Some(companion.poll("to-and-fro", position, 0).await.position);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_embedded_stores_behind_one_cluster_are_not_ready() {
    let (one, two) = (Companion::start(|_| {}).await, Companion::start(|_| {}).await);
    let current = one.poll("current", None, 0).await.position;
    alternate(&one, &two, 2).await;
    assert_eq!(complaint(&one).await, None, "that may have been restarts");
    alternate(&one, &two, 4).await;
    for companion in [&one, &two] {
        let complaint = complaint(companion).await.unwrap();
        assert!(
            complaint.contains("two companions with embedded stores serve one mesh: configure redis.host")
        );
        assert_eq!(companion.status("/healthz").await, 200);
    }
    assert!(!one.poll("current", Some(current), 0).await.reset, "it goes on serving");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_is_not_taken_for_a_second_companion() {
    let before = Companion::start(|_| {}).await;
    let position = before.poll("f", None, 0).await.position;
    before.stop().await;
    let companion = Companion::start(|_| {}).await;
    for follower in 0..50 {
        let follower = format!("f{follower}");
        let page = companion.poll(&follower, Some(position), 0).await;
        assert!(page.reset);
        for _ in 0..3 {
            companion.poll(&follower, Some(page.position), 0).await;
        }
    }
    assert_eq!(complaint(&companion).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn companions_on_redis_are_welcome() {
    let (redis, another) = (Redis::start(&[]), Redis::start(&[]));
    let (one, two) = (Companion::on(&redis).await, Companion::on(&another).await);
    alternate(&one, &two, 6).await;
    assert_eq!((complaint(&one).await, complaint(&two).await), (None, None));
}
