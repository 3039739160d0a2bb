//! How soon the first part of an answer comes: from an engine itself, through the companion, and out of the semantic cache,
//! each of the latter two through Envoy.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use testbed::chat_server::Step;
use testbed::documentation::route_to;
use testbed::{
    ChatServer, Client, CompanionOptions, Documentation, EnvoyOptions, EventSource, FrontProxy, Request,
    wait_until,
};

use super::Verdict;

/// Questions that are asked.
const QUESTIONS: usize = 300;
/// Times that cached ones are asked again.
const CACHED: usize = 2_000;
/// How long the engine takes for its first words.
const THINKING: Duration = Duration::from_millis(20);
/// What a cached first chunk may take, at the 99th percentile, in milliseconds.
const CACHED_MS: f64 = 20.0;
/// What an uncached one may take longer than the engine's own, in milliseconds.
const ADDED_MS: f64 = 5.0;

/// What was measured, in milliseconds and ascending order.
#[derive(Debug)]
pub struct FirstChunk {
    engine: Vec<f64>,
    uncached: Vec<f64>,
    cached: Vec<f64>,
}

/// Measures it.
pub fn measure() -> Result<FirstChunk> {
    let server = ChatServer::start(|asked, _| {
        let say = |text: String| Step::Say(text);
        vec![
            Step::Pause(THINKING),
            say(format!("About {asked}: ")),
            say("some words, ".repeat(20)),
            say("and an end.".to_owned()),
            Step::Finish("stop"),
        ]
    })?;
    let settings = [
        ("SLIPSTREAM_RAG__ENGINE", "openai".to_owned()),
        ("SLIPSTREAM_RAG__CHAT_URL", server.url()),
        ("SLIPSTREAM_RAG__CHAT_MODEL", "chatty".to_owned()),
        ("SLIPSTREAM_RAG__CHAT_PASSAGES", "0".to_owned()),
        ("SLIPSTREAM_SEMANTIC__SHADOW_SHARE", "0".to_owned()),
    ];
    let env = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let service = Documentation::start(None, CompanionOptions { env, ..CompanionOptions::default() })?;
    let edits = route_to(service.port());
    let edits: Vec<(&str, &str)> = edits.iter().map(|(old, new)| (*old, new.as_str())).collect();
    let front = FrontProxy::start_edited(1, service.companion().port(), &EnvoyOptions::default(), &edits)?;

    let (direct, client) = (Client::new(), Client::new());
    let question = |number: usize| format!("what about topic number {number} of the long list?");
    let ask = |number: usize| {
        let body = json!({ "question": question(number) });
        EventSource::open_by(&client, Request::post_json(front.url("/query/stream"), &body))?.hear()
    };
    let milliseconds = |at: &Duration| at.as_secs_f64() * 1e3;
    let (mut engine, mut uncached, mut cached) = (Vec::new(), Vec::new(), Vec::new());
    // In turns, so that what else the machine does weighs on both.
    for number in 0..QUESTIONS {
        let body = json!({
            "model": "chatty", "stream": true, "messages": [{ "role": "user", "content": question(number) }],
        });
        let url = format!("{}/chat/completions", server.url());
        let mut own = EventSource::open_by(&direct, Request::post_json(url, &body))?;
        let (at, _) = own.next_event()?.context("the engine says nothing")?;
        own.hear()?;
        engine.push(milliseconds(&at));
        let heard = ask(number)?;
        uncached.push(milliseconds(&heard.first("chunk").context("no chunk")?.0));
    }
    wait_until(Duration::from_secs(10), || {
        ask(QUESTIONS - 1).is_ok_and(|heard| heard.json("done")["cached"] == true)
    });
    for time in 0..CACHED {
        let heard = ask(time % QUESTIONS)?;
        if heard.json("done")["cached"] == true {
            cached.push(milliseconds(&heard.first("chunk").context("no chunk")?.0));
        }
    }
    for times in [&mut engine, &mut uncached, &mut cached] {
        times.sort_by(f64::total_cmp);
    }
    Ok(FirstChunk { engine, uncached, cached })
}

fn quantile(times: &[f64], share: f64) -> f64 {
    let at = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len().max(1)) - 1;
    times.get(at).copied().unwrap_or(f64::INFINITY)
}

impl FirstChunk {
    /// What has to hold of it.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let cached = quantile(&self.cached, 0.99);
        let added = quantile(&self.uncached, 0.5) - quantile(&self.engine, 0.5);
        let added_99 = quantile(&self.uncached, 0.99) - quantile(&self.engine, 0.99);
        let verdict = |what: String, found: String, held: bool| Verdict { what, found, held, is_aim: false };
        vec![
            verdict(
                format!("cached first chunk through Envoy, p99 ≤ {CACHED_MS} ms"),
                format!("{cached:.2} ms, {} of {CACHED} from the cache", self.cached.len()),
                cached <= CACHED_MS && self.cached.len() >= CACHED / 2,
            ),
            verdict(
                format!("uncached first chunk through Envoy within {ADDED_MS} ms of the engine's own"),
                format!("p50 {added:+.2} ms, p99 {added_99:+.2} ms"),
                added <= ADDED_MS,
            ),
        ]
    }

    /// All of it, as a table in Markdown.
    pub fn table(&self) -> String {
        let row = |name: &str, times: &[f64]| {
            format!(
                "| {name} | {} | {:.2} | {:.2} |\n",
                times.len(),
                quantile(times, 0.5),
                quantile(times, 0.99)
            )
        };
        format!(
            "| first chunk of an answer | asked | p50 ms | p99 ms |\n|---|--:|--:|--:|\n{}{}{}\n",
            row("the engine's own, asked directly", &self.engine),
            row("uncached, through Envoy and the companion", &self.uncached),
            row("from the semantic cache, through Envoy", &self.cached),
        )
    }
}
