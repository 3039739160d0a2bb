//! The HTTP interface behaves alike on all stores.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[macro_use]
mod common;

use std::time::{Duration, Instant};

use cache_protocol::{ErrorBody, PollAnswer, names};
use common::{Companion, entry, within};
use hyper::Method;
use invalidation::{Position, Record, Target};
use tokio::io::AsyncWriteExt;

on_all_stores! {
    stores_and_finds,
    an_entry_ends_with_its_time_to_live,
    a_purge_hits_what_it_names,
    a_late_store_is_refused,
    a_soft_purge_leaves_what_it_hits_as_stale,
    a_store_of_another_epoch_is_refused,
    followers_read_the_log,
    a_follower_that_is_not_told_all_gets_no_lease,
    a_purge_waits_for_its_followers,
    a_disconnected_caller_does_not_undo_a_purge,
    bad_requests_are_told_what_is_wrong,
    operators_see_what_happened,
}

const KEY: &str = "GET shop.example/api/items?page=2#gzip";

async fn stores_and_finds(companion: Companion) {
    let (position, found) = companion.lookup(KEY).await;
    assert_eq!((position.seq, found), (0, None));
    let stored = companion.fill(KEY, &["items"]).await;
    assert_eq!(companion.lookup(KEY).await, (position, Some(stored)));
    assert!(!companion.has("GET shop.example/api/items?page=2#identity").await);
    let answer = companion.raw_lookup(KEY).await;
    assert_eq!(answer.headers()["content-type"], names::ENVELOPE_MEDIA_TYPE);
    let second = entry(KEY, position, &[]);
    assert_eq!(companion.put(KEY, "60000", second.encode()).await.status(), 204);
    assert_eq!(companion.lookup(KEY).await.1, Some(second));
}

async fn an_entry_ends_with_its_time_to_live(companion: Companion) {
    let (position, _) = companion.lookup(KEY).await;
    assert_eq!(companion.put(KEY, "700", entry(KEY, position, &[]).encode()).await.status(), 204);
    assert!(companion.has(KEY).await);
    tokio::time::sleep(Duration::from_millis(750)).await;
    assert!(!companion.has(KEY).await);
}

