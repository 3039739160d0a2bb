//! Answers of an OpenAI-compatible chat server, passed on as they come.

use std::time::Duration;

use async_trait::async_trait;
use event_stream::{Item, Parser};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Method, Response, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::extractive::{near, sources};
use super::{Answered, Asked, Engine, EngineError, Shelf, Source, Voice};
use crate::client::Client;
use crate::config;
use crate::embedder::Priority;
use crate::semantic::fingerprint;

/// The longest event that a server may send, in bytes.
const EVENT_BYTES: usize = 1 << 20;
/// How much of an error's text is passed on, in bytes.
const ERROR_BYTES: usize = 4_096;
/// What ends a stream.
const DONE: &str = "[DONE]";

/// An OpenAI-compatible chat server.
#[derive(Debug)]
pub(crate) struct OpenAi {
    client: Client,
    model: String,
    system: String,
    /// Where passages come from, if it is given any.
    shelf: Option<Shelf>,
    passages: usize,
    min_similarity: f32,
    first: Duration,
    pause: Duration,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Value>,
}

impl OpenAi {
    /// The one of the settings; `shelf` is where passages come from.
    pub(crate) fn new(config: &config::Rag, shelf: Option<Shelf>) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::new(&config.chat_url, config.chat_api_key.reveal())?,
            model: config.chat_model.clone(),
            system: config.chat_system.clone(),
            shelf,
            passages: config.chat_passages,
            min_similarity: config.min_similarity.get() as f32,
            first: Duration::from_millis(config.chat_first_ms),
            pause: Duration::from_millis(config.chat_pause_ms),
        })
    }

    /// What is said to the server, and the passages that are among it.
    async fn messages(&self, asked: &Asked, voice: &Voice) -> Result<(Vec<Value>, Vec<Source>), EngineError> {
        let mut messages = Vec::new();
        if !self.system.is_empty() {
            messages.push(json!({ "role": "system", "content": self.system }));
        }
        let mut given = Vec::new();
        if let Some(shelf) = &self.shelf {
            voice.tell("retrieving").await?;
            let vector = shelf.embedder.embed_text(&asked.question, Priority::High).await?;
            let corpus = shelf.library.corpus();
            let found = near(&corpus, &asked.question, &vector, self.passages, self.min_similarity);
            given = sources(&found);
            if !found.is_empty() {
                let passage = |(number, source): (usize, &Source)| {
                    let blocks = found.get(number).map(|found| found.passage.blocks.join("\n\n"));
                    format!("[{}] {}\n{}", source.number, source.heading, blocks.unwrap_or_default())
                };
                let passages: Vec<String> = given.iter().enumerate().map(passage).collect();
                let told = format!(
                    "Answer from these passages, and cite them by their numbers, such as [1].\n\n{}",
                    passages.join("\n\n")
                );
                messages.push(json!({ "role": "system", "content": told }));
            }
        }
        for said in &asked.history {
            messages.push(json!({ "role": said.role, "content": said.content }));
        }
        messages.push(json!({ "role": "user", "content": asked.question }));
        Ok((messages, given))
    }

    async fn open(&self, messages: Vec<Value>, by: Instant) -> Result<Response<Incoming>, EngineError> {
        let body = json!({ "model": self.model, "messages": messages, "stream": true }).to_string();
        let headers = [("content-type", "application/json"), ("accept", "text/event-stream")];
        let opening = self.client.open(Method::POST, "/chat/completions", &headers, body);
        let answer = timeout_at(by, opening)
            .await
            .map_err(|_| stalled("no answer", self.first))?
            .map_err(|error| EngineError::Unavailable(format!("{error:#}")))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let body = http_body_util::Limited::new(answer.into_body(), ERROR_BYTES).collect();
        // What does not come in time, or is too much, need not be told.
        let said = match timeout_at(by, body).await {
            Ok(Ok(body)) => String::from_utf8_lossy(&body.to_bytes()).chars().take(300).collect(),
            _ => String::new(),
        };
        let why = format!("{status}: {said}");
        Err(if status.as_u16() == 429 { EngineError::Busy(why) } else { EngineError::Unavailable(why) })
    }
}

