//! Engines that fail, and what may be kept of their answers.

use std::time::Duration;

use serde_json::{Value, json};
use testbed::chat_server::{Step, says};
use testbed::{ChatServer, Request};

use crate::stack::{PATIENCE, Rag, cached_chat, chat};

/// What the server does for a question.
fn behave(question: &str, _: &Value) -> Vec<Step> {
    let say = |text: &str| Step::Say(text.to_owned());
    let delta = |delta: Value, finish: Value| {
        let chunk = json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
        Step::Raw(format!("data: {chunk}\n\n").into_bytes())
    };
    let done = Step::Raw(b"data: [DONE]\n\n".to_vec());
    match question {
        "stall at once" => vec![Step::Stall],
        "stall in the middle" => vec![say("One, "), Step::Stall],
        "only comments" => {
            let comment = [Step::Raw(b": still there\n\n".to_vec()), Step::Pause(Duration::from_millis(20))];
            comment.into_iter().cycle().take(2_000).collect()
        }
        "break off at once" => vec![Step::BreakOff],
        "break off in the middle" => vec![say("One, "), say("two, "), Step::BreakOff],
        "end without an end" => vec![say("One, ")],
        "garbage" => vec![say("One, "), Step::Raw(b"data: {\"choi\n\n".to_vec())],
        "bytes" => vec![Step::Raw(vec![0xff, 0xfe, 0, b'\n', b'\n']), Step::Raw(b"data: \xff\n\n".to_vec())],
        "endless line" => vec![Step::Raw([b"data: ".to_vec(), vec![b'x'; 3 << 20]].concat())],
        "error" => {
            vec![say("One, "), Step::Raw(b"data: {\"error\": {\"message\": \"out of memory\"}}\n\n".to_vec())]
        }
        "empty" => vec![Step::Finish("stop")],
        "too long" => vec![Step::Forever("all work and no play ".repeat(10))],
        "refuse 500" => vec![Step::Refuse(500, "overheated".to_owned())],
        "refuse 404" => vec![Step::Refuse(404, "no such model".to_owned())],
        "refuse 429" => vec![Step::Refuse(429, "later".to_owned())],
        "length" => vec![say("cut"), Step::Finish("length")],
        "filter" => vec![say("hm"), Step::Finish("content_filter")],
        "refusal" => vec![delta(json!({ "refusal": "I will not." }), Value::Null), Step::Finish("stop")],
        "tool" => vec![
            delta(json!({ "content": "Let me see.", "tool_calls": [{ "index": 0 }] }), Value::Null),
            Step::Finish("stop"),
        ],
        "role first" => vec![
            delta(json!({ "role": "assistant", "content": "" }), Value::Null),
            say("fine"),
            delta(json!({}), json!("stop")),
            done,
        ],
        _ => says(&["One, ", "two."]),
    }
}

fn times_asked(server: &ChatServer, question: &str) -> usize {
    let of = |request: &&Value| request["messages"][0]["content"] == question;
    server.requests().iter().filter(of).count()
}

