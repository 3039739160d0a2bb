//! OpenAI's chat completions.

use event_stream::{Event, Frame};
use serde_json::{Map, Value, json};

use crate::ask::{Said, Unusable};
use crate::json::says_something;
use crate::profile::{Exchange, take};
use crate::record::{Hit, Record, pieces};
use crate::recorder::{Answered, NotKept, first_sources};

/// The question of a list of messages, and what comes before it.
pub(crate) fn said(body: &mut Value, messages: &str) -> Result<Said, Unusable> {
    let Some(Value::Array(mut messages)) = take(body, messages) else { return Err(Unusable::NoQuestion) };
    let Some(Value::Object(mut last)) = messages.pop() else { return Err(Unusable::NoQuestion) };
    if last.remove("role") != Some(Value::String("user".to_owned())) {
        return Err(Unusable::NoQuestion);
    }
    let question = content_text(last.remove("content"))?;
    if several(body) || says_something(body.get("logprobs")) {
        return Err(Unusable::Special);
    }
    if says_something(body.get("audio")) {
        return Err(Unusable::NotText);
    }
    if let Some(members) = body.as_object_mut() {
        // What holds without it.
        members.retain(|name, value| name != "n" || value.as_u64() != Some(1));
    }
    let is_system = |message: &&Value| {
        matches!(message.get("role").and_then(Value::as_str), Some("system" | "developer"))
    };
    let systems = messages.iter().take_while(is_system).count();
    let mut history = messages.split_off(systems);
    // A name that the question carries, say, is something that an answer may depend on.
    if !last.is_empty() {
        history.push(Value::Object(last));
    }
    let text = |messages: Vec<Value>| {
        if messages.is_empty() { String::new() } else { Value::Array(messages).to_string() }
    };
    Ok(Said { question, system: text(messages), history: text(history) })
}

fn several(body: &Value) -> bool {
    body.get("n").is_some_and(|n| !n.is_null() && n.as_u64() != Some(1))
}

fn content_text(content: Option<Value>) -> Result<String, Unusable> {
    match content {
        Some(Value::String(text)) => Ok(text),
        Some(Value::Array(parts)) => {
            let texts: Option<Vec<&str>> = parts
                .iter()
                .map(|part| match part.get("type").and_then(Value::as_str) {
                    Some("text") => part.get("text").and_then(Value::as_str),
                    _ => None,
                })
                .collect();
            texts.map(|texts| texts.join("\n")).ok_or(Unusable::NotText)
        }
        _ => Err(Unusable::NoQuestion),
    }
}

/// What a whole answer says.
pub(crate) fn whole(exchange: &Exchange, body: &str, value: &Value) -> Result<Answered, NotKept> {
    if says_something(value.get("error")) {
        return Err(NotKept::Error);
    }
    let choice = match value.get("choices").and_then(Value::as_array).map(Vec::as_slice) {
        Some([choice]) => choice,
        Some([_, _, ..]) => return Err(NotKept::Special),
        _ => return Err(NotKept::Garbage),
    };
    let message = choice.get("message").unwrap_or(&Value::Null);
    check_said(message)?;
    check_finish(choice.get("finish_reason").and_then(Value::as_str))?;
    let Some(answer) = message.get("content").and_then(Value::as_str) else { return Err(NotKept::Empty) };
    Ok(Answered {
        answer: answer.to_owned(),
        sources: first_sources(value, &exchange.at.sources)?,
        record: Record { body: Some(body.to_owned()), ..Record::default() },
    })
}

/// Whether a message, or a piece of one, says anything but a text.
fn check_said(message: &Value) -> Result<(), NotKept> {
    if says_something(message.get("tool_calls")) || says_something(message.get("function_call")) {
        return Err(NotKept::ToolCall);
    }
    if says_something(message.get("refusal")) {
        return Err(NotKept::Refusal);
    }
    if says_something(message.get("audio")) {
        return Err(NotKept::Special);
    }
    Ok(())
}

fn check_finish(reason: Option<&str>) -> Result<(), NotKept> {
    match reason {
        Some("stop") => Ok(()),
        Some("tool_calls" | "function_call") => Err(NotKept::ToolCall),
        Some("content_filter") => Err(NotKept::Refusal),
        _ => Err(NotKept::Incomplete),
    }
}

/// What a stream of chunks has said so far.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    head: Option<Value>,
    text: String,
    finish: Option<String>,
    usage: Option<Value>,
    sources: Vec<String>,
    is_done: bool,
}

