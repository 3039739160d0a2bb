//! Embeddings and the semantic cache, with the real model and a real Redis.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod command_line;
mod vector_sets;

use std::process::Command;
use std::time::{Duration, Instant};

use common::{Companion, Redis, within};
use hyper::Method;
use serde_json::{Value, json};
use slipstream::config::{Address, Config, Share};
use testbed::Tool;

/// Longer than a busy machine keeps a companion from its Redis.
const PATIENCE: Duration = Duration::from_secs(30);

fn model_dir() -> String {
    Tool::MiniLm.path().unwrap().parent().unwrap().display().to_string()
}

fn enable(config: &mut Config) {
    config.embeddings.enabled = true;
    config.embeddings.model_dir = model_dir();
    config.semantic.enabled = true;
    // No chance: every would-be hit is one.
    config.semantic.shadow_share = Share::per_mille(0);
}

async fn start(redis: Option<&Redis>, change: impl FnOnce(&mut Config)) -> Companion {
    Companion::start(|config| {
        enable(config);
        if let Some(redis) = redis {
            redis.configure(config);
        }
        change(config);
    })
    .await
}

async fn post(companion: &Companion, path: &str, body: &Value) -> (u16, Value) {
    let answer = companion.send(Method::POST, path, &[], body.to_string()).await;
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
}