#[test]
fn an_engine_that_fails_is_an_error_and_nothing_is_kept() {
    let server = ChatServer::start(behave).unwrap();
    let patience = [
        ("RAG__CHAT_FIRST_MS", "700"),
        ("RAG__CHAT_PAUSE_MS", "500"),
        ("RAG__MAX_ANSWER_BYTES", "2000"),
        ("RAG__SLOW_READER_MS", "20000"),
    ];
    let rag = Rag::start(cached_chat(&server), &patience);
    for (question, reason, text, status) in [
        ("stall at once", "engine_timeout", "", 504),
        ("stall in the middle", "engine_timeout", "One, ", 504),
        ("only comments", "engine_timeout", "", 504),
        ("break off at once", "engine_broke_off", "", 502),
        ("break off in the middle", "engine_broke_off", "One, two, ", 502),
        ("end without an end", "engine_broke_off", "One, ", 502),
        ("garbage", "engine_garbage", "One, ", 502),
        ("bytes", "engine_garbage", "", 502),
        ("endless line", "engine_garbage", "", 502),
        ("error", "engine_broke_off", "One, ", 502),
        ("empty", "engine_garbage", "", 502),
        ("too long", "answer_too_long", "all work and no play", 502),
        ("refuse 500", "engine_unavailable", "", 502),
        ("refuse 404", "engine_unavailable", "", 502),
        ("refuse 429", "engine_busy", "", 503),
    ] {
        let heard = rag.hear(question);
        let (kinds, error) = (heard.kinds(), heard.json("error"));
        assert_eq!(error["reason"], reason, "{question}: {error}");
        let told = [error["message"].as_str().unwrap(), &heard.text()].concat();
        assert!(!told.contains("127.0.0.1") && !told.contains("overheated"), "{question}: {told}");
        assert!(heard.text().starts_with(text), "{question}: {:?}", heard.text());
        assert!(kinds.ends_with(&["error"]) && !kinds.contains(&"done"), "{question}: {kinds:?}");
        let whole = Request::post_json(rag.url("/query"), &json!({ "question": question }));
        let whole = rag.send(whole);
        assert_eq!((whole.status, &whole.json()["reason"]), (status, &json!(reason)), "{question}");
        // Nothing was kept: the second question went to the engine too.
        assert_eq!(times_asked(&server, question), 2, "{question}");
        let counted = format!("opt008_streaming_errors_total{{reason=\"{reason}\",service=\"rag\"}}");
        assert!(rag.metric(&counted) >= 2.0, "{counted}");
    }
    assert_eq!(rag.metric("slipstream_semantic_entries"), 0.0);
    // And it goes on.
    assert_eq!(rag.ask("well?")["answer"], "One, two.");
}

#[test]
fn an_engine_that_is_not_there_is_an_error() {
    let server = ChatServer::start(behave).unwrap();
    let settings = chat(&server);
    drop(server);
    let rag = Rag::start(settings, &[]);
    assert_eq!(rag.hear("well?").json("error")["reason"], "engine_unavailable");
}

#[test]
fn answers_to_one_client_alone_are_not_kept() {
    let server = ChatServer::start(behave).unwrap();
    let rag = Rag::start(cached_chat(&server), &[]);
    for (question, answer) in
        [("length", "cut"), ("filter", "hm"), ("refusal", "I will not."), ("tool", "Let me see.")]
    {
        for _ in 0..2 {
            assert_eq!(rag.ask(question)["answer"], answer);
        }
        assert_eq!(times_asked(&server, question), 2, "{question}");
    }
    // What is whole is.
    assert_eq!(rag.ask("role first")["answer"], "fine");
    assert_eq!(rag.ask_until_cached("role first")["answer"], "fine");
    assert_eq!(rag.metric("slipstream_semantic_entries"), 1.0);
}

#[test]
fn the_engine_is_told_instructions_history_and_passages() {
    let server = ChatServer::start(behave).unwrap();
    let more = [("RAG__CHAT_PASSAGES", "2"), ("RAG__CHAT_SYSTEM", "Be brief."), ("RAG__CHAT_API_KEY", "k")];
    let rag = Rag::prepare(cached_chat(&server), &more);
    rag.ingest(&[("birds.md", "# Penguins\n\nPenguins eat krill and small fish.\n")]);
    let mut rag = rag;
    rag.serve();
    let history =
        [json!({ "role": "user", "content": "Hello" }), json!({ "role": "assistant", "content": "Hi" })];
    let body = json!({ "question": "What do penguins eat?", "history": history });
    let answer = rag.send(Request::post_json(rag.url("/query"), &body)).json();
    assert_eq!((&answer["answer"], &answer["model"]), (&json!("One, two."), &json!("chatty")));
    assert_eq!(answer["sources"][0]["source"], "birds.md", "{answer}");
    let request = server.requests().remove(0);
    assert_eq!((&request["model"], &request["stream"]), (&json!("chatty"), &json!(true)));
    let messages = request["messages"].as_array().unwrap();
    let roles: Vec<&str> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "system", "user", "assistant", "user"]);
    assert_eq!(messages[0]["content"], "Be brief.");
    let passages = messages[1]["content"].as_str().unwrap();
    assert!(passages.contains("[1] Penguins\nPenguins eat krill"), "{passages}");
    assert_eq!(messages[4]["content"], "What do penguins eat?");
    // Another history is another question.
    let came = testbed::wait_until(PATIENCE, || {
        rag.send(Request::post_json(rag.url("/query"), &body)).json()["cached"] == true
    });
    assert!(came && rag.ask("What do penguins eat?")["cached"] == false);
}