async fn a_purge_hits_what_it_names(companion: Companion) {
    let entries = [
        ("GET a.example/x#gzip", &["x"][..]),
        ("GET a.example/x#identity", &["x"]),
        ("GET a.example/xy#gzip", &["y", "both", "path:a.example/paths"]),
        ("GET b.example/x#gzip", &["both", "path:*/any-host"]),
    ];
    for (request, left) in [
        (r#"{"keys":["GET a.example/x"]}"#, [false, false, true, true]),
        (r#"{"tags":["both"]}"#, [true, true, false, false]),
        (r#"{"tags":["x","y"]}"#, [false, false, false, true]),
        (r#"{"prefixes":["GET a.example/"]}"#, [false, false, false, true]),
        (r#"{"prefixes":["GET a.example/x#"]}"#, [false, false, true, true]),
        (r#"{"keys":["GET b.example/x"],"tags":["y"]}"#, [true, true, false, false]),
        (r#"{"globs":["GET *.example/x"]}"#, [false, false, true, false]),
        (r#"{"globs":["GET a.*y","*b.e*/*"]}"#, [true, true, false, false]),
        (r#"{"globs":["GET a.example/?"]}"#, [true, true, true, true]),
        (r#"{"urls":["https://A.example:443/x#top","b.example/x"]}"#, [false, false, true, false]),
        // The one whose key leaves out the query.
        (r#"{"urls":["http://a.example/paths?q=1"]}"#, [true, true, false, true]),
        (r#"{"keys":["GET a.example/any-host?q=1"]}"#, [true, true, true, false]),
        (r#"{"tags":["none"]}"#, [true, true, true, true]),
        (r#"{"all":true}"#, [false, false, false, false]),
    ] {
        for (key, tags) in entries {
            companion.fill(key, tags).await;
        }
        companion.purge(request).await;
        for ((key, _), left) in entries.into_iter().zip(left) {
            assert_eq!(companion.has(key).await, left, "{key} after {request}");
        }
    }
}

async fn a_late_store_is_refused(companion: Companion) {
    let key = |number: usize| format!("GET a.example/{number}#gzip");
    let (before, _) = companion.lookup(&key(0)).await;
    for (number, (request, tags)) in [
        (r#"{"keys":["GET a.example/0"]}"#, &[][..]),
        (r#"{"tags":["late"]}"#, &["other", "late"]),
        (r#"{"prefixes":["GET a.example/2"]}"#, &[]),
        (r#"{"globs":["GET *.example/3"]}"#, &[]),
        (r#"{"urls":["http://a.example/4"]}"#, &[]),
        (r#"{"urls":["http://a.example/path?q=1"]}"#, &["path:a.example/path"]),
        (r#"{"urls":["http://a.example/path?q=1"]}"#, &["path:*/path"]),
    ]
    .into_iter()
    .enumerate()
    {
        companion.purge(request).await;
        let late = entry(&key(number), before, tags).encode();
        let answer = companion.put(&key(number), "60000", late).await;
        assert_eq!(answer.status(), 409, "after {request}");
        assert!(!companion.has(&key(number)).await);
    }
    let unharmed = entry(&key(7), before, &["quiet"]).encode();
    assert_eq!(companion.put(&key(7), "60000", unharmed).await.status(), 204);
    companion.purge(r#"{"all":true}"#).await;
    assert_eq!(companion.put(&key(8), "60000", entry(&key(8), before, &[]).encode()).await.status(), 409);
}

async fn a_soft_purge_leaves_what_it_hits_as_stale(companion: Companion) {
    const OTHER: &str = "GET shop.example/other#gzip";
    for request in [
        r#"{"soft":true,"tags":["t"]}"#,
        r#"{"soft":true,"keys":["GET shop.example/api/items?page=2"]}"#,
        r#"{"soft":true,"prefixes":["GET shop.example/api"]}"#,
        r#"{"soft":true,"all":true}"#,
    ] {
        let early = companion.lookup(KEY).await.0;
        let stored = companion.fill(KEY, &["t"]).await;
        companion.fill(OTHER, &["u"]).await;
        let is_stale = async |key| {
            let answer = companion.raw_lookup(key).await;
            assert_eq!(answer.status(), 200, "{key} after {request}");
            answer.headers().get(names::STALE_HEADER).map(|value| value == "1")
        };
        assert_eq!(is_stale(KEY).await, None);
        let ack = companion.purge(request).await;
        assert_eq!(is_stale(KEY).await, Some(true), "after {request}");
        assert_eq!(is_stale(OTHER).await, request.contains("all").then_some(true), "after {request}");
        assert_eq!(companion.lookup(KEY).await, (ack.position, Some(stored.clone())));
        let late = companion.put(KEY, "60000", entry(KEY, early, &["t"]).encode()).await;
        assert_eq!(late.status(), 409, "after {request}");
        companion.fill(KEY, &["t"]).await;
        assert_eq!(is_stale(KEY).await, None, "stored anew");
    }
    companion.purge(r#"{"soft":true,"tags":["t"]}"#).await;
    companion.purge(r#"{"tags":["t"]}"#).await;
    assert!(!companion.has(KEY).await, "a hard purge wins");
    companion.fill(KEY, &["t"]).await;
    companion.purge(r#"{"soft":true,"tags":["t"]}"#).await;
    companion.raw_lookup(KEY).await;
    let stats: serde_json::Value =
        serde_json::from_slice(companion.get(names::STATS_PATH).await.body()).unwrap();
    assert!(stats["stale"].as_u64().unwrap() >= 9, "{stats}");
    let page = companion.poll("f", None, 0).await;
    let before = Position { seq: page.position.seq - 1, ..page.position };
    let page = companion.poll("f", Some(before), 0).await;
    assert!(page.records[0].soft, "followers are told: {page:?}");
}

async fn a_store_of_another_epoch_is_refused(companion: Companion) {
    let (position, _) = companion.lookup(KEY).await;
    for foreign in [
        Position { epoch: position.epoch ^ 1, seq: position.seq },
        // From ahead of the log: nobody can have read that.
        Position { epoch: position.epoch, seq: position.seq + 1 },
    ] {
        let answer = companion.put(KEY, "60000", entry(KEY, foreign, &[]).encode()).await;
        assert_eq!(answer.status(), 409, "{foreign}");
        assert!(!companion.has(KEY).await);
    }
}

async fn followers_read_the_log(companion: Companion) {
    let page = companion.poll("f", None, 60_000).await;
    assert!(page.reset && page.records.is_empty());
    let start = page.position;

    let asked = Instant::now();
    let page = companion.poll("f", Some(start), 80).await;
    assert_eq!((page.reset, page.records, page.position), (false, vec![], start));
    assert!(asked.elapsed() >= Duration::from_millis(80));

    let polling = companion.poll("f", Some(start), 900);
    let purging = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        companion.try_purge(r#"{"tags":["t"]}"#).await
    };
    let (page, _) = tokio::join!(async { (polling.await, asked.elapsed()) }, purging);
    let (page, took) = page;
    assert!(took < Duration::from_millis(900), "a record ends the wait: {took:?}");
    assert_eq!(page.records, [Record { seq: start.seq + 1, target: Target::Tag("t".into()), soft: false }]);
    assert_eq!(page.position, Position { seq: start.seq + 1, ..start });

    let foreign = Position { epoch: start.epoch ^ 1, seq: 1 };
    assert!(companion.poll("f", Some(foreign), 0).await.reset);
    let capped = Instant::now();
    companion.poll("f", Some(page.position), 60_000).await;
    assert!(capped.elapsed() < Duration::from_secs(10), "no poll waits longer than a lease");
}

async fn a_follower_that_is_not_told_all_gets_no_lease(companion: Companion) {
    let start = companion.poll("f", None, 0).await.position;
    let tags: Vec<String> = (0..600).map(|number| format!("{number:01000}")).collect();
    companion.purge(&serde_json::json!({ "tags": tags }).to_string()).await;
    let (mut after, mut leases) = (start, Vec::new());
    while after.seq < start.seq + 600 {
        let path = format!("{}?follower=f&after={after}&wait_ms=0", names::INVALIDATIONS_PATH);
        let answer: PollAnswer = serde_json::from_slice(companion.get(&path).await.body()).unwrap();
        assert!(!answer.page.reset && answer.page.position.seq > after.seq);
        leases.push(answer.lease_ms);
        after = answer.page.position;
    }
    assert_eq!(leases, [0, 0, 1_000]);
}

async fn a_purge_waits_for_its_followers(companion: Companion) {
    let start = companion.poll("good", None, 0).await.position;
    companion.poll("silent", None, 0).await;
    let asked = Instant::now();
    let following = async {
        let mut position = start;
        loop {
            position = companion.poll("good", Some(position), 200).await.position;
        }
    };
    let ack = tokio::select! {
        ack = companion.purge(r#"{"tags":["t"]}"#) => ack,
        () = following => unreachable!("it follows for ever"),
    };
    assert_eq!((ack.confirmed, ack.expired), (1, 1));
    assert!(asked.elapsed() >= Duration::from_millis(900), "the silent one's lease is waited for");

    // Only one is left, and it confirms before its lease ends.
    let position = companion.poll("good", None, 0).await.position;
    let following = async {
        let next = companion.poll("good", Some(position), 900).await.position;
        companion.poll("good", Some(next), 50).await;
    };
    let (_, ack) = tokio::join!(following, companion.purge(r#"{"tags":["t"]}"#));
    assert_eq!((ack.confirmed, ack.expired), (1, 0));
}

async fn a_disconnected_caller_does_not_undo_a_purge(companion: Companion) {
    companion.fill(KEY, &["t"]).await;
    companion.poll("silent", None, 0).await;
    let (path, body) = (names::INVALIDATIONS_PATH, r#"{"tags":["t"]}"#);
    let request = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let address = companion.url.trim_start_matches("http://");
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    within(Duration::from_secs(5), "it is recorded", async || {
        companion.metric("slipstream_log_position").await > 0.5
    })
    .await;
    drop(connection);
    assert!(!companion.has(KEY).await);
    within(Duration::from_secs(5), "it is seen through", async || {
        companion.metric("slipstream_invalidation_ack_duration_seconds_count").await > 0.5
    })
    .await;
}

async fn bad_requests_are_told_what_is_wrong(companion: Companion) {
    const PATH: &str = names::RESPONSES_PATH;
    const LOG: &str = names::INVALIDATIONS_PATH;
    let (position, _) = companion.lookup(KEY).await;
    let good = entry(KEY, position, &[]).encode();
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let with = |key, ttl| vec![(names::KEY_HEADER, key), (names::TTL_HEADER, ttl)];
    let long = format!(r#"{{"tags":["{}"]}}"#, "x".repeat(9000));
    let huge = vec![b' '; (1 << 20) + 1];
    for (method, path, headers, body, status, complaint) in [
        (Method::GET, PATH, vec![], &b""[..], 400, "header slipstream-key is missing"),
        (Method::GET, PATH, vec![(names::KEY_HEADER, "")], b"", 400, "slipstream-key is empty"),
        (Method::PUT, PATH, vec![(names::TTL_HEADER, "1")], &good, 400, "slipstream-key is missing"),
        (Method::PUT, PATH, vec![(names::KEY_HEADER, KEY)], &good, 400, "slipstream-ttl-ms is missing"),
        (
            Method::PUT,
            PATH,
            with(KEY, "soon"),
            &good,
            400,
            "slipstream-ttl-ms is \"soon\", expected milliseconds",
        ),
        (Method::PUT, PATH, with(KEY, "0"), &good, 400, "expected milliseconds from 1 up"),
        (Method::PUT, PATH, with(KEY, "-1"), &good, 400, "expected milliseconds from 1 up"),
        (Method::PUT, PATH, with("GET other/#gzip", "1"), &good, 400, "the envelope's key"),
        (Method::PUT, PATH, with(KEY, "1"), &damaged, 400, "damaged envelope: checksum"),
        (Method::PUT, PATH, with(KEY, "1"), b"<html>", 400, "no envelope: starts with \"<htm\""),
        (Method::PUT, PATH, with(KEY, "1"), b"", 400, "no envelope"),
        (Method::PUT, PATH, with(KEY, "1"), &huge, 413, "larger than 1048576 bytes"),
        (Method::POST, LOG, vec![], b"{", 400, "EOF"),
        (Method::POST, LOG, vec![], b"{}", 400, "nothing to invalidate"),
        (Method::POST, LOG, vec![], br#"{"key":["a"]}"#, 400, "unknown field `key`"),
        (Method::POST, LOG, vec![], br#"{"keys":["a#gzip"]}"#, 400, "no primary key: expected no '#'"),
        (
            Method::POST,
            LOG,
            vec![],
            br#"{"globs":["a#gz*"]}"#,
            400,
            "no pattern of primary keys: expected no '#'",
        ),
        (Method::POST, LOG, vec![], br#"{"urls":["ftp://a/"]}"#, 400, "\"ftp://a/\" is no URL"),
        (Method::POST, LOG, vec![], long.as_bytes(), 400, "a tag of 9000 bytes, expected at most 8192"),
        (Method::POST, LOG, vec![], &huge, 413, "larger than"),
        (Method::GET, LOG, vec![], b"", 400, "follower"),
        (
            Method::GET,
            "/v1/invalidations?follower=",
            vec![],
            b"",
            400,
            "follower of 0 bytes, expected 1 to 128",
        ),
        (
            Method::GET,
            "/v1/invalidations?follower=f&after=7",
            vec![],
            b"",
            400,
            "after: \"7\" is no position",
        ),
        (Method::GET, "/v1/invalidations?follower=f&wait_ms=x", vec![], b"", 400, "wait_ms"),
        (Method::GET, "/v2", vec![], b"", 404, "no such path"),
        (Method::DELETE, PATH, vec![], b"", 405, "no such method"),
    ] {
        let answer = companion.send(method.clone(), path, &headers, body.to_vec()).await;
        let text = String::from_utf8_lossy(answer.body());
        let error = serde_json::from_slice::<ErrorBody>(answer.body()).map(|body| body.error);
        assert_eq!(answer.status(), status, "{method} {path} {headers:?}: {text}");
        assert!(error.is_ok_and(|error| error.contains(complaint)), "{text:?} lacks {complaint:?}");
    }
    assert!(!companion.has(KEY).await);
}

async fn operators_see_what_happened(companion: Companion) {
    let stats: serde_json::Value =
        serde_json::from_slice(companion.get(names::STATS_PATH).await.body()).unwrap();
    let store = stats["store"].as_str().unwrap().to_owned();
    companion.fill(KEY, &["t"]).await;
    assert!(companion.has(KEY).await);
    let late = companion.lookup(KEY).await.0;
    companion.purge(r#"{"tags":["t"],"keys":["k"]}"#).await;
    assert!(!companion.has(KEY).await);
    companion.put(KEY, "1000", entry(KEY, late, &["t"]).encode()).await;
    companion.poll("f", None, 0).await;

    let stats: serde_json::Value =
        serde_json::from_slice(companion.get(names::STATS_PATH).await.body()).unwrap();
    for (name, count) in [
        ("hits", 2),
        ("misses", 2),
        ("stores", 1),
        ("refusals", 1),
        ("errors", 0),
        ("invalidations", 2),
        ("followers", 1),
    ] {
        assert_eq!(stats[name], count, "{name} in {stats}");
    }
    // The purge may have removed the entry already.
    let [missed, invalidated] = ["miss", "invalidated"].map(|outcome| {
        format!(
            r#"slipstream_store_operations_total{{operation="lookup",outcome="{outcome}",store="{store}"}}"#
        )
    });
    assert_eq!(companion.metric(&missed).await + companion.metric(&invalidated).await, 2.0);
    let operation = |name, outcome| {
        format!(
            r#"slipstream_store_operations_total{{operation="{name}",outcome="{outcome}",store="{store}"}}"#
        )
    };
    for (line, value) in [
        (operation("lookup", "hit"), 2.0),
        (operation("store", "stored"), 1.0),
        (operation("store", "refused"), 1.0),
        (operation("invalidate", "recorded"), 1.0),
        (operation("lookup", "error"), 0.0),
        (
            format!(
                r#"slipstream_store_operation_duration_seconds_count{{operation="lookup",store="{store}"}}"#
            ),
            4.0,
        ),
        (r#"slipstream_invalidations_total{kind="tag"}"#.to_owned(), 1.0),
        (r#"slipstream_invalidations_total{kind="all"}"#.to_owned(), 0.0),
        ("slipstream_followers".to_owned(), 1.0),
        ("slipstream_log_position".to_owned(), 2.0),
        ("slipstream_invalidation_ack_duration_seconds_count".to_owned(), 1.0),
        (format!(r#"slipstream_build_info{{version="{}"}}"#, env!("CARGO_PKG_VERSION")), 1.0),
    ] {
        assert_eq!(companion.metric(&line).await, value, "{line}");
    }
    assert_eq!((companion.status("/healthz").await, companion.status("/readyz").await), (200, 200));
}

#[tokio::test]
async fn stopping_answers_long_polls_at_once() {
    let companion = Companion::start(|config| config.invalidation.lease_ms = 20_000).await;
    let position = companion.poll("f", None, 0).await.position;
    let client = companion.client.clone();
    let path = format!("{}?follower=f&after={position}&wait_ms=15000", names::INVALIDATIONS_PATH);
    let polling = tokio::spawn(async move { client.send(Method::GET, &path, &[], "").await.unwrap() });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let url = companion.url.clone();
    let start = Instant::now();
    companion.stop().await;
    assert_eq!(polling.await.unwrap().status(), 200);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    within(Duration::from_secs(1), "nobody listens any more", async || {
        tokio::net::TcpStream::connect(url.trim_start_matches("http://")).await.is_err()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_asked_for_where_one_is_set() {
    let with_token =
        slipstream::config::Config::load_with(None, [("SLIPSTREAM_TOKEN".into(), "open-sesame".into())]);
    let token = with_token.unwrap().token;
    let companion = Companion::start(|config| config.token = token).await;
    companion.fill(KEY, &[]).await;
    assert!(companion.has(KEY).await, "the right one opens");
    for (given, path) in [
        (None, "/v1/stats"),
        (None, "/v1/responses"),
        (None, "/v1/invalidations?follower=f"),
        (Some("Bearer open-sesam"), "/v1/stats"),
        (Some("Bearer open-sesamf"), "/v1/stats"),
        (Some("Bearer "), "/v1/stats"),
        (Some("Basic open-sesame"), "/v1/stats"),
        (Some("open-sesame"), "/v1/stats"),
    ] {
        let client = slipstream::client::Client::new(&companion.url, "").unwrap();
        let headers: Vec<_> = given.iter().map(|given| ("authorization", *given)).collect();
        let answer = client.send(Method::GET, path, &headers, "").await.unwrap();
        assert_eq!(answer.status(), 401, "{given:?} {path}");
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        assert!(String::from_utf8_lossy(answer.body()).contains("setting token"));
    }
    let client = slipstream::client::Client::new(&companion.url, "").unwrap();
    for open in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(client.send(Method::GET, open, &[], "").await.unwrap().status(), 200, "{open}");
    }
    let lower_case = [("authorization", "bearer open-sesame")];
    assert_eq!(client.send(Method::GET, "/v1/stats", &lower_case, "").await.unwrap().status(), 200);
}
