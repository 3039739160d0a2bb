//! A question in, an answer and its sources out.

use event_stream::{Event, Frame};
use serde_json::{Value, json};

use crate::json::says_something;
use crate::profile::{Exchange, at};
use crate::record::{Hit, Record, pieces};
use crate::recorder::{Answered, NotKept, first_sources, sources_of};

/// Where the text may stand in the data of a chunk.
const TEXT_MEMBERS: [&str; 6] = ["text", "content", "delta", "chunk", "token", "answer"];

/// What a whole answer says.
pub(crate) fn whole(exchange: &Exchange, body: &str, value: &Value) -> Result<Answered, NotKept> {
    check(value)?;
    let Some(answer) = at(value, &exchange.at.answer).and_then(Value::as_str) else {
        return Err(NotKept::Garbage);
    };
    Ok(Answered {
        answer: answer.to_owned(),
        sources: first_sources(value, &exchange.at.sources)?,
        record: Record { body: Some(body.to_owned()), ..Record::default() },
    })
}

/// Whether data say that the answer is none to keep.
fn check(data: &Value) -> Result<(), NotKept> {
    if says_something(data.get("error")) {
        return Err(NotKept::Error);
    }
    if says_something(data.get("cached")) {
        return Err(NotKept::Cached);
    }
    let is_false = |name: &str| data.get(name) == Some(&Value::Bool(false));
    if is_false("complete")
        || is_false("answered")
        || is_false("found")
        || says_something(data.get("truncated"))
    {
        return Err(NotKept::Incomplete);
    }
    if says_something(data.get("refusal")) {
        return Err(NotKept::Refusal);
    }
    if says_something(data.get("tool_calls")) {
        return Err(NotKept::ToolCall);
    }
    match data.get("finish_reason").and_then(Value::as_str) {
        None | Some("stop") => Ok(()),
        Some("content_filter") => Err(NotKept::Refusal),
        Some("tool_calls" | "function_call") => Err(NotKept::ToolCall),
        Some(_) => Err(NotKept::Incomplete),
    }
}

/// What a stream of events has said so far.
#[derive(Debug, Default)]
pub(crate) struct Events {
    text: String,
    sources: Vec<String>,
    record: Record,
    is_done: bool,
}

impl Events {
    /// Takes the next event in.
    pub(crate) fn take(&mut self, exchange: &Exchange, event: Event) -> Result<(), NotKept> {
        let read = serde_json::from_str::<Value>(&event.data);
        if matches!((event.event.as_str(), &read), ("chunk" | "message", Ok(Value::String(_)))) {
            self.record.text_member.get_or_insert_with(String::new);
        }
        let data = read.unwrap_or_else(|_| Value::String(event.data.clone()));
        match event.event.as_str() {
            "error" => return Err(NotKept::Error),
            "cache" if says_something(data.get("hit")) => return Err(NotKept::Cached),
            "start" => self.record.start = Some(event.data),
            "chunk" | "message" => self.take_chunk(&data)?,
            "sources" => {
                self.sources = match &data {
                    Value::Array(_) => sources_of(&data)?,
                    other => first_sources(other, &exchange.at.sources)?,
                };
                self.record.sources = Some(event.data);
            }
            "done" => {
                check(&data)?;
                if self.sources.is_empty() {
                    self.sources = first_sources(&data, &exchange.at.sources)?;
                }
                self.record.done = Some(event.data);
                self.is_done = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn take_chunk(&mut self, data: &Value) -> Result<(), NotKept> {
        match data {
            Value::String(text) => self.text.push_str(text),
            Value::Object(members) => {
                let found = TEXT_MEMBERS
                    .iter()
                    .find_map(|name| Some((*name, members.get(*name).and_then(Value::as_str)?)));
                let Some((name, text)) = found else { return Err(NotKept::Garbage) };
                self.text.push_str(text);
                self.record.text_member.get_or_insert_with(|| name.to_owned());
            }
            // A text that happens to be a number, `true` or the like.
            other => self.text.push_str(&other.to_string()),
        }
        Ok(())
    }

    /// Bytes that are held.
    pub(crate) fn bytes(&self) -> usize {
        let Record { start, sources, done, .. } = &self.record;
        let events = [start, sources, done].into_iter().flatten().map(String::len).sum::<usize>();
        self.text.len() + events
    }

    /// What was said, if it is whole.
    pub(crate) fn finish(self) -> Result<Answered, NotKept> {
        if !self.is_done {
            return Err(NotKept::Incomplete);
        }
        Ok(Answered { answer: self.text, sources: self.sources, record: self.record })
    }
}

/// Says that an answer comes from a cache, where its data have a place for it.
fn mark(data: &mut Value, hit: &Hit<'_>) {
    if let Some(members) = data.as_object_mut() {
        if let Some(cached @ Value::Bool(_)) = members.get_mut("cached") {
            *cached = Value::Bool(true);
        }
        if let Some(similarity @ (Value::Null | Value::Number(_))) = members.get_mut("similarity") {
            *similarity = json!(hit.similarity);
        }
    }
}

fn marked(text: &str, hit: &Hit<'_>) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(mut data @ Value::Object(_)) => {
            mark(&mut data, hit);
            data.to_string()
        }
        _ => text.to_owned(),
    }
}

/// The answer as a whole.
pub(crate) fn replay_whole(record: &Record, exchange: &Exchange, hit: &Hit<'_>) -> String {
    if let Some(body) = &record.body {
        return marked(body, hit);
    }
    let sources = record.sources.as_deref().and_then(|data| serde_json::from_str::<Value>(data).ok());
    let sources = match sources {
        Some(list @ Value::Array(_)) => list,
        Some(other) => list_in(&other, exchange),
        None => json!([]),
    };
    json!({ "answer": hit.answer, "sources": sources, "cached": true, "similarity": hit.similarity })
        .to_string()
}

fn list_in(data: &Value, exchange: &Exchange) -> Value {
    exchange.at.sources.iter().find_map(|place| at(data, place)).cloned().unwrap_or_else(|| json!([]))
}

/// The answer as events.
pub(crate) fn replay_events(record: &Record, exchange: &Exchange, hit: &Hit<'_>) -> String {
    let mut stream = String::new();
    let mut number = 0_u64;
    let mut send = |name: &str, data: &str| {
        number += 1;
        Frame { id: &number.to_string(), event: name, data }.write(&mut stream);
    };
    send("start", record.start.as_deref().unwrap_or("{}"));
    send("cache", &json!({ "hit": true, "similarity": hit.similarity }).to_string());
    for piece in pieces(hit.answer) {
        match (&record.text_member, &record.body) {
            // Raw data are the text, which JSON could be taken for.
            (None, None) => send("chunk", piece),
            (Some(none), _) if none.is_empty() => send("chunk", &json!(piece).to_string()),
            (member, _) => {
                let member = member.as_deref().unwrap_or("text");
                send("chunk", &json!({ member: piece }).to_string());
            }
        }
    }
    match (&record.sources, &record.body) {
        (Some(sources), _) => send("sources", sources),
        (None, Some(body)) => {
            let body: Value = serde_json::from_str(body).unwrap_or_default();
            send("sources", &json!({ "sources": list_in(&body, exchange) }).to_string());
        }
        (None, None) => {}
    }
    send("done", &record.done.as_deref().map_or_else(|| "{}".to_owned(), |done| marked(done, hit)));
    stream
}
