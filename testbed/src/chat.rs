//! What a small chat service answers, in the form of OpenAI's chat completions: as a script for [`Origin`](crate::Origin).

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Answer, Body, Question};

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As it should.
    Whole,
    /// The connection breaks in the middle of the body.
    BreaksOff,
    /// The stream ends, in good order to HTTP, without its last events.
    Ends,
    /// The model has reached its limit of tokens.
    Length,
    /// The model calls a tool.
    ToolCall,
    /// The model refuses.
    Refusal,
    /// The service says that something went wrong, after some text.
    Error,
}

/// The text of the last message of a request.
pub fn asked(question: &Question) -> String {
    let body: Value = serde_json::from_slice(&question.body).unwrap_or_default();
    let last = body["messages"].as_array().and_then(|messages| messages.last().cloned());
    last.unwrap_or_default()["content"].as_str().unwrap_or_default().to_owned()
}

/// An answer with this text, whole or as events as the request wants it, with a pause before each event.
pub fn answer(question: &Question, text: &str, end: End, pause: Duration) -> Answer {
    let body: Value = serde_json::from_slice(&question.body).unwrap_or_default();
    let head = json!({"id": "chatcmpl-1", "created": 1_700_000_000, "model": body["model"]});
    if body["stream"] == true { events(head, text, end, pause) } else { whole(head, text, end) }
}

fn whole(mut head: Value, text: &str, end: End) -> Answer {
    let (message, reason) = match end {
        End::ToolCall => {
            (json!({"role": "assistant", "content": null, "tool_calls": [tool_call()]}), "tool_calls")
        }
        End::Refusal => (json!({"role": "assistant", "content": null, "refusal": "I will not."}), "stop"),
        End::Length => (json!({"role": "assistant", "content": text}), "length"),
        End::Whole | End::BreaksOff | End::Ends | End::Error => {
            (json!({"role": "assistant", "content": text, "refusal": null}), "stop")
        }
    };
    if end == End::Error {
        head = json!({"error": {"message": "overloaded", "type": "server_error"}});
    } else {
        head["object"] = json!("chat.completion");
        head["choices"] =
            json!([{"index": 0, "message": message, "logprobs": null, "finish_reason": reason}]);
        head["usage"] = json!({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12});
    }
    let body = head.to_string().into_bytes();
    let half = body[..body.len() / 2].to_vec();
    let answer = Answer::json(body.clone());
    match end {
        End::BreaksOff => answer.body(Body::CutOff(body.len(), half)),
        End::Ends => answer.body(Body::UntilClose(half)),
        _ => answer,
    }
}

fn tool_call() -> Value {
    json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}})
}

fn events(mut head: Value, text: &str, end: End, pause: Duration) -> Answer {
    head["object"] = json!("chat.completion.chunk");
    let event = |delta: Value, reason: Value| {
        let mut chunk = head.clone();
        chunk["choices"] = json!([{"index": 0, "delta": delta, "finish_reason": reason}]);
        format!("data: {chunk}\n\n").into_bytes()
    };
    let mut pieces = vec![event(json!({"role": "assistant", "content": ""}), Value::Null)];
    pieces.extend(text.split_inclusive(' ').map(|word| event(json!({"content": word}), Value::Null)));
    let stop = |reason: &str| event(json!({}), json!(reason));
    match end {
        End::Whole => pieces.push(stop("stop")),
        End::Length => pieces.push(stop("length")),
        End::ToolCall => {
            pieces.push(event(json!({"tool_calls": [tool_call()]}), Value::Null));
            pieces.push(stop("tool_calls"));
        }
        End::Refusal => {
            pieces.push(event(json!({"refusal": "I will not."}), Value::Null));
            pieces.push(stop("stop"));
        }
        End::Error => pieces.push(b"data: {\"error\": {\"message\": \"overloaded\"}}\n\n".to_vec()),
        End::BreaksOff | End::Ends => {}
    }
    if !matches!(end, End::BreaksOff | End::Ends) {
        pieces.push(b"data: [DONE]\n\n".to_vec());
    }
    let answer =
        Answer::new(200, "").header("content-type", "text/event-stream").header("cache-control", "no-cache");
    match end {
        End::BreaksOff => {
            let all = pieces.concat();
            answer.body(Body::CutOff(all.len() + 100, all))
        }
        _ => answer.body(Body::Chunked(pieces, pause)),
    }
}