#[async_trait]
impl Engine for OpenAi {
    fn model(&self) -> &str {
        &self.model
    }

    fn instructions(&self) -> String {
        fingerprint(&[&self.system, &self.passages.to_string()])
    }

    async fn answer(&self, asked: &Asked, voice: &Voice) -> Result<Answered, EngineError> {
        let (messages, sources) = self.messages(asked, voice).await?;
        voice.tell("answering").await?;
        let mut by = Instant::now() + self.first;
        let answer = self.open(messages, by).await?;
        let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.trim_start().starts_with("text/event-stream")) {
            let found = kind.unwrap_or("nothing");
            return Err(EngineError::Garbage(format!("content-type {found}, expected text/event-stream")));
        }
        let mut body = answer.into_body();
        let mut parser = Parser::new(EVENT_BYTES);
        let mut reading = Reading::default();
        let mut wait = self.first;
        loop {
            let frame = match timeout_at(by, body.frame()).await {
                Err(_) => return Err(stalled("nothing came", wait)),
                Ok(None) => break,
                Ok(Some(Err(error))) => return Err(EngineError::BrokeOff(error.to_string())),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            let items = parser.push(&data).map_err(|error| EngineError::Garbage(error.to_string()))?;
            for item in items {
                let Item::Event(event) = item else { continue };
                if event.data == DONE {
                    return reading.end(sources);
                }
                for text in reading.take(&event.data)? {
                    voice.say(text).await?;
                    // Only what is said counts: a server that sends comments for ever stalls too.
                    wait = self.pause;
                    by = Instant::now() + wait;
                }
            }
        }
        match &reading.finish {
            // Some servers say why they end, and then just do.
            Some(_) => reading.end(sources),
            None => Err(EngineError::BrokeOff("its stream ended before its answer did".to_owned())),
        }
    }
}

fn stalled(what: &str, wait: Duration) -> EngineError {
    EngineError::TimedOut(format!("{what} within {} ms", wait.as_millis()))
}

/// What was read of an answer so far.
#[derive(Debug, Default)]
struct Reading {
    said_something: bool,
    finish: Option<String>,
    is_refusal: bool,
    has_tools: bool,
}

impl Reading {
    /// Reads an event; the texts in it.
    fn take(&mut self, data: &str) -> Result<Vec<String>, EngineError> {
        let chunk: Chunk = serde_json::from_str(data).map_err(|error| {
            let shown: String = data.chars().take(60).collect();
            EngineError::Garbage(format!("{shown:?}: {error}"))
        })?;
        if let Some(error) = chunk.error {
            return Err(EngineError::BrokeOff(error.to_string().chars().take(300).collect()));
        }
        let Some(choice) = chunk.choices.into_iter().next() else { return Ok(Vec::new()) };
        self.is_refusal |= choice.delta.refusal.as_ref().is_some_and(|text| !text.is_empty());
        self.has_tools |= choice.delta.tool_calls.is_some_and(|calls| !calls.is_null());
        if choice.finish_reason.is_some() {
            self.finish = choice.finish_reason;
        }
        let texts = [choice.delta.content, choice.delta.refusal].into_iter().flatten();
        let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
        self.said_something |= !texts.is_empty();
        Ok(texts)
    }

    /// The answer is complete.
    fn end(&self, sources: Vec<Source>) -> Result<Answered, EngineError> {
        if !self.said_something {
            return Err(EngineError::Garbage("its answer has no text".to_owned()));
        }
        // Cut by a limit or a filter, a refusal, or a call of a tool: an answer to this client alone.
        let is_whole = self.finish.as_deref().is_none_or(|finish| finish == "stop");
        let may_be_kept = is_whole && !self.is_refusal && !self.has_tools;
        Ok(Answered { sources, found: true, may_be_kept })
    }
}
