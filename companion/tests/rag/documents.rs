//! Answers made of documents: what is found, what is cited, and what becomes of answers when documents change.

use std::fs;

use serde_json::json;
use testbed::{Request, wait_until};

use crate::stack::{PATIENCE, Rag, extractive};

const CACHE: &str = "# The cache\n\nSome words on it.\n\n## Lifetimes\n\nA response is kept for 300 seconds, unless its route says otherwise.\n\n## Purging\n\nRun `slipstream purge --tag items` to drop every stored response that carries the tag.\n";
const BIRDS: &str =
    "# Penguins\n\nPenguins eat krill, squid and small fish, which they catch while they swim under water.\n";
const METRICS: &str =
    "# Metrics\n\n| metric | meaning |\n|---|---|\n| `opt008_streaming_chunks_total` | parts of answers |\n";
const DOCUMENTS: [(&str, &str); 3] =
    [("cache.md", CACHE), ("nature/birds.md", BIRDS), ("metrics.markdown", METRICS)];

#[test]
fn answers_cite_what_is_near_and_say_so_if_nothing_is() {
    let mut rag = Rag::prepare(extractive(), &[]);
    let report = rag.ingest(&DOCUMENTS);
    assert_eq!((&report["documents"], &report["passages"]), (&json!(3), &json!(5)), "{report}");
    rag.serve();
    for (question, source, heading, text) in [
        ("How long does a cached response live?", "cache.md", "The cache › Lifetimes", "300 seconds"),
        ("how can I purge by tag", "cache.md", "The cache › Purging", "slipstream purge --tag"),
        ("What do penguins like to eat?", "nature/birds.md", "Penguins", "krill"),
        // A word that no embedding knows.
        ("opt008_streaming_chunks_total", "metrics.markdown", "Metrics", "parts of answers"),
    ] {
        let answer = rag.ask(question);
        let first = &answer["sources"][0];
        assert_eq!((&first["source"], &first["heading"]), (&json!(source), &json!(heading)), "{answer}");
        let said = answer["answer"].as_str().unwrap();
        assert!(said.contains(text) && said.contains("[1]"), "{said}");
        assert_eq!((&answer["found"], &answer["number"]), (&json!(true), &json!(null)));
    }
    rag.wait_for_metric("slipstream_semantic_entries", 4.0);
    for _ in 0..2 {
        let nothing = rag.ask("Which quarterback won the most championships in 1987?");
        assert_eq!((&nothing["found"], &nothing["cached"]), (&json!(false), &json!(false)), "{nothing}");
        assert_eq!(nothing["sources"], json!([]));
    }
    assert_eq!(rag.metric("slipstream_semantic_entries"), 4.0, "that nothing was found is not kept");
    // In other words it is the same question.
    rag.ask_until_cached("what do penguins like to eat");
    assert_eq!((rag.metric("slipstream_rag_documents"), rag.metric("slipstream_rag_passages")), (3.0, 5.0));

    let output = rag.command(&["rag", "ask", "How long does a cached response live?"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("300 seconds") && said.contains("[1] cache.md: The cache › Lifetimes"), "{said}");
    let output = rag.command(&["rag", "ask", ""]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("question: empty"), "{said}");
}

#[test]
fn changed_and_vanished_documents_take_their_answers_along() {
    let mut rag = Rag::prepare(extractive(), &[]);
    rag.ingest(&DOCUMENTS);
    rag.serve();
    let (life, food) = ("How long does a cached response live?", "What do penguins eat?");
    for question in [life, food] {
        rag.ask_until_cached(question);
    }
    let changed = CACHE.replace("300 seconds", "one fortnight");
    let report = rag.ingest(&[("cache.md", &changed), DOCUMENTS[1], ("new.md", "# New\n\nNothing yet.\n")]);
    assert_eq!(
        (&report["new"], &report["changed"], &report["unchanged"], &report["removed"]),
        (&json!(["new.md"]), &json!(["cache.md"]), &json!(1), &json!(["metrics.markdown"])),
    );
    let says = |rag: &Rag, question: &str, text: &str| {
        wait_until(PATIENCE, || rag.ask(question)["answer"].as_str().unwrap().contains(text))
    };
    assert!(says(&rag, life, "one fortnight"), "the old answer stays");
    assert_eq!(rag.ask(food)["cached"], true, "an answer from another document stays");
    let before = rag.metric("slipstream_rag_documents");
    assert_eq!(before, 3.0);

    // What is wrong leaves all as it was, here and in the running companion.
    let nowhere = rag.command(&["rag", "ingest", "/nowhere"]);
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("/nowhere is no folder"), "{nowhere:?}");
    let empty = rag.folder().join("empty");
    fs::create_dir_all(&empty).unwrap();
    let none = rag.command(&["rag", "ingest", empty.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("no Markdown in"), "{none:?}");
    fs::remove_dir_all(empty).unwrap();
    fs::write(rag.folder().join("bytes.md"), b"\xff\xfe").unwrap();
    fs::write(rag.folder().join(".hidden.md"), "# Hidden\n\nx\n").unwrap();
    let report = rag.ingest_folder(&rag.folder());
    assert_eq!(report["skipped"], json!({ "bytes.md": "it is not UTF-8" }));
    assert_eq!((&report["documents"], &report["unchanged"]), (&json!(3), &json!(3)), "{report}");
    assert!(says(&rag, life, "one fortnight"));

    // A document vanishes while nobody serves: its answers, which are in memory here, and new ones know nothing of it.
    rag.stop();
    rag.ingest(&[("cache.md", &changed), ("new.md", "# New\n\nNothing yet.\n")]);
    rag.serve();
    assert_eq!(rag.ask(food)["found"], false);
}

#[test]
fn answers_that_outlived_a_restart_go_with_their_documents() {
    let redis = testbed::Redis::start(testbed::RedisOptions::default()).unwrap();
    let port = redis.port().to_string();
    let redis = [("REDIS__HOST", "127.0.0.1"), ("REDIS__PORT", port.as_str()), ("REDIS__TIMEOUT_MS", "1000")];
    let mut rag = Rag::prepare(extractive(), &redis);
    rag.ingest(&DOCUMENTS);
    rag.serve();
    let (life, food) = ("How long does a cached response live?", "What do penguins eat?");
    for question in [life, food] {
        rag.ask_until_cached(question);
    }
    rag.stop();
    let changed = CACHE.replace("300 seconds", "one fortnight");
    rag.ingest(&[("cache.md", &changed), DOCUMENTS[1]]);
    rag.serve();
    rag.ask_until_cached(food);
    let says = || rag.ask(life)["answer"].as_str().unwrap().contains("one fortnight");
    assert!(wait_until(PATIENCE, says), "an answer from before the change is served");
    rag.wait_for_metric("slipstream_semantic_entries", 2.0);
    assert!(says());
}

#[test]
fn a_companion_without_embedder_or_with_anothers_documents_does_not_start() {
    for (base, more, said) in [
        (vec![], ("RAG__ENGINE", "extractive"), "rag.engine"),
        (vec![], ("RAG__ENGINE", "openai"), "rag.engine"),
        (extractive(), ("RAG__ENGINE", "oracle"), "expected \"extractive\" or \"openai\""),
        (extractive(), ("RAG__ENGINE", "openai"), "rag.chat_url"),
        (extractive(), ("RAG__LISTEN", "0.0.0.0:8910"), "rag.token"),
        (extractive(), ("EMBEDDINGS__MODEL_DIR", "/nowhere"), "embeddings.model_dir"),
        (extractive(), ("RAG__CORPUS_DIR", ""), "rag.corpus_dir"),
    ] {
        let rag = Rag::prepare(base, &[more]);
        let output = rag.command(&["serve"]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(said), "{more:?}: {error}");
    }
    let rag = Rag::prepare(extractive(), &[]);
    rag.ingest(&[DOCUMENTS[0]]);
    let file = rag.folder().parent().unwrap().join("corpus/corpus.json");
    let kept = fs::read_to_string(&file).unwrap();
    for (text, said) in [
        (kept.replacen("\"embedder\":\"", "\"embedder\":\"another-", 1), "embedded by another-"),
        ("{".to_owned(), "run `slipstream rag ingest` again"),
    ] {
        fs::write(&file, text).unwrap();
        let output = rag.command(&["serve"]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(said), "{error}");
    }
}

#[test]
fn with_no_documents_it_starts_and_finds_them_later() {
    let rag = Rag::start(extractive(), &[]);
    assert_eq!(rag.ask("What do penguins eat?")["found"], false);
    rag.ingest(&DOCUMENTS);
    assert!(wait_until(PATIENCE, || rag.ask("What do penguins eat?")["found"] == true));
    let top = json!({ "question": "What do penguins eat?", "top_k": 1 });
    let one = rag.send(Request::post_json(rag.url("/query"), &top)).json();
    assert_eq!(one["sources"].as_array().unwrap().len(), 1);
}
