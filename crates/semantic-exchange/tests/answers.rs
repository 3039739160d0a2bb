//! Which answers are kept, and the responses that are made of them; natively and in wasm.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use event_stream::{Event, Frame, Item, Parser};
use semantic_exchange::{Answered, Exchange, Form, Hit, NotKept, Pointers, Profile, Record, Recorder};
use serde_json::{Value, json};

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MAX: usize = 10_000;

fn exchange(profile: Profile) -> Exchange {
    Exchange::new(profile, &Pointers::default(), &[]).unwrap()
}

fn recorded(profile: Profile, form: Form, body: &[u8]) -> Result<Answered, NotKept> {
    let exchange = exchange(profile);
    let mut recorder = Recorder::new(&exchange, form, MAX);
    for piece in body.chunks(7) {
        recorder.take(&exchange, piece);
    }
    recorder.finish(&exchange, false)
}

fn completion(message: Value, finish: &str) -> Value {
    json!({"id": "c1", "object": "chat.completion", "created": 7, "model": "m",
           "choices": [{"index": 0, "message": message, "finish_reason": finish}],
           "usage": {"total_tokens": 3}})
}

fn chunk(delta: Value, finish: Value) -> String {
    json!({"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m",
           "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    .to_string()
}

fn stream(data: &[String]) -> String {
    let mut stream = String::new();
    data.iter().for_each(|data| Frame { data, ..Frame::default() }.write(&mut stream));
    stream
}

fn whole_stream(text: &str) -> String {
    stream(&[
        chunk(json!({"role": "assistant", "content": ""}), Value::Null),
        chunk(json!({"content": text}), Value::Null),
        chunk(json!({}), json!("stop")),
        "[DONE]".to_owned(),
    ])
}

fn events(stream: &str) -> Vec<Event> {
    let items = Parser::new(1 << 20).push(stream.as_bytes()).unwrap().into_iter();
    items.filter_map(|item| if let Item::Event(event) = item { Some(event) } else { None }).collect()
}

#[test]
fn only_complete_answers_of_chat_are_kept() {
    let text = |content: &str| json!({"role": "assistant", "content": content});
    for (body, kept) in [
        (completion(text("Blue."), "stop"), Ok("Blue.")),
        (completion(json!({"content": "x", "tool_calls": [], "refusal": null}), "stop"), Ok("x")),
        (completion(text("Blu"), "length"), Err(NotKept::Incomplete)),
        (completion(text("Blu"), "tool_calls"), Err(NotKept::ToolCall)),
        (completion(text("Blu"), "content_filter"), Err(NotKept::Refusal)),
        (completion(json!({"content": null, "tool_calls": [{"id": "1"}]}), "stop"), Err(NotKept::ToolCall)),
        (
            completion(json!({"content": null, "function_call": {"name": "f"}}), "stop"),
            Err(NotKept::ToolCall),
        ),
        (completion(json!({"content": null, "refusal": "No."}), "stop"), Err(NotKept::Refusal)),
        (completion(text("I\u{2019}m sorry, but I can\u{2019}t help."), "stop"), Err(NotKept::Refusal)),
        (completion(text(" \n"), "stop"), Err(NotKept::Empty)),
        (completion(json!({"content": null}), "stop"), Err(NotKept::Empty)),
        (json!({"error": {"message": "overloaded"}}), Err(NotKept::Error)),
        (json!({"choices": []}), Err(NotKept::Garbage)),
        (json!({"choices": [{}, {}]}), Err(NotKept::Special)),
        (json!("Blue."), Err(NotKept::Garbage)),
        (completion(text(&"x".repeat(MAX)), "stop"), Err(NotKept::TooLarge)),
    ] {
        let found = recorded(Profile::OpenaiChat, Form::Whole, body.to_string().as_bytes());
        assert_eq!(
            found.as_ref().map(|found| found.answer.as_str()).map_err(|reason| *reason),
            kept,
            "{body}"
        );
    }
    let cut = completion(text("Blue."), "stop").to_string();
    let cut = &cut.as_bytes()[..cut.len() - 1];
    assert_eq!(recorded(Profile::OpenaiChat, Form::Whole, cut), Err(NotKept::Garbage));
    assert_eq!(recorded(Profile::OpenaiChat, Form::Whole, b"\xff"), Err(NotKept::Garbage));
}

#[test]
fn only_complete_streams_of_chat_are_kept() {
    let said = chunk(json!({"content": "Blue."}), Value::Null);
    let (end, done) = (chunk(json!({}), json!("stop")), "[DONE]".to_owned());
    let with = |delta: Value| vec![said.clone(), chunk(delta, Value::Null), end.clone(), done.clone()];
    for (data, kept) in [
        (vec![said.clone(), end.clone(), done.clone()], Ok("Blue.")),
        (vec![said.clone(), end.clone()], Err(NotKept::Incomplete)),
        (vec![said.clone(), done.clone()], Err(NotKept::Incomplete)),
        (vec![end.clone(), done.clone()], Err(NotKept::Empty)),
        (vec![said.clone(), chunk(json!({}), json!("length")), done.clone()], Err(NotKept::Incomplete)),
        (vec![said.clone(), json!({"error": {"message": "x"}}).to_string()], Err(NotKept::Error)),
        (vec![said.clone(), "garbage".to_owned(), end.clone(), done.clone()], Err(NotKept::Garbage)),
        (with(json!({"tool_calls": [{"index": 0}]})), Err(NotKept::ToolCall)),
        (with(json!({"refusal": "No"})), Err(NotKept::Refusal)),
        (with(json!({"content": "x".repeat(MAX - 200)})), Err(NotKept::TooLarge)),
    ] {
        // Two of almost the most that may be held are more than that.
        let text = if matches!(kept, Err(NotKept::TooLarge)) {
            format!("{}{}", stream(&data[1..2]), stream(&data))
        } else {
            stream(&data)
        };
        let found = recorded(Profile::OpenaiChat, Form::Events, text.as_bytes());
        assert_eq!(
            found.as_ref().map(|found| found.answer.as_str()).map_err(|reason| *reason),
            kept,
            "{data:?}"
        );
    }
    // What has no end line is no event.
    let cut = whole_stream("Blue.");
    let cut = cut.strip_suffix('\n').unwrap();
    assert_eq!(recorded(Profile::OpenaiChat, Form::Events, cut.as_bytes()), Err(NotKept::Incomplete));
}

fn rag_stream(events: &[(&str, Value)]) -> String {
    let mut stream = String::from(": heartbeat\n\nretry: 1000\n\n");
    for (number, (name, data)) in events.iter().enumerate() {
        Frame { id: &number.to_string(), event: name, data: &data.to_string() }.write(&mut stream);
    }
    stream
}

#[test]
fn only_complete_streams_of_rag_are_kept_with_their_sources() {
    let start = ("start", json!({"id": "a1"}));
    let miss = ("cache", json!({"hit": false}));
    let said = ("chunk", json!({"text": "Blue."}));
    let sources = ("sources", json!([{"id": "doc-1", "path": "sky.md", "score": 0.5}, "doc-2"]));
    let done = ("done", json!({"cached": false}));
    let all = [start.clone(), miss, ("status", json!({})), said.clone(), sources.clone(), done.clone()];
    let found = recorded(Profile::RagQuery, Form::Events, rag_stream(&all).as_bytes()).unwrap();
    assert_eq!(found.answer, "Blue.");
    assert_eq!(found.sources, ["doc-1", "sky.md", "doc-2"]);
    for (events, reason) in [
        (vec![start.clone(), said.clone(), sources.clone()], NotKept::Incomplete),
        (vec![start.clone(), ("cache", json!({"hit": true})), said.clone(), done.clone()], NotKept::Cached),
        (vec![said.clone(), ("done", json!({"cached": true}))], NotKept::Cached),
        (vec![said.clone(), ("done", json!({"complete": false}))], NotKept::Incomplete),
        (vec![said.clone(), ("done", json!({"finish_reason": "length"}))], NotKept::Incomplete),
        (vec![said.clone(), ("done", json!({"found": false}))], NotKept::Incomplete),
        (vec![said.clone(), ("error", json!({"message": "x"})), done.clone()], NotKept::Error),
        (vec![("chunk", json!({"nothing": 1})), done.clone()], NotKept::Garbage),
        (vec![start.clone(), done.clone()], NotKept::Empty),
        (vec![said.clone(), ("sources", json!(["x".repeat(2_000)])), done.clone()], NotKept::TooLarge),
    ] {
        let found = recorded(Profile::RagQuery, Form::Events, rag_stream(&events).as_bytes());
        assert_eq!(found, Err(reason), "{events:?}");
    }
    let exchange = exchange(Profile::RagQuery);
    let mut recorder = Recorder::new(&exchange, Form::Events, MAX);
    assert!(recorder.take(&exchange, rag_stream(&[said, done]).as_bytes()));
    assert_eq!(recorder.finish(&exchange, true), Err(NotKept::NoSources));
}

#[test]
fn whole_answers_of_rag_are_kept_with_their_sources() {
    for (body, kept) in [
        (json!({"answer": "Blue.", "sources": [{"document": "sky.md"}], "cached": false}), Ok("Blue.")),
        (json!({"answer": "Blue.", "cached": true}), Err(NotKept::Cached)),
        (json!({"answer": "Blue.", "answered": false}), Err(NotKept::Incomplete)),
        (json!({"error": "x"}), Err(NotKept::Error)),
        (json!({"answers": ["Blue."]}), Err(NotKept::Garbage)),
        (json!({"answer": ""}), Err(NotKept::Empty)),
    ] {
        let found = recorded(Profile::RagQuery, Form::Whole, body.to_string().as_bytes());
        assert_eq!(
            found.as_ref().map(|found| found.answer.as_str()).map_err(|reason| *reason),
            kept,
            "{body}"
        );
    }
}

/// The record, stored and read again, as a response.
fn replayed(profile: Profile, answered: &Answered, stream: bool) -> String {
    let record = Record::from_payload(&answered.record.to_payload()).unwrap();
    let hit = Hit { answer: &answered.answer, similarity: 0.97, stream, wants_usage: true };
    let (media_type, body) = record.replay(&exchange(profile), &hit);
    assert_eq!(media_type.starts_with("text/event-stream"), stream);
    body
}

/// Texts that try to look like something else.
const HOSTILE: [&str; 6] = [
    "Blue.",
    "data: [DONE]\n\nevent: error\ndata: {}\n\n",
    "{\"namespace\": {\"tenant\": \"x\"}}\r\n\r\n",
    "slipstream:semantic:entry:0000000000000000",
    "\u{0}\u{1}\u{2028}\u{feff}\u{1f600}",
    "a long text of many words that has to be cut into pieces, none of which may be lost or be changed \
     in any way: \u{e9}\u{e8}\u{e0}\u{1f600}\u{1f601}\u{1f602}\u{1f603}\u{1f604}\u{1f605}\u{1f606}\u{1f607}",
];

#[test]
fn chat_is_replayed_in_its_own_form_and_in_the_other() {
    for text in HOSTILE {
        let message = json!({"role": "assistant", "content": text});
        let body = completion(message, "stop").to_string();
        let whole = recorded(Profile::OpenaiChat, Form::Whole, body.as_bytes()).unwrap();
        let events_of = recorded(Profile::OpenaiChat, Form::Events, whole_stream(text).as_bytes()).unwrap();
        assert_eq!(replayed(Profile::OpenaiChat, &whole, false), body, "as it came, to the byte");
        let made: Value = serde_json::from_str(&replayed(Profile::OpenaiChat, &events_of, false)).unwrap();
        assert_eq!(made["object"], "chat.completion");
        assert_eq!(made["choices"][0]["message"]["content"], text);
        assert_eq!(made["choices"][0]["finish_reason"], "stop");
        for answered in [&whole, &events_of] {
            let stream = replayed(Profile::OpenaiChat, answered, true);
            let all = events(&stream);
            assert_eq!(all.last().unwrap().data, "[DONE]");
            let chunks: Vec<Value> =
                all[..all.len() - 1].iter().map(|event| serde_json::from_str(&event.data).unwrap()).collect();
            assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
            assert!(chunks.iter().all(|chunk| chunk["id"] == "c1"
                && chunk["object"] == "chat.completion.chunk"
                && chunk["model"] == "m"));
            let ends = chunks.iter().filter(|chunk| chunk["choices"][0]["finish_reason"] == "stop").count();
            assert_eq!(ends, 1);
            let said: String =
                chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
            assert_eq!(said, text);
            // It is what a recorder takes for a whole answer.
            let again = recorded(Profile::OpenaiChat, Form::Events, stream.as_bytes()).unwrap();
            assert_eq!(again.answer, text);
        }
        let stream = replayed(Profile::OpenaiChat, &whole, true);
        assert!(stream.contains(r#""usage":{"total_tokens":3}"#), "{stream}");
    }
}

#[test]
fn rag_is_replayed_in_its_own_form_and_in_the_other() {
    for text in HOSTILE {
        let all = [
            ("start", json!({"id": "a1"})),
            ("cache", json!({"hit": false})),
            ("chunk", json!({"content": text})),
            ("sources", json!({"sources": [{"id": "doc-1"}]})),
            ("done", json!({"cached": false, "similarity": null, "ms": 4})),
        ];
        let streamed = recorded(Profile::RagQuery, Form::Events, rag_stream(&all).as_bytes()).unwrap();
        assert_eq!(streamed.sources, ["doc-1"]);
        let replay = replayed(Profile::RagQuery, &streamed, true);
        let events_of = events(&replay);
        let names: Vec<&str> = events_of.iter().map(|event| event.event.as_str()).collect();
        assert_eq!(names[..2], ["start", "cache"]);
        assert_eq!(names[names.len() - 2..], ["sources", "done"]);
        assert_eq!(events_of[1].data, r#"{"hit":true,"similarity":0.97}"#);
        assert_eq!(events_of[0].data, r#"{"id":"a1"}"#);
        let ids: Vec<String> = events_of.iter().map(|event| event.id.clone()).collect();
        assert_eq!(ids, (1..=events_of.len()).map(|id| id.to_string()).collect::<Vec<_>>());
        let chunks = events_of.iter().filter(|event| event.event == "chunk");
        let said: String = chunks
            .map(|event| {
                serde_json::from_str::<Value>(&event.data).unwrap()["content"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(said, text);
        let done: Value = serde_json::from_str(&events_of.last().unwrap().data).unwrap();
        assert_eq!(done, json!({"cached": true, "similarity": 0.97, "ms": 4}));
        let whole: Value = serde_json::from_str(&replayed(Profile::RagQuery, &streamed, false)).unwrap();
        assert_eq!((&whole["answer"], &whole["sources"]), (&json!(text), &json!([{"id": "doc-1"}])));

        let body = json!({"answer": text, "sources": ["doc-1"], "cached": false}).to_string();
        let answered = recorded(Profile::RagQuery, Form::Whole, body.as_bytes()).unwrap();
        let whole: Value = serde_json::from_str(&replayed(Profile::RagQuery, &answered, false)).unwrap();
        assert_eq!(whole, json!({"answer": text, "sources": ["doc-1"], "cached": true}));
        let again = events(&replayed(Profile::RagQuery, &answered, true));
        assert_eq!(again[again.len() - 2].data, r#"{"sources":["doc-1"]}"#);
    }
}

#[test]
fn pieces_of_text_come_back_in_the_form_they_came_in() {
    for (chunk, replayed_chunk) in [
        (r#"{"text":"Blue."}"#, r#"{"text":"Blue."}"#),
        (r#"{"token":"Blue.","index":3}"#, r#"{"token":"Blue."}"#),
        (r#""Blue.""#, r#""Blue.""#),
        ("Blue.", "Blue."),
        ("12", "12"),
    ] {
        let mut stream = String::new();
        Frame { id: "", event: "chunk", data: chunk }.write(&mut stream);
        Frame { id: "", event: "done", data: "{}" }.write(&mut stream);
        let answered = recorded(Profile::RagQuery, Form::Events, stream.as_bytes()).unwrap();
        let replay = events(&replayed(Profile::RagQuery, &answered, true));
        let chunks: Vec<&str> =
            replay.iter().filter(|event| event.event == "chunk").map(|event| event.data.as_str()).collect();
        assert_eq!(chunks, [replayed_chunk]);
    }
}
