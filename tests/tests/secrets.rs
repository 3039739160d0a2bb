//! What must not be known is in no log, no metric and no error, whatever happens.

use std::fs;

use e2e::{Metrics, Setup, is_hit, wait_for};
use testbed::{Answer, Client, Redis, RedisOptions, Request};

/// Each with a part that is found wherever it is written.
const TOKEN: &str = "tok-5ecret-companion";
const REDIS: &str = "pas-5ecret-redis";
const DATABASE: &str = "pas-5ecret-database";
const CONSOLE: &str = "pas-5ecret-console";
const CHAT: &str = "key-5ecret-chat";
const EMBEDDER: &str = "key-5ecret-embedder";
const WRONG: &str = "tok-5ecret-wrong";
const CLIENT: &str = "cli-5ecret-credentials";
const MARK: &str = "5ecret";

fn assert_silent(place: &str, text: &str) {
    let said: Vec<_> = text.lines().filter(|line| line.contains(MARK)).take(5).collect();
    assert!(said.is_empty(), "{place} says: {said:#?}");
}

#[test]
fn secrets_are_in_no_log_no_metric_and_no_error() {
    let mut redis = Redis::start(RedisOptions::default()).unwrap();
    redis.cli(&["CONFIG", "SET", "requirepass", REDIS]).unwrap();
    let cluster = "cluster: slipstream-companion\n";
    // Nothing listens on port 1: what cannot be reached is what errors tell most of.
    let database = format!("postgres://slipstream:{DATABASE}@127.0.0.1:1/workspace");
    let proxy = Setup::new()
        .log_level("debug")
        .edit(cluster, format!("{cluster}                              token: {TOKEN}\n"))
        .companion_token(TOKEN)
        .redis(&redis)
        .companion_env("REDIS_PASSWORD", REDIS)
        .companion_env("SLIPSTREAM_LOG__LEVEL", "trace")
        .companion_env("SLIPSTREAM_CHANGE_CAPTURE__ENABLED", "true")
        .companion_env("SLIPSTREAM_CHANGE_CAPTURE__URL", &database)
        .companion_env("SLIPSTREAM_WORKSPACE__URL", &database)
        .companion_env("SLIPSTREAM_POOLING__ADMIN_PASSWORD", CONSOLE)
        .companion_env("SLIPSTREAM_RAG__CHAT_API_KEY", CHAT)
        .companion_env("SLIPSTREAM_EMBEDDINGS__API_KEY", EMBEDDER)
        .start(|question| match question.path() {
            "/broken" => Answer::json(CLIENT).header("content-length", "x"),
            "/private" => Answer::json("well").header("set-cookie", format!("session={CLIENT}")),
            _ => Answer::json("well"),
        });
    let as_client = [
        ("authorization", format!("Bearer {CLIENT}")),
        ("cookie", format!("session={CLIENT}")),
        ("x-api-key", CLIENT.to_owned()),
    ];
    let as_client: Vec<_> = as_client.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut answers = Vec::new();
    let ask_everything = |answers: &mut Vec<(String, String)>| {
        for path in ["/api/items", "/private", "/broken"] {
            for method in ["GET", "POST", "DELETE"] {
                proxy.send(method, path, &as_client);
            }
        }
        let client = Client::new();
        for (method, path) in [
            ("GET", "/readyz"),
            ("GET", "/v1/stats"),
            ("GET", "/v1/config"),
            ("GET", "/ui"),
            ("POST", "/v1/invalidations"),
            ("POST", "/v1/embeddings"),
            ("GET", "/nowhere"),
        ] {
            for token in [WRONG, TOKEN] {
                let request = Request::new(method, proxy.companion.url(path))
                    .header("authorization", format!("Bearer {token}"))
                    .body(format!("{{\"{WRONG}\": "));
                let answer = client.send(request).unwrap();
                let shown = format!("{:?} {}", answer.headers, answer.text());
                // What a client itself has sent may be quoted to it.
                answers.push((format!("{method} {path}"), shown.replace(WRONG, "…")));
            }
        }
    };
    wait_for("hits", || is_hit(&proxy.get("/api/items")));
    ask_everything(&mut answers);
    redis.stop();
    ask_everything(&mut answers);
    redis.start_again().unwrap();
    redis.cli(&["CONFIG", "SET", "requirepass", REDIS]).unwrap();
    wait_for("hits again", || is_hit(&proxy.get("/api/items")));

    for (place, text) in &answers {
        assert_silent(place, text);
    }
    let metrics = Client::new().get(proxy.companion.url("/metrics")).text();
    assert!(metrics.contains("slipstream_connections"), "{metrics}");
    assert_silent("the companion's /metrics", &metrics);
    wait_for("the filters' metrics", || Metrics::of(&proxy.front).sum("opt004_cache_hits_total", &[]) >= 1.0);
    assert_silent("Envoy's metrics", &proxy.front.envoy.stats_prometheus().unwrap());
    let log = proxy.companion.log();
    assert!(log.contains("127.0.0.1:1") && log.contains("TRACE"), "{log}");
    assert_silent("the companion's log", &log);
    // Envoy itself shows the fields of requests when it debugs; what the filters say is ours.
    let log = proxy.front.envoy.log();
    let ours: Vec<_> =
        log.lines().filter(|line| line.contains("[wasm]") || line.contains("wasm log")).collect();
    assert!(!ours.is_empty(), "{log}");
    assert_silent("the filters' log", &ours.join("\n"));
    let command_line = fs::read(format!("/proc/{}/cmdline", proxy.companion.pid())).unwrap();
    assert_silent("the companion's command line", &String::from_utf8_lossy(&command_line));
}