impl Chunks {
    /// Takes the next event in.
    pub(crate) fn take(&mut self, exchange: &Exchange, event: Event) -> Result<(), NotKept> {
        if event.event == "error" {
            return Err(NotKept::Error);
        }
        if self.is_done {
            return Ok(());
        }
        if event.data == "[DONE]" {
            self.is_done = true;
            return Ok(());
        }
        let mut chunk: Value = serde_json::from_str(&event.data).map_err(|_| NotKept::Garbage)?;
        let Some(members) = chunk.as_object_mut() else { return Err(NotKept::Garbage) };
        if says_something(members.get("error")) {
            return Err(NotKept::Error);
        }
        if let Some(usage) = members.remove("usage").filter(|usage| !usage.is_null()) {
            self.usage = Some(usage);
        }
        let choices = members.remove("choices");
        let found = first_sources(&chunk, &exchange.at.sources)?;
        if !found.is_empty() {
            self.sources = found;
        }
        if self.head.is_none() {
            if event.data.len() > MAX_HEAD_BYTES {
                return Err(NotKept::TooLarge);
            }
            self.head = Some(chunk);
        }
        match choices.as_ref().and_then(Value::as_array).map(Vec::as_slice) {
            None | Some([]) => Ok(()),
            Some([choice]) => self.take_choice(choice),
            Some(_) => Err(NotKept::Special),
        }
    }

    fn take_choice(&mut self, choice: &Value) -> Result<(), NotKept> {
        if choice.get("index").and_then(Value::as_u64).unwrap_or(0) != 0 {
            return Err(NotKept::Special);
        }
        let delta = choice.get("delta").unwrap_or(&Value::Null);
        check_said(delta)?;
        if let Some(content) = delta.get("content").and_then(Value::as_str) {
            self.text.push_str(content);
        }
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
            self.finish = Some(reason.to_owned());
        }
        Ok(())
    }

    /// Bytes that are held.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// What was said, if it is whole.
    pub(crate) fn finish(self) -> Result<Answered, NotKept> {
        if !self.is_done {
            return Err(NotKept::Incomplete);
        }
        check_finish(self.finish.as_deref())?;
        Ok(Answered {
            answer: self.text,
            sources: self.sources,
            record: Record { head: self.head, usage: self.usage, ..Record::default() },
        })
    }
}

/// Bytes that the first chunk may have.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// The members that a chunk and a whole answer share.
fn head(record: &Record) -> Map<String, Value> {
    let whole = || record.body.as_deref().and_then(|body| serde_json::from_str::<Value>(body).ok());
    let mut head = match record.head.clone().or_else(whole) {
        Some(Value::Object(head)) => head,
        _ => Map::new(),
    };
    for other in ["choices", "usage", "object"] {
        head.remove(other);
    }
    head.entry("id").or_insert_with(|| json!("chatcmpl-slipstream"));
    head.entry("created").or_insert_with(|| json!(0));
    head.entry("model").or_insert_with(|| json!(""));
    head
}

fn usage(record: &Record) -> Option<Value> {
    let whole = || {
        let mut body: Value = serde_json::from_str(record.body.as_deref()?).ok()?;
        take(&mut body, "/usage").filter(|usage| !usage.is_null())
    };
    record.usage.clone().or_else(whole)
}

/// The answer as a whole.
pub(crate) fn replay_whole(record: &Record, hit: &Hit<'_>) -> String {
    if let Some(body) = &record.body {
        return body.clone();
    }
    let mut whole = head(record);
    whole.insert("object".to_owned(), json!("chat.completion"));
    let message = json!({ "role": "assistant", "content": hit.answer, "refusal": null });
    let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": "stop" });
    whole.insert("choices".to_owned(), json!([choice]));
    if let Some(usage) = usage(record) {
        whole.insert("usage".to_owned(), usage);
    }
    Value::Object(whole).to_string()
}

/// The answer as events.
pub(crate) fn replay_events(record: &Record, hit: &Hit<'_>) -> String {
    let head = head(record);
    let mut stream = String::new();
    let mut send = |choices: Value, usage: Option<Value>| {
        let mut chunk = head.clone();
        chunk.insert("object".to_owned(), json!("chat.completion.chunk"));
        chunk.insert("choices".to_owned(), choices);
        if let Some(usage) = usage {
            chunk.insert("usage".to_owned(), usage);
        }
        Frame { data: &Value::Object(chunk).to_string(), ..Frame::default() }.write(&mut stream);
    };
    let none = hit.wants_usage.then_some(Value::Null);
    let choice = |delta: Value, reason: Value| json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": reason }]);
    send(choice(json!({ "role": "assistant", "content": "" }), Value::Null), none.clone());
    for piece in pieces(hit.answer) {
        send(choice(json!({ "content": piece }), Value::Null), none.clone());
    }
    send(choice(json!({}), json!("stop")), none);
    if let Some(usage) = usage(record).filter(|_| hit.wants_usage) {
        send(json!([]), Some(usage));
    }
    Frame { data: "[DONE]", ..Frame::default() }.write(&mut stream);
    stream
}
