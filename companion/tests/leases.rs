//! Misses of one key come to one fetch, across workers and proxies.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[macro_use]
mod common;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use cache_protocol::{Entry, ErrorBody, LeaseGrant, names};
use common::{Companion, Redis, entry, within};
use hyper::{Method, Response};
use invalidation::Position;
use slipstream::client::Client;
use tokio::task::JoinSet;

const SOON: Duration = Duration::from_secs(5);
const KEY: &str = "GET shop.example/api/items#gzip";

on_all_stores! {
    one_leads_and_those_who_wait_get_what_it_stores,
    a_lease_that_runs_out_makes_one_other_lead,
    a_released_lease_makes_one_other_lead_or_lets_all_pass,
    what_may_be_served_fresh_needs_no_lease,
    a_stale_entry_is_fetched_anew_by_one,
    what_is_stored_anew_ends_a_wait_even_if_it_is_stale,
    nobody_waits_longer_than_asked_or_after_going_away,
    leases_are_taken_and_released_by_name,
    wrong_leases_are_told_what_is_wrong,
    without_a_lease_nothing_changes,
    whoever_has_not_heard_the_answer_can_release_what_it_has_asked_for,
}

fn fresh(position: Position) -> Entry {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    Entry { response_time_ms: u64::try_from(now).unwrap(), ..entry(KEY, position, &["t"]) }
}

async fn ask_at(client: &Client, lease_ms: u64, wait_ms: Option<u64>) -> Response<Bytes> {
    let (lease_ms, wait_ms) = (lease_ms.to_string(), wait_ms.map(|wait_ms| wait_ms.to_string()));
    let mut headers = vec![(names::KEY_HEADER, KEY), (names::LEASE_MS_HEADER, lease_ms.as_str())];
    headers.extend(wait_ms.as_deref().map(|wait_ms| (names::WAIT_MS_HEADER, wait_ms)));
    client.send(Method::GET, names::RESPONSES_PATH, &headers, "").await.unwrap()
}

async fn ask(companion: &Companion, lease_ms: u64) -> Response<Bytes> {
    ask_at(&companion.client, lease_ms, None).await
}

fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn fetch(answer: &Response<Bytes>) -> &str {
    header(answer, names::FETCH_HEADER)
}

/// The lease of an answer that has one.
fn lease(answer: &Response<Bytes>) -> String {
    assert_eq!(fetch(answer), names::FETCH_LEAD, "{answer:?}");
    let lease = header(answer, names::LEASE_HEADER);
    assert!(lease.len() == 16 && lease.bytes().all(|byte| byte.is_ascii_hexdigit()), "{lease}");
    lease.to_owned()
}

fn position(answer: &Response<Bytes>) -> Position {
    header(answer, names::POSITION_HEADER).parse().unwrap()
}

async fn store(companion: &Companion, entry: &Entry, lease: &str) {
    let headers = [(names::KEY_HEADER, KEY), (names::TTL_HEADER, "60000"), (names::LEASE_HEADER, lease)];
    let answer = companion.send(Method::PUT, names::RESPONSES_PATH, &headers, entry.encode()).await;
    assert_eq!(answer.status(), 204);
}

async fn release(companion: &Companion, lease: &str, pass_ms: Option<&str>) {
    let mut headers = vec![(names::KEY_HEADER, KEY), (names::LEASE_HEADER, lease)];
    headers.extend(pass_ms.map(|pass_ms| (names::PASS_MS_HEADER, pass_ms)));
    let answer = companion.send(Method::DELETE, names::LEASES_PATH, &headers, "").await;
    assert_eq!(answer.status(), 204);
}

/// Asks this often at once, alternating between the companions.
async fn crowd(
    companions: &[&Companion],
    size: usize,
    lease_ms: u64,
    wait_ms: Option<u64>,
) -> JoinSet<Response<Bytes>> {
    let mut crowd = JoinSet::new();
    for number in 0..size {
        let client = companions[number % companions.len()].client.clone();
        crowd.spawn(async move { ask_at(&client, lease_ms, wait_ms).await });
    }
    if wait_ms.is_some() {
        within(SOON, "all wait", async || {
            let mut waiting = 0.0;
            for companion in companions {
                waiting += companion.metric("slipstream_lease_waiters").await;
            }
            waiting as usize >= size
        })
        .await;
    }
    crowd
}

