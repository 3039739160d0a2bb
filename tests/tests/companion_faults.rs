//! A companion that is down, slow or talks nonsense costs time, but never an answer, and never a wrong one.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cache_protocol::Entry;
use e2e::{Metrics, Setup, assert_text, is_hit, is_miss, miss, wait_for, x_cache};
use testbed::{Answer, Body, Client, FrontProxy, Origin, Question, Request, ports};

/// Answers with what was asked for.
fn echo(question: &Question) -> Answer {
    Answer::json(question.target.clone())
}

/// What a busy machine may add to any request.
const SLACK: Duration = Duration::from_secs(4);

/// Asks for `count` things in turn: each is served by the service, without much ado.
fn assert_all_are_served(front: &FrontProxy, client: &Client, count: usize) {
    for number in 0..count {
        let path = format!("/api/items?{number}");
        let start = Instant::now();
        assert_text(&miss(client.get(front.url(&path))), 200, &path);
        assert!(start.elapsed() < SLACK, "{:?}", start.elapsed());
    }
}

#[test]
fn without_a_companion_everything_is_served() {
    let origin = Origin::start(echo).unwrap();
    let front = Setup::uncompressed().front(origin.port(), ports::free()).unwrap();
    let client = Client::new();
    assert_all_are_served(&front, &client, 20);
    wait_for("the lookups to be counted", || {
        let lookups =
            |outcome| Metrics::of(&front).sum("slipstream_cache_lookups_total", &[("outcome", outcome)]);
        // After five failures the breaker lets one in a second through.
        lookups("failed") >= 5.0
            && lookups("skipped") >= 5.0
            && lookups("failed") + lookups("skipped") == 20.0
    });
    let post = Request::post_json(front.url("/api/items"), &serde_json::json!({}));
    assert_text(&client.send(post).unwrap(), 200, "/api/items");
}

#[test]
fn a_companion_that_dies_and_comes_back() {
    let version = Arc::new(AtomicU64::new(1));
    let at_origin = version.clone();
    let mut proxy = Setup::uncompressed().start(move |question| {
        if question.method == "POST" {
            at_origin.fetch_add(1, Ordering::SeqCst);
        }
        Answer::json(at_origin.load(Ordering::SeqCst).to_string())
    });
    for round in 1..=2 {
        wait_for("hits", || is_hit(&proxy.get("/api/items")));
        proxy.kill_companion();
        for _ in 0..10 {
            assert_text(&proxy.get("/api/items"), 200, &round.to_string());
        }
        // Nobody can be told of the write, so nothing may be served from a cache until somebody was.
        let start = Instant::now();
        assert_eq!(proxy.post("/api/items").status, 200);
        assert!(start.elapsed() < SLACK + Duration::from_millis(2_000), "{:?}", start.elapsed());
        let expected = (round + 1).to_string();
        for _ in 0..10 {
            let response = proxy.get("/api/items");
            assert_text(&response, 200, &expected);
            assert_eq!(x_cache(&response), "BYPASS");
        }
        proxy.start_companion();
        wait_for("hits again", || {
            let response = proxy.get("/api/items");
            assert_text(&response, 200, &expected);
            is_hit(&response)
        });
    }
}

#[test]
fn a_frozen_companion_costs_a_time_out_and_soon_nothing() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    let mut proxy = Setup::uncompressed().lookup_timeout_ms(300).start(echo);
    wait_for("hits", || is_hit(&proxy.get("/api/items")));
    proxy.companion.process().pause();
    let times: Vec<Duration> = (0..40)
        .map(|number| {
            let path = format!("/api/items?{number}");
            let start = Instant::now();
            assert_text(&miss(proxy.get(&path)), 200, &path);
            start.elapsed()
        })
        .collect();
    let slowest = times.iter().max().unwrap();
    assert!((TIMEOUT.mul_f64(0.9)..TIMEOUT + SLACK).contains(slowest), "{times:?}");
    wait_for("the lookups to be counted", || {
        let lookups =
            |outcome| proxy.metrics().sum("slipstream_cache_lookups_total", &[("outcome", outcome)]);
        let (failed, skipped) = (lookups("failed"), lookups("skipped"));
        // Five wait, then one in a second does: on a busy machine, that may be many. Some may have failed before the freeze.
        failed >= 5.0 && skipped >= 5.0 && failed + skipped >= 40.0
    });
    proxy.companion.process().resume();
    wait_for("hits again", || is_hit(&proxy.get("/api/items")));
    wait_for("hits from the companion again", || is_hit(&proxy.get("/api/items?new")));
}

/// An entry as it is stored, for this full key, so long from now.
fn envelope(key: &str, ahead: Duration) -> Vec<u8> {
    let stored = SystemTime::now() + ahead;
    let position = "00000000000000aa:1".parse().unwrap();
    Entry {
        key: key.to_owned(),
        position,
        response_time_ms: stored.duration_since(UNIX_EPOCH).unwrap().as_millis() as u64,
        initial_age_ms: 0,
        freshness_lifetime_ms: 60_000,
        status: 200,
        tags: Vec::new(),
        headers: vec![(b"content-type".to_vec(), b"text/plain".to_vec())],
        body: b"from the companion".to_vec(),
    }
    .encode()
}

/// What the shipped configuration says of the companion's protocol; the fakes of these tests speak HTTP/1.1.
const HTTP_2: &str = "http2_protocol_options:
              # Notices a companion whose machine has gone without a word.
              connection_keepalive: { interval: 5s, timeout: 2s }";