async fn look_up(companion: &Companion, tenant: &str, question: &str) -> Value {
    let body = json!({ "namespace": { "tenant": tenant }, "question": question });
    let start = Instant::now();
    loop {
        let (status, answer) = post(companion, "/v1/semantic/lookup", &body).await;
        if status == 200 {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "{status}: {answer}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn store(companion: &Companion, tenant: &str, question: &str, answer: &str, source: &str) {
    let body = json!({
        "namespace": { "tenant": tenant }, "question": question, "answer": answer, "sources": [source],
    });
    within(PATIENCE, "the answer is stored", async || {
        post(companion, "/v1/semantic/entries", &body).await.0 == 200
    })
    .await;
}

async fn is_served(companion: &Companion, tenant: &str, question: &str, answer: &str) {
    within(PATIENCE, "the answer is served", async || {
        look_up(companion, tenant, question).await["answer"] == answer
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_in_other_words_is_served_and_what_guards_see_is_not() {
    let companion = start(None, |_| {}).await;
    let asked = "How do I reset my password?";
    assert_eq!(look_up(&companion, "a", asked).await["verdict"], "miss");
    store(&companion, "a", asked, "Open the settings and choose Reset.", "doc-1").await;
    let exact = look_up(&companion, "a", asked).await;
    assert_eq!((&exact["verdict"], &exact["sources"][0]), (&json!("exact"), &json!("doc-1")));
    let found = look_up(&companion, "a", "how do i reset my password").await;
    assert_eq!(found["verdict"], "hit", "{found}");
    assert!(found["similarity"].as_f64().unwrap() > 0.95, "{found}");
    assert_eq!(found["answer"], "Open the settings and choose Reset.");
    // Another tenant, and another question, have nothing to do with it.
    assert_eq!(look_up(&companion, "b", asked).await["verdict"], "miss");
    assert_eq!(look_up(&companion, "a", "What is the weather like in Lisbon?").await["verdict"], "miss");

    store(&companion, "a", "What happened on 28 June?", "The 28th was quiet.", "doc-2").await;
    let other_day = look_up(&companion, "a", "What happened on 29 June?").await;
    assert_eq!(
        (&other_day["verdict"], &other_day["answer"]),
        (&json!("verify"), &Value::Null),
        "{other_day}"
    );
    let body = json!({ "namespace": { "tenant": "a" }, "question": "What happened on 29 June?" });
    let (status, explained) = post(&companion, "/v1/semantic/explain", &body).await;
    assert_eq!((status, &explained["guards"]), (200, &json!(["numbers"])), "{explained}");
    assert_eq!(explained["neighbours"][0]["question"], "What happened on 28 June?");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_from_before_an_invalidation_is_refused() {
    let companion = start(None, |_| {}).await;
    let found = look_up(&companion, "", "Where is my order?").await;
    let invalidation = json!({ "sources": ["orders.md"] });
    assert_eq!(
        post(&companion, "/v1/semantic/invalidations", &invalidation).await,
        (200, json!({ "removed": 0 }))
    );
    let mut late = json!({
        "question": "Where is my order?", "answer": "On its way.", "sources": ["orders.md"],
        "lookup": found["lookup"], "position": found["position"],
    });
    assert_eq!(post(&companion, "/v1/semantic/entries", &late).await.0, 409);
    late["sources"] = json!(["other.md"]);
    assert_eq!(post(&companion, "/v1/semantic/entries", &late).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_outlive_a_companion_and_a_purge_reaches_all() {
    let redis = Redis::start(&[]);
    let one = start(Some(&redis), |_| {}).await;
    let other = start(Some(&redis), |_| {}).await;
    store(&one, "", "How do I add a user?", "Press the plus.", "users.md").await;
    store(&one, "", "How do I pay by card?", "Enter its number.", "cards.md").await;
    for companion in [&one, &other] {
        is_served(companion, "", "how do I add a user", "Press the plus.").await;
        is_served(companion, "", "how do I pay by card", "Enter its number.").await;
    }
    one.stop().await;
    let joiner = start(Some(&redis), |_| {}).await;
    is_served(&joiner, "", "how do I add a user", "Press the plus.").await;

    let invalidation = json!({ "sources": ["users.md"] });
    within(PATIENCE, "the purge is taken", async || {
        post(&joiner, "/v1/semantic/invalidations", &invalidation).await.0 == 200
    })
    .await;
    for companion in [&joiner, &other] {
        // At once: the purge was acknowledged.
        assert_eq!(look_up(companion, "", "how do I add a user").await["answer"], Value::Null);
        is_served(companion, "", "how do I pay by card", "Enter its number.").await;
    }
    let late = start(Some(&redis), |_| {}).await;
    is_served(&late, "", "how do I pay by card", "Enter its number.").await;
    assert_eq!(look_up(&late, "", "how do I add a user").await["answer"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caps_evict_and_times_to_live_end() {
    let companion = start(None, |config| config.semantic.max_entries = 2).await;
    for (question, answer) in
        [("first question", "one"), ("second question", "two"), ("third question", "three")]
    {
        store(&companion, "", question, answer, "d").await;
    }
    assert_eq!(look_up(&companion, "", "first question").await["answer"], Value::Null);
    assert_eq!(look_up(&companion, "", "third question").await["answer"], "three");
    let short = json!({ "question": "short", "answer": "lived", "ttl_seconds": 1 });
    assert_eq!(post(&companion, "/v1/semantic/entries", &short).await.0, 200);
    within(PATIENCE, "its time is over", async || {
        look_up(&companion, "", "short").await["answer"] == Value::Null
    })
    .await;
    let none = json!({ "question": "none", "answer": "lived", "ttl_seconds": 0 });
    assert_eq!(post(&companion, "/v1/semantic/entries", &none).await.0, 200);
    assert_eq!(look_up(&companion, "", "none").await["answer"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_are_told_what_is_wrong() {
    let companion = start(None, |config| config.semantic.max_entry_bytes = 10_000).await;
    let long = "x".repeat(20_000);
    let far = "x".repeat(3 << 20);
    for (path, body, status) in [
        ("/v1/semantic/lookup", "{".to_owned(), 400),
        ("/v1/semantic/lookup", json!({ "question": " " }).to_string(), 400),
        ("/v1/semantic/lookup", json!({ "question": "x", "unknown": 1 }).to_string(), 400),
        ("/v1/semantic/lookup", json!({ "question": long }).to_string(), 200),
        ("/v1/semantic/lookup", json!({ "question": far }).to_string(), 413),
        ("/v1/semantic/entries", json!({ "question": "x", "answer": "" }).to_string(), 400),
        ("/v1/semantic/entries", json!({ "question": "x", "answer": long }).to_string(), 413),
        ("/v1/semantic/entries", json!({ "question": "x", "answer": "y", "lookup": "zz" }).to_string(), 400),
        ("/v1/semantic/invalidations", "{}".to_owned(), 400),
        ("/v1/embeddings", json!({ "input": "x", "model": "gpt-none" }).to_string(), 400),
        ("/v1/embeddings", json!({ "input": [], "model": "all-MiniLM-L6-v2" }).to_string(), 400),
        ("/v1/embeddings", json!({ "input": [99_999], "model": "all-MiniLM-L6-v2" }).to_string(), 400),
        ("/v1/embeddings", json!({ "input": { "a": 1 }, "model": "all-MiniLM-L6-v2" }).to_string(), 400),
    ] {
        let answer = companion.send(Method::POST, path, &[], body.clone()).await;
        let shown: String = body.chars().take(80).collect();
        assert_eq!(answer.status().as_u16(), status, "{path} {shown}: {:?}", answer.body());
    }
    // The same bytes in hands of a companion without any of it.
    let without = Companion::start(|_| {}).await;
    assert_eq!(post(&without, "/v1/semantic/lookup", &json!({ "question": "x" })).await.0, 404);
    assert_eq!(post(&without, "/v1/embeddings", &json!({ "input": "x", "model": "y" })).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_companion_can_be_the_embedder() {
    let embedder = start(None, |config| config.token = "secret".into()).await;
    let companion = Companion::start(|config| {
        config.embeddings.enabled = true;
        config.embeddings.url = format!("{}/v1", embedder.url);
        config.embeddings.model = "all-MiniLM-L6-v2".to_owned();
        config.embeddings.api_key = "secret".into();
        config.semantic.enabled = true;
        config.semantic.shadow_share = Share::per_mille(0);
    })
    .await;
    store(&companion, "", "How do I add a user?", "Press the plus.", "users.md").await;
    is_served(&companion, "", "how do I add a user", "Press the plus.").await;
    embedder.stop().await;
    let (status, answer) =
        post(&companion, "/v1/semantic/lookup", &json!({ "question": "something new" })).await;
    assert_eq!(status, 503, "{answer}");
    assert!(answer["error"].as_str().unwrap().starts_with("the embedder does not answer"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_client_gets_embeddings() {
    const PROGRAM: &str = r#"
import os, openai
client = openai.OpenAI(base_url=os.environ["URL"] + "/v1", api_key="secret", max_retries=0)
ask = client.embeddings.create
plain = ask(model="all-MiniLM-L6-v2", input="My phone has been lost or stolen", encoding_format="float")
assert len(plain.data[0].embedding) == 384 and plain.usage.prompt_tokens == 9, plain.usage
packed = ask(model="all-MiniLM-L6-v2", input=["My phone has been lost or stolen", "other"])
assert [item.index for item in packed.data] == [0, 1]
assert max(abs(a - b) for a, b in zip(plain.data[0].embedding, packed.data[0].embedding)) < 1e-5
tokens = ask(model="all-MiniLM-L6-v2", input=[[101, 7592, 102], [101, 102]], encoding_format="float")
assert len(tokens.data) == 2 and tokens.usage.total_tokens == 5
for arguments, error in [
    (dict(model="gpt-none", input="x"), openai.BadRequestError),
    (dict(model="all-MiniLM-L6-v2", input=""), openai.BadRequestError),
    (dict(model="all-MiniLM-L6-v2", input="x", dimensions=8), openai.BadRequestError),
]:
    try:
        ask(**arguments)
        raise SystemExit(f"no error for {arguments}")
    except error as seen:
        assert seen.param in ("model", "input", "dimensions") and seen.type == "invalid_request_error", seen
try:
    openai.OpenAI(base_url=os.environ["URL"] + "/v1", api_key="wrong", max_retries=0).embeddings.create(model="x", input="x")
    raise SystemExit("the wrong key works")
except openai.AuthenticationError as seen:
    assert "token is missing or wrong" in seen.message, seen.message
"#;
    let companion = start(None, |config| config.token = "secret".into()).await;
    let packages = Tool::OpenAiClient.path().unwrap();
    let mut python = Command::new(Tool::Python.path().unwrap());
    python
        .args(["-c", PROGRAM])
        .env("PYTHONPATH", packages.ancestors().nth(2).unwrap())
        .env("URL", &companion.url);
    let output = tokio::task::spawn_blocking(move || python.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_model_stops_the_start_and_says_what_to_set() {
    let mut config = Config { listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
    config.embeddings.enabled = true;
    config.embeddings.model_dir = "/nonexistent".to_owned();
    let server = slipstream::server::Server::bind(config).await.unwrap();
    let error = server.run(async {}).await.unwrap_err().to_string();
    assert!(error.contains("/nonexistent/config.json") && error.contains("embeddings.model_dir"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_away_makes_it_say_so_and_come_back() {
    let mut redis =
        testbed::Redis::start(testbed::RedisOptions { append_only: true, ..Default::default() }).unwrap();
    let port = redis.port();
    let companion = Companion::start(|config| {
        enable(config);
        let Address { host, port } = Address::new("127.0.0.1", port);
        (config.semantic.redis_host, config.semantic.redis_port) = (host, port);
    })
    .await;
    store(&companion, "", "How do I add a user?", "Press the plus.", "users.md").await;
    is_served(&companion, "", "how do I add a user", "Press the plus.").await;
    redis.stop();
    let question = json!({ "question": "How do I add a user?" });
    within(PATIENCE, "nothing is served", async || {
        post(&companion, "/v1/semantic/lookup", &question).await.0 == 503
    })
    .await;
    redis.start_again().unwrap();
    is_served(&companion, "", "how do I add a user", "Press the plus.").await;
}