fn count(answers: &[Response<Bytes>], how: &str) -> usize {
    answers.iter().filter(|answer| fetch(answer) == how).count()
}

async fn two_hundred_ask(one: &Companion, two: &Companion) {
    let answers = crowd(&[one, two], 200, 30_000, None).await.join_all().await;
    assert_eq!((count(&answers, "lead"), count(&answers, "wait")), (1, 199));
    let leader = answers.iter().find(|answer| fetch(answer) == "lead").unwrap();
    let waiting = crowd(&[one, two], 199, 30_000, Some(30_000)).await;
    let start = Instant::now();
    let stored = fresh(position(leader));
    store(two, &stored, &lease(leader)).await;
    for answer in waiting.join_all().await {
        assert_eq!((answer.status().as_u16(), fetch(&answer)), (200, ""));
        assert_eq!(Entry::decode(answer.body()).unwrap(), stored);
        assert_eq!(position(&answer), stored.position);
    }
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    for companion in [one, two] {
        assert_eq!(companion.metric("slipstream_lease_waiters").await, 0.0);
    }
}

async fn one_leads_and_those_who_wait_get_what_it_stores(companion: Companion) {
    two_hundred_ask(&companion, &companion).await;
    for (outcome, counted) in
        [("lead", 1.0), ("wait", 199.0), ("pass", 0.0), ("expired", 0.0), ("error", 0.0)]
    {
        let line = format!(r#"slipstream_leases_total{{outcome="{outcome}"}}"#);
        assert_eq!(companion.metric(&line).await, counted, "{outcome}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn companions_on_one_redis_share_leases() {
    let redis = Redis::start(&[]);
    let (one, two) = (Companion::on(&redis).await, Companion::on(&redis).await);
    two_hundred_ask(&one, &two).await;
}

async fn a_lease_that_runs_out_makes_one_other_lead(companion: Companion) {
    lease(&ask(&companion, 700).await);
    let start = Instant::now();
    let mut waiting = crowd(&[&companion], 20, 30_000, Some(30_000)).await;
    let first = waiting.join_next().await.unwrap().unwrap();
    assert!(start.elapsed() < SOON && first.status() == 404);
    let leads = lease(&first);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(waiting.try_join_next().is_none(), "the others go on waiting");
    assert_eq!(companion.metric(r#"slipstream_leases_total{outcome="expired"}"#).await, 1.0);
    store(&companion, &fresh(position(&first)), &leads).await;
    assert!(waiting.join_all().await.iter().all(|answer| answer.status() == 200 && fetch(answer).is_empty()));
}

async fn a_released_lease_makes_one_other_lead_or_lets_all_pass(companion: Companion) {
    let first = lease(&ask(&companion, 30_000).await);
    let mut waiting = crowd(&[&companion], 20, 30_000, Some(30_000)).await;
    release(&companion, "0123456789abcdef", Some("1000")).await;
    release(&companion, "pass", None).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(waiting.try_join_next().is_none(), "another's release changes nothing");
    release(&companion, &first, None).await;
    let second = lease(&waiting.join_next().await.unwrap().unwrap());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(waiting.try_join_next().is_none(), "the others go on waiting");
    assert_eq!(companion.metric(r#"slipstream_leases_total{outcome="expired"}"#).await, 0.0);
    release(&companion, &second, Some("700")).await;
    assert_eq!(count(&waiting.join_all().await, "pass"), 19);
    assert_eq!(fetch(&ask(&companion, 1_000).await), "pass");
    assert_eq!(fetch(&ask_at(&companion.client, 1_000, Some(30_000)).await), "pass", "at once");
    tokio::time::sleep(Duration::from_millis(750)).await;
    lease(&ask(&companion, 1_000).await);
}

async fn what_may_be_served_fresh_needs_no_lease(companion: Companion) {
    let leads = ask(&companion, 30_000).await;
    store(&companion, &fresh(position(&leads)), &lease(&leads)).await;
    for wait_ms in [None, Some(30_000)] {
        let answer = ask_at(&companion.client, 1_000, wait_ms).await;
        assert_eq!((answer.status().as_u16(), fetch(&answer)), (200, ""));
        assert!(!answer.headers().contains_key(names::LEASE_HEADER));
    }
}

async fn a_stale_entry_is_fetched_anew_by_one(companion: Companion) {
    let by_its_times = companion.fill(KEY, &["t"]).await;
    let leads = ask(&companion, 30_000).await;
    let id = lease(&leads);
    assert_eq!(Entry::decode(leads.body()).unwrap(), by_its_times);
    let next = ask(&companion, 30_000).await;
    assert_eq!((next.status().as_u16(), fetch(&next)), (200, "wait"));
    store(&companion, &fresh(position(&leads)), &id).await;
    assert_eq!(fetch(&ask(&companion, 30_000).await), "");
    companion.purge(r#"{"tags":["t"],"soft":true}"#).await;
    let leads = ask(&companion, 30_000).await;
    assert_eq!((leads.status().as_u16(), header(&leads, names::STALE_HEADER)), (200, "1"));
    lease(&leads);
    assert_eq!(fetch(&ask(&companion, 30_000).await), "wait");
}

async fn what_is_stored_anew_ends_a_wait_even_if_it_is_stale(companion: Companion) {
    let earlier = companion.fill(KEY, &["t"]).await;
    let leads = lease(&ask(&companion, 30_000).await);
    let waiting = crowd(&[&companion], 5, 30_000, Some(30_000)).await;
    let again = Entry { status: 203, ..earlier };
    store(&companion, &again, &leads).await;
    for answer in waiting.join_all().await {
        assert_eq!((answer.status().as_u16(), fetch(&answer)), (200, ""));
        assert_eq!(Entry::decode(answer.body()).unwrap(), again);
    }
}

async fn nobody_waits_longer_than_asked_or_after_going_away(companion: Companion) {
    lease(&ask(&companion, 30_000).await);
    let start = Instant::now();
    let answer = ask_at(&companion.client, 30_000, Some(300)).await;
    assert_eq!((answer.status().as_u16(), fetch(&answer)), (404, "pass"));
    assert!((300..5_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    position(&answer);

    let mut waiting = crowd(&[&companion], 10, 30_000, Some(30_000)).await;
    waiting.abort_all();
    within(SOON, "nobody waits", async || companion.metric("slipstream_lease_waiters").await < 0.5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_lets_those_who_wait_go() {
    let companion = Companion::start(|_| {}).await;
    lease(&ask(&companion, 30_000).await);
    let waiting = crowd(&[&companion], 3, 30_000, Some(30_000)).await;
    let start = Instant::now();
    companion.stop().await;
    assert_eq!(count(&waiting.join_all().await, "pass"), 3);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

async fn leases_are_taken_and_released_by_name(companion: Companion) {
    let take = async || {
        let headers = [(names::KEY_HEADER, KEY), (names::LEASE_MS_HEADER, "30000")];
        companion.send(Method::POST, names::LEASES_PATH, &headers, "").await
    };
    let answer = take().await;
    assert_eq!(answer.status(), 200);
    let LeaseGrant { lease: id } = serde_json::from_slice(answer.body()).unwrap();
    let held = take().await;
    assert_eq!(held.status(), 409);
    assert!(serde_json::from_slice::<ErrorBody>(held.body()).unwrap().error.contains("another holds"));
    assert_eq!(fetch(&ask(&companion, 30_000).await), "wait");
    let (position, _) = companion.lookup(KEY).await;
    // A store that is refused releases it too.
    let foreign = Position { epoch: position.epoch ^ 1, ..position };
    let headers = [(names::KEY_HEADER, KEY), (names::TTL_HEADER, "1000"), (names::LEASE_HEADER, &id)];
    let refused = companion.send(Method::PUT, names::RESPONSES_PATH, &headers, fresh(foreign).encode()).await;
    assert_eq!(refused.status(), 409);
    let again = lease(&ask(&companion, 30_000).await);
    release(&companion, &again, Some("30000")).await;
    assert_eq!(take().await.status(), 409, "nobody gets it while all pass");
}

async fn wrong_leases_are_told_what_is_wrong(companion: Companion) {
    const LEASE: &str = names::LEASE_MS_HEADER;
    const WAIT: &str = names::WAIT_MS_HEADER;
    let key = (names::KEY_HEADER, KEY);
    for (method, path, headers, complaint) in [
        (
            Method::GET,
            names::RESPONSES_PATH,
            vec![key, (LEASE, "0")],
            "slipstream-lease-ms is \"0\", expected milliseconds from 1 to 60000",
        ),
        (Method::GET, names::RESPONSES_PATH, vec![key, (LEASE, "60001")], "slipstream-lease-ms is \"60001\""),
        (
            Method::GET,
            names::RESPONSES_PATH,
            vec![key, (LEASE, "1"), (WAIT, "x")],
            "slipstream-wait-ms is \"x\"",
        ),
        (
            Method::GET,
            names::RESPONSES_PATH,
            vec![key, (WAIT, "1")],
            "slipstream-wait-ms needs the header slipstream-lease-ms",
        ),
        (
            Method::GET,
            names::RESPONSES_PATH,
            vec![key, (LEASE, "1"), (names::LEASE_HEADER, "mine")],
            "slipstream-lease is \"mine\", expected 16 hexadecimal digits",
        ),
        (Method::POST, names::LEASES_PATH, vec![key], "slipstream-lease-ms is missing"),
        (Method::POST, names::LEASES_PATH, vec![(LEASE, "1")], "slipstream-key is missing"),
        (Method::DELETE, names::LEASES_PATH, vec![key], "slipstream-lease is missing"),
        (
            Method::DELETE,
            names::LEASES_PATH,
            vec![key, (names::LEASE_HEADER, "0123456789abcdef"), (names::PASS_MS_HEADER, "60001")],
            "slipstream-pass-ms is \"60001\"",
        ),
    ] {
        let answer = companion.send(method, path, &headers, "").await;
        assert_eq!(answer.status(), 400, "{headers:?}");
        let error = serde_json::from_slice::<ErrorBody>(answer.body()).unwrap().error;
        assert!(error.contains(complaint), "{error:?} lacks {complaint:?}");
    }
}

async fn whoever_has_not_heard_the_answer_can_release_what_it_has_asked_for(companion: Companion) {
    const MINE: &str = "00000000000000a7";
    let headers = [(names::KEY_HEADER, KEY), (names::LEASE_MS_HEADER, "30000"), (names::LEASE_HEADER, MINE)];
    let claim = async || companion.send(Method::GET, names::RESPONSES_PATH, &headers, "").await;
    assert_eq!(lease(&claim().await), MINE);
    assert_eq!(lease(&claim().await), MINE, "asked again, it is still its own");
    assert_eq!(fetch(&ask(&companion, 30_000).await), "wait");
    release(&companion, MINE, None).await;
    let waiting = [headers.as_slice(), &[(names::WAIT_MS_HEADER, "30000")]].concat();
    let answer = companion.send(Method::GET, names::RESPONSES_PATH, &waiting, "").await;
    assert_eq!(lease(&answer), MINE, "so is what falls to who waits");
}

async fn without_a_lease_nothing_changes(companion: Companion) {
    lease(&ask(&companion, 30_000).await);
    let answer = companion.raw_lookup(KEY).await;
    assert_eq!((answer.status().as_u16(), fetch(&answer)), (404, ""));
    companion.fill(KEY, &[]).await;
    assert_eq!(fetch(&ask(&companion, 30_000).await), "wait", "a store without the lease leaves it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_goes_away_keeps_nobody_waiting() {
    let mut redis = Redis::start(&[]);
    let companion = Companion::on(&redis).await;
    lease(&ask(&companion, 30_000).await);
    let waiting = crowd(&[&companion], 10, 30_000, Some(30_000)).await;
    let start = Instant::now();
    redis.kill();
    for answer in waiting.join_all().await {
        assert_eq!(answer.status(), 503);
    }
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert!(companion.metric(r#"slipstream_leases_total{outcome="error"}"#).await > 0.5);
    let headers = [(names::KEY_HEADER, KEY), (names::LEASE_MS_HEADER, "1000")];
    let answer = companion.send(Method::POST, names::LEASES_PATH, &headers, "").await;
    assert_eq!(answer.status(), 200, "what refreshes in the background goes on");
    let headers = [(names::KEY_HEADER, KEY), (names::LEASE_HEADER, "0123456789abcdef")];
    let answer = companion.send(Method::DELETE, names::LEASES_PATH, &headers, "").await;
    assert_eq!(answer.status(), 503, "and a release is to be sent again");
}