/// What a companion gone mad answers.
const MADNESS: [&str; 12] = [
    "html",
    "nothing found, no position",
    "nothing found, wrong position",
    "no envelope",
    "truncated",
    "flipped",
    "another key",
    "from the future",
    "huge",
    "error",
    "cut off",
    "drip",
];

fn mad(mode: &str, question: &Question) -> Answer {
    let key = question.header("slipstream-key").unwrap_or_default();
    let good = envelope(&key, Duration::ZERO);
    let answer = |body: Vec<u8>| Answer::new(200, body).header("slipstream-position", "00000000000000aa:1");
    match mode {
        "html" => Answer::new(200, "<html>Welcome</html>").header("content-type", "text/html"),
        "nothing found, no position" => Answer::new(404, "{}"),
        "nothing found, wrong position" => Answer::new(404, "{}").header("slipstream-position", "\u{e4}:-1"),
        "no envelope" => answer(Vec::new()),
        "truncated" => answer(good[..good.len() - 5].to_vec()),
        "flipped" => {
            let mut bytes = good;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            answer(bytes)
        }
        "another key" => answer(envelope("GET other.example/#identity:", Duration::ZERO)),
        "from the future" => answer(envelope(&key, Duration::from_secs(3600))),
        "huge" => answer(vec![b'{'; 5 << 20]),
        "error" => Answer::new(500, "{\"error\": \"out of order\"}"),
        "cut off" => answer(Vec::new()).body(Body::CutOff(good.len() + 100, good)),
        "drip" => answer(good).chunked(1, Duration::from_millis(20)),
        _ => answer(good),
    }
}

#[test]
fn a_companion_that_talks_nonsense_is_not_believed() {
    let mode = Arc::new(Mutex::new("sane"));
    let asked = Arc::new(AtomicUsize::new(0));
    let (mode_there, asked_there) = (mode.clone(), asked.clone());
    let companion = Origin::start(move |question| {
        if question.path() == "/v1/responses" && question.method == "GET" {
            asked_there.fetch_add(1, Ordering::SeqCst);
        }
        let mode = *mode_there.lock().unwrap();
        mad(mode, question)
    })
    .unwrap();
    let origin = Origin::start(echo).unwrap();
    let setup = Setup::uncompressed()
        .lookup_timeout_ms(400)
        .edit(
            "lookup_timeout_ms: 100",
            "lookup_timeout_ms: 400\n                              breaker_failures: 1000000",
        )
        .edit(HTTP_2, "http_protocol_options: {}");
    let front = setup.front(origin.port(), companion.port()).unwrap();
    let client = Client::new();
    wait_for("the fake to be believed when it is sane", || {
        client.get(front.url("/api/items?sane")).text() == "from the companion"
    });
    for now in MADNESS {
        *mode.lock().unwrap() = now;
        let asked_before = asked.load(Ordering::SeqCst);
        for number in 0..3 {
            let path = format!("/api/items?{}{number}", now.replace(' ', "-"));
            let start = Instant::now();
            let response = client.get(front.url(&path));
            assert!(is_miss(&response), "{now} was believed: {response:?}");
            assert_text(&response, 200, &path);
            assert!(start.elapsed() < SLACK, "{now}: {:?}", start.elapsed());
        }
        assert_eq!(asked.load(Ordering::SeqCst), asked_before + 3, "{now}");
    }
    for now in MADNESS {
        *mode.lock().unwrap() = now;
        let post = Request::post_json(front.url("/api/items"), &serde_json::json!({}));
        let start = Instant::now();
        assert_text(&client.send(post).unwrap(), 200, "/api/items");
        assert!(start.elapsed() < SLACK + Duration::from_millis(2_000), "{now}: {:?}", start.elapsed());
    }
    assert!(!front.envoy.log().contains("[critical]"), "{}", front.envoy.log());
}

#[test]
fn what_does_not_speak_http_2_costs_hits_and_nothing_else() {
    let not_a_companion = Origin::start(|_| Answer::new(200, "hello")).unwrap();
    let origin = Origin::start(echo).unwrap();
    let front = Setup::uncompressed().front(origin.port(), not_a_companion.port()).unwrap();
    let client = Client::new();
    assert_all_are_served(&front, &client, 10);
    wait_for("the lookups to be counted", || {
        Metrics::of(&front).sum("slipstream_cache_lookups_total", &[("outcome", "failed")]) >= 5.0
    });
}

#[test]
fn a_companion_that_speaks_http_1_only_is_enough() {
    let proxy = Setup::uncompressed().edit(HTTP_2, "http_protocol_options: {}").start(echo);
    wait_for("hits", || is_hit(&proxy.get("/api/items")));
}

#[test]
fn a_companion_with_a_token_serves_those_who_know_it() {
    let cluster = "cluster: slipstream-companion\n";
    let filter_knows = |token: &str| format!("{cluster}                              token: {token}\n");
    let with_token = || Setup::uncompressed().companion_token("open-sesame");
    let proxy = with_token().edit(cluster, filter_knows("open-sesame")).start(echo);
    assert_text(&miss(proxy.get("/api/items")), 200, "/api/items");
    wait_for("hits", || is_hit(&proxy.get("/api/items")));

    let other = with_token().edit(cluster, filter_knows("open-barley"));
    let front = other.front(proxy.origin.port(), proxy.companion.port()).unwrap();
    let client = Client::new();
    for _ in 0..8 {
        assert_text(&miss(client.get(front.url("/api/items"))), 200, "/api/items");
    }
    wait_for("the refusals to be counted", || {
        Metrics::of(&front).sum("slipstream_cache_lookups_total", &[("outcome", "failed")]) >= 5.0
    });
}
