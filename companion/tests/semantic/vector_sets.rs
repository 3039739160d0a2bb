//! Redis' vector sets in the place of the index in memory: the same answers, the same ends.

use serde_json::{Value, json};
use slipstream::config::{Config, SemanticIndex};
use slipstream::server::Server;
use testbed::{Redis, RedisOptions};

use crate::common::{Companion, within};
use crate::{PATIENCE, enable, is_served, look_up, post, store};

/// A server that has vector sets.
fn redis_8() -> Redis {
    Redis::start(RedisOptions { with_vector_sets: true, append_only: true, ..RedisOptions::default() })
        .unwrap()
}

fn search(config: &mut Config, redis: &Redis) {
    enable(config);
    config.semantic.index = SemanticIndex::VectorSets;
    config.semantic.redis_host = "127.0.0.1".to_owned();
    config.semantic.redis_port = redis.port();
}

async fn start(redis: &Redis, change: impl FnOnce(&mut Config)) -> Companion {
    Companion::start(|config| {
        search(config, redis);
        change(config);
    })
    .await
}

/// What Redis keeps under names like this, as the semantic cache's own database has it.
fn names(redis: &Redis, pattern: &str) -> Vec<String> {
    let said = redis.cli(&["-n", "2", "KEYS", pattern]).unwrap();
    said.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Waits until Redis has so many vectors, entries and ends.
async fn has(redis: &Redis, count: usize) {
    let vectors = || -> usize {
        let sets = names(redis, "*:semantic:vectors:*");
        sets.iter().map(|set| redis.cli(&["-n", "2", "VCARD", set]).unwrap().parse::<usize>().unwrap()).sum()
    };
    let ends = || redis.cli(&["-n", "2", "ZCARD", "slipstream:semantic:ends"]).unwrap();
    within(PATIENCE, "Redis has what it should", async || {
        (vectors(), names(redis, "*:semantic:entry:*").len(), ends()) == (count, count, count.to_string())
    })
    .await;
}

/// Questions of Banking77, and others to look up.
fn questions(from: usize, count: usize) -> Vec<String> {
    let path = testbed::workspace_root().join("tests/data/banking77-train.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let plain = text.lines().skip(1).filter(|line| line.matches(',').count() == 1 && !line.contains('"'));
    // Those of an intent follow each other: some near ones, some far ones.
    let some = plain.skip(from).step_by(37).take(count);
    some.map(|line| line.split_once(',').unwrap().0.to_owned()).collect()
}

/// Neighbours of a question: what they ask, how near they are, and whether theirs is the answer it is about.
async fn neighbours(companion: &Companion, question: &str) -> (Value, Vec<(String, f64, Value)>) {
    let body = json!({ "namespace": { "tenant": "a" }, "question": question });
    let (status, said) = post(companion, "/v1/semantic/explain", &body).await;
    assert_eq!(status, 200, "{said}");
    let near = said["neighbours"].as_array().unwrap().iter().take(8).map(|near| {
        let question = near["question"].as_str().unwrap().to_owned();
        (question, near["similarity"].as_f64().unwrap(), near["chosen"].clone())
    });
    (said["verdict"].clone(), near.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_those_of_the_index_in_memory_even_when_the_memory_is_too_small() {
    let redis = redis_8();
    let flat = Companion::start(enable).await;
    // Room for the neighbours of a question, but not for all.
    let sets = start(&redis, |config| config.semantic.max_bytes = 250_000).await;
    let stored = questions(0, 48);
    for (number, question) in stored.iter().enumerate() {
        for companion in [&flat, &sets] {
            store(companion, "a", question, &format!("answer {number}"), "doc").await;
        }
    }
    let body = json!({ "namespace": { "tenant": "a" }, "question": stored[0] });
    within(PATIENCE, "the first is found", async || {
        post(&sets, "/v1/semantic/lookup", &body).await.1["answer"] == "answer 0"
    })
    .await;
    has(&redis, stored.len()).await;
    for question in questions(5, 24).iter().chain(&stored) {
        let (expected, found) = (neighbours(&flat, question).await, neighbours(&sets, question).await);
        assert_eq!(expected, found, "{question}");
        let (expected, found) = (look_up(&flat, "a", question).await, look_up(&sets, "a", question).await);
        for field in ["verdict", "similarity", "answer", "sources"] {
            assert_eq!(expected[field], found[field], "{field} of {question}");
        }
    }
    let stats: Value = serde_json::from_slice(sets.get("/v1/semantic/stats").await.body()).unwrap();
    assert!(stats["entries"].as_u64().unwrap() < 40, "{stats}");
    assert_eq!(look_up(&sets, "b", &stored[0]).await["verdict"], "miss");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_or_is_too_much_leaves_the_sets() {
    let redis = redis_8();
    let companion = start(&redis, |config| config.semantic.max_entries = 3).await;
    let body = json!({ "question": "short", "answer": "lived", "sources": ["s"], "ttl_seconds": 1 });
    within(PATIENCE, "it is stored", async || post(&companion, "/v1/semantic/entries", &body).await.0 == 200)
        .await;
    within(PATIENCE, "its time is over", async || {
        look_up(&companion, "", "short").await["answer"] == Value::Null
    })
    .await;
    has(&redis, 0).await;
    within(PATIENCE, "the list of its source has ended", async || {
        names(&redis, "*:semantic:source:*").is_empty()
    })
    .await;
    for question in questions(0, 6) {
        store(&companion, "", &question, "kept", "doc").await;
    }
    has(&redis, 3).await;
    let everything = json!({ "all": true });
    within(PATIENCE, "all is purged", async || {
        post(&companion, "/v1/semantic/invalidations", &everything).await.0 == 200
    })
    .await;
    // The same question again takes the place of the first.
    for answer in ["one", "two"] {
        store(&companion, "", "the same question", answer, "doc").await;
        is_served(&companion, "", "the same question", answer).await;
    }
    has(&redis, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_reaches_all_companions_and_the_sets() {
    let redis = redis_8();
    let one = start(&redis, |_| {}).await;
    let other = start(&redis, |_| {}).await;
    store(&one, "", "How do I add a user?", "Press the plus.", "users.md").await;
    store(&one, "b", "How do I remove a user?", "Press the minus.", "users.md").await;
    store(&one, "", "How do I pay by card?", "Enter its number.", "cards.md").await;
    is_served(&other, "", "how do I add a user", "Press the plus.").await;
    one.stop().await;
    // It has to find in Redis what it has never heard of.
    let joiner = start(&redis, |_| {}).await;
    is_served(&joiner, "", "how do I add a user", "Press the plus.").await;
    let purge = json!({ "sources": ["users.md"] });
    within(PATIENCE, "the purge is taken", async || {
        let (status, said) = post(&joiner, "/v1/semantic/invalidations", &purge).await;
        assert!(status != 200 || said["removed"] == 2, "{said}");
        status == 200
    })
    .await;
    for companion in [&joiner, &other] {
        // At once: the purge was acknowledged.
        assert_eq!(look_up(companion, "", "how do I add a user").await["answer"], Value::Null);
        assert_eq!(look_up(companion, "b", "how do I remove a user").await["answer"], Value::Null);
        is_served(companion, "", "how do I pay by card", "Enter its number.").await;
    }
    has(&redis, 1).await;
    let everything = json!({ "all": true });
    within(PATIENCE, "all is purged", async || {
        post(&other, "/v1/semantic/invalidations", &everything).await.0 == 200
    })
    .await;
    has(&redis, 0).await;
    let late = start(&redis, |_| {}).await;
    assert_eq!(look_up(&late, "", "how do I pay by card").await["verdict"], "miss");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_counted_and_comes_back() {
    let mut redis = redis_8();
    let companion = start(&redis, |_| {}).await;
    store(&companion, "", "How do I add a user?", "Press the plus.", "users.md").await;
    is_served(&companion, "", "how do I add a user", "Press the plus.").await;
    let unavailable = "slipstream_semantic_lookups_total{verdict=\"unavailable\"}";
    let before = companion.metric(unavailable).await;
    redis.stop();
    let question = json!({ "question": "How do I add a user?" });
    within(PATIENCE, "nothing is served", async || {
        post(&companion, "/v1/semantic/lookup", &question).await.0 == 503
    })
    .await;
    assert!(companion.metric(unavailable).await > before);
    redis.start_again().unwrap();
    is_served(&companion, "", "how do I add a user", "Press the plus.").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_vector_sets_stops_the_start_and_says_what_to_set() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let mut config = Config { listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
    search(&mut config, &redis);
    let server = Server::bind(config).await.unwrap();
    let error = server.run(async {}).await.unwrap_err().to_string();
    let expected =
        "this server has no vector sets: expected Redis 8 or later, or semantic.index = \"memory\"";
    assert_eq!(error, format!("127.0.0.1:{}: {expected}", redis.port()));
}
