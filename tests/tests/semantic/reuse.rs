//! What is answered from the cache, and what is not.

use serde_json::json;
use testbed::Request;

use crate::stack::{ASKED, PARAPHRASED, Setup, Stack, echo, hit, miss, question_of, status, text};

#[test]
fn a_paraphrase_is_answered_by_what_the_first_was_answered() {
    let stack = Stack::start(&Setup::default(), echo);
    let first = miss(stack.ask(ASKED));
    assert_eq!(text(&first), format!("To your question: {ASKED}"));
    stack.wait_until_stored(1.0);
    let again = hit(stack.ask(ASKED));
    assert_eq!((status(&again).as_str(), &again.body), ("hit; detail=\"1.00\"", &first.body));
    let other_words = hit(stack.ask(PARAPHRASED));
    assert_eq!(other_words.body, first.body);
    let detail = status(&other_words);
    let similarity: f64 = detail.trim_start_matches("hit; detail=\"").trim_end_matches('"').parse().unwrap();
    assert!((0.9..1.0).contains(&similarity), "{similarity}");
    assert!(other_words.header("age").is_some());
    assert_eq!(stack.chat.total(), 1);
    // What only looks alike is not.
    miss(stack.ask("How do I bake bread?"));
    assert_eq!(stack.chat.total(), 2);

    let of_chat = [("route", "chat"), ("service", "chat")];
    stack.wait_for_metric("opt007_semantic_cache_hits_total", &of_chat, 2.0);
    stack.wait_for_metric("opt007_semantic_cache_misses_total", &of_chat, 2.0);
    stack.wait_for_metric("opt007_semantic_cache_similarity_count", &of_chat, 2.0);
    stack.wait_for_metric("opt007_semantic_cache_latency_seconds_count", &of_chat, 4.0);
    let of_exact = [("route", "chat"), ("le", "0.975")];
    let near = stack.metrics().sum("opt007_semantic_cache_similarity_bucket", &of_exact);
    assert!(near <= 1.0, "the exact one is above: {near}");
}

#[test]
fn the_client_may_want_the_services_own_answer() {
    let stack = Stack::start(&Setup::default(), echo);
    let ask =
        |headers: &[(&str, &str)]| stack.post("/v1/chat/completions", &question_of(ASKED, false), headers);
    let uncached = ask(&[("cache-control", "only-if-cached")]);
    assert_eq!((uncached.status, stack.chat.total()), (504, 0), "{uncached:?}");
    miss(ask(&[]));
    stack.wait_until_stored(1.0);
    hit(ask(&[("cache-control", "only-if-cached")]));
    for (headers, expected) in [
        ([("cache-control", "no-cache")], "fwd=request"),
        ([("cache-control", "no-store")], "fwd=bypass; detail=no-store"),
        ([("x-semantic-cache", "skip")], "fwd=bypass; detail=skip"),
        ([("content-type", "text/plain")], "fwd=bypass; detail=not-json"),
        ([("content-encoding", "gzip")], "fwd=bypass; detail=encoded"),
    ] {
        let before = stack.chat.total();
        let response = if headers[0].0 == "content-type" {
            let request = Request::new("POST", stack.front.url("/v1/chat/completions"));
            stack.send(request.header("content-type", "text/plain").body("{}"))
        } else {
            ask(&headers)
        };
        assert_eq!((status(&response).as_str(), stack.chat.total()), (expected, before + 1), "{headers:?}");
    }
    // What no-cache brought is stored like any other.
    stack.wait_until_stored(2.0);
    hit(ask(&[]));
    let hits = [("route", "chat"), ("reason", "skip")];
    stack.wait_for_metric("slipstream_semantic_bypasses_total", &hits, 1.0);
}

#[test]
fn a_would_be_hit_that_is_drawn_goes_to_the_service_and_is_compared() {
    // Twice this share is drawn: as good as all. What is always asked about, says nothing of what is served.
    let share = [("SLIPSTREAM_SEMANTIC__SHADOW_SHARE", "0.4999999")];
    let setup = Setup { companion: &share, ..Setup::default() };
    let stack = Stack::start(&setup, echo);
    miss(stack.ask(ASKED));
    stack.wait_until_stored(1.0);
    let drawn = miss(stack.ask(PARAPHRASED));
    assert_eq!(status(&drawn), "fwd=miss; detail=verify");
    assert_eq!(text(&drawn), format!("To your question: {PARAPHRASED}"));
    stack.wait_until_stored(2.0);
    e2e::wait_for("the answers to be compared", || {
        let stats = testbed::Client::new().get(stack.companion.url("/v1/semantic/stats")).json();
        stats["verified"] == 1
    });
    // The very same question needs no comparison.
    hit(stack.ask(ASKED));
}

#[test]
fn an_invalidated_document_takes_its_answers_with_it() {
    let stack = Stack::start(&Setup::default(), echo);
    let ask = |path: &str, question: &str| stack.post(path, &json!({"question": question}), &[]);
    miss(ask("/query", ASKED));
    miss(ask("/query/stream", ASKED));
    stack.wait_until_stored(2.0);
    for path in ["/query", "/query/stream"] {
        hit(ask(path, PARAPHRASED));
    }
    let purge = Request::post_json(
        stack.companion.url("/v1/semantic/invalidations"),
        &json!({"sources": ["guide.md"]}),
    );
    assert_eq!(stack.send(purge).json(), json!({"removed": 2}));
    for path in ["/query", "/query/stream"] {
        miss(ask(path, PARAPHRASED));
    }
    assert_eq!(stack.rag.total(), 4);
}
