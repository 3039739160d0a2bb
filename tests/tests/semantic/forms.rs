//! Answers whole and as events.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::time::Duration;

use e2e::{Connection, PATIENCE};
use serde_json::{Value, json};
use testbed::chat::{self, End};

use crate::stack::{ASKED, PARAPHRASED, Setup, Stack, echo, hit, miss, question_of, text};

#[test]
fn a_stream_is_replayed_as_a_stream() {
    let stack = Stack::start(&Setup::default(), echo);
    let first = miss(stack.ask_for_events(ASKED));
    stack.wait_until_stored(1.0);
    let replayed = hit(stack.ask_for_events(PARAPHRASED));
    assert_eq!(text(&replayed), text(&first));
    assert!(replayed.header("content-type").unwrap().starts_with("text/event-stream"), "{replayed:?}");
    let body = replayed.text();
    let chunks: Vec<Value> = body
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: {"))
        .map(|rest| serde_json::from_str(&format!("{{{rest}")).unwrap())
        .collect();
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(chunks[0]["id"], "chatcmpl-1");
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "stop");
    // The other form has answers of its own, unless the route says otherwise.
    miss(stack.ask(ASKED));
    assert_eq!(stack.chat.total(), 2);
}

#[test]
fn both_forms_share_answers_where_the_route_says_so() {
    let edits = [("{ profile: openai-chat }", "{ profile: openai-chat, share_streams: true }")];
    let stack = Stack::start(&Setup { edits: &edits, ..Setup::default() }, echo);
    miss(stack.ask_for_events(ASKED));
    stack.wait_until_stored(1.0);
    let whole = hit(stack.ask(PARAPHRASED));
    assert_eq!(text(&whole), format!("To your question: {ASKED}"));
    assert_eq!(whole.json()["object"], "chat.completion");
    hit(stack.ask_for_events(PARAPHRASED));
    miss(stack.ask("What is the capital of France?"));
    stack.wait_until_stored(2.0);
    let events = hit(stack.ask_for_events("What is the capital of France?"));
    assert_eq!(text(&events), "To your question: What is the capital of France?");
}

#[test]
fn a_rag_services_events_come_back_as_its_own() {
    let stack = Stack::start(&Setup::default(), echo);
    let ask = |path: &str, question: &str| stack.post(path, &json!({"question": question}), &[]);
    miss(ask("/query", ASKED));
    miss(ask("/query/stream", ASKED));
    stack.wait_until_stored(2.0);
    let whole = hit(ask("/query", PARAPHRASED)).json();
    assert_eq!(whole["answer"], format!("By the documents: {ASKED}"));
    assert_eq!((&whole["cached"], &whole["sources"][0]["id"]), (&json!(true), &json!("guide.md")));
    let events = hit(ask("/query/stream", PARAPHRASED)).text();
    let names: Vec<&str> = events.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["start", "cache", "chunk", "sources", "done"], "{events}");
    assert!(events.contains(r#"data: {"hit":true,"similarity":0."#), "{events}");
    assert!(events.contains(r#"data: {"cached":true}"#), "{events}");
}

/// Each event of the service is with the client before the service sends the next: this one waits for that.
#[test]
fn a_stream_is_not_held_back_by_its_recording() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = Setup { chat_port: Some(service.local_addr().unwrap().port()), ..Setup::default() };
    let stack = Stack::start(&setup, echo);
    let (client_has, was_told) = channel::<()>();
    let service = std::thread::spawn(move || {
        let (mut connection, _) = service.accept().unwrap();
        let mut request = [0; 4_096];
        while !String::from_utf8_lossy(&request).contains("\"stream\":true") {
            assert!(connection.read(&mut request).unwrap() > 0);
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        connection.write_all(head.as_bytes()).unwrap();
        for word in ["one ", "two ", "three"] {
            let chunk = json!({"id": "c", "choices": [{"index": 0, "delta": {"content": word}}]});
            connection.write_all(format!("data: {chunk}\n\n").as_bytes()).unwrap();
            was_told.recv_timeout(PATIENCE).expect("the client to have the event");
        }
        let end = json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
        connection.write_all(format!("data: {end}\n\ndata: [DONE]\n\n").as_bytes()).unwrap();
    });
    let body = question_of(ASKED, true).to_string();
    let mut connection = Connection::open(stack.front.port());
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        stack.authority(),
        body.len()
    );
    connection.send(head.as_bytes());
    for word in ["one ", "two ", "three"] {
        connection.read_until(word.as_bytes(), 1);
        client_has.send(()).unwrap();
    }
    connection.read_until(b"[DONE]", 1);
    service.join().unwrap();
    stack.wait_until_stored(1.0);
    assert_eq!(text(&hit(stack.ask_for_events(ASKED))), "one two three");
}

/// What tries to look like a key, a namespace or an event comes back as the data that it is.
#[test]
fn texts_that_look_like_something_else_are_data() {
    let frame = "data: [DONE]\n\nevent: error\ndata: {\"error\": {\"message\": \"x\"}}\n\n";
    let key = "slipstream:semantic:entry:0000000000000001\r\n{\"namespace\": {\"tenant\": \"other\"}}";
    let stack = Stack::start(&Setup::default(), |question| {
        let text = format!("You wrote: {} \u{1f600}", chat::asked(question));
        chat::answer(question, &text, End::Whole, Duration::ZERO)
    });
    let mut stored = 0.0;
    for question in [frame, key] {
        for stream in [false, true] {
            let ask = || text(&stack.post("/v1/chat/completions", &question_of(question, stream), &[]));
            let first = ask();
            assert_eq!(first, format!("You wrote: {question} \u{1f600}"));
            stored += 1.0;
            stack.wait_until_stored(stored);
            let before = stack.chat.total();
            assert_eq!(ask(), first, "{question:?}");
            assert_eq!(stack.chat.total(), before, "it was a hit");
        }
    }
}
