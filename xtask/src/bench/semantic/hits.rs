//! What a hit takes through Envoy, end to end: client, filter, companion with its embedding, and back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::artifacts::{self, Artifact};
use testbed::chat::{self, End};
use testbed::{
    Client, Companion, CompanionOptions, EnvoyOptions, FrontProxy, Origin, Question, Request, Tool,
    wait_until,
};

use super::{Verdict, data};
use crate::bench::say;

/// Questions that are answered beforehand.
const STORED: usize = 150;
/// Requests that are timed, one after the other.
const TIMED: usize = 1_000;
/// Connections of the load, and for how long they ask.
const CONNECTIONS: usize = 8;
const LOAD: Duration = Duration::from_secs(10);

/// What was measured, times in milliseconds.
#[derive(Debug)]
pub struct Hits {
    /// What was asked: the median, and what 99 of 100 stay below.
    rows: Vec<(&'static str, f64, f64)>,
    /// Hits a second with all connections.
    rate: f64,
}

struct Stack {
    front: FrontProxy,
    companion: Companion,
    _chat: Origin,
}

/// Measures it. Each question that is timed is one that was never asked in these words, unless the row says so.
pub fn measure() -> Result<Hits> {
    crate::ensure(&[Tool::Envoy])?;
    artifacts::build(&[Artifact::Filters, Artifact::Companion])?;
    let stack = start()?;
    let (_, questions) = data::streams(1)?.swap_remove(0);
    let texts: Vec<&str> = questions.iter().take(STORED).map(|question| question.text.as_str()).collect();
    say(&format!("filling the semantic cache with {STORED} questions"));
    let client = Client::new();
    for stream in [false, true] {
        for text in &texts {
            ask(&stack, &client, text, stream)?;
        }
    }
    let mut stored = 0;
    let settled = wait_until(Duration::from_secs(60), || {
        let stats = client.get(stack.companion.url("/v1/semantic/stats")).json();
        stored = stats["entries"].as_u64().unwrap_or(0) as usize;
        stored + 4 >= 2 * STORED
    });
    ensure!(settled, "only {stored} answers were stored");
    // Other words, as near as people come: what is a hit is asked again and again, and stays one in other words.
    let others: Vec<String> = texts.iter().map(|text| format!("Hello, {}", text.to_lowercase())).collect();
    let mut others_hit = Vec::new();
    for other in &others {
        if ask(&stack, &client, other, false)? && ask(&stack, &client, other, true)? {
            others_hit.push(other.as_str());
        }
    }
    // What was no hit has been stored by now, and would be exact.
    ensure!(others_hit.len() >= 20, "only {} of {} questions are hits", others_hit.len(), others.len());
    say(&format!("timing {} questions that are hits in other words", others_hit.len()));
    let rows = [
        ("in other words, whole", &others_hit, false),
        ("in other words, as events", &others_hit, true),
        ("in the very same words, whole", &texts, false),
    ];
    let rows = rows.into_iter().map(|(what, questions, stream)| {
        let (p50, p99) = time(&stack, questions, stream)?;
        Ok((what, p50, p99))
    });
    let rows = rows.collect::<Result<_>>()?;
    say(&format!("loading it with {CONNECTIONS} connections for {LOAD:?}"));
    Ok(Hits { rows, rate: load(&stack, &others_hit)? })
}

fn start() -> Result<Stack> {
    let model = Tool::MiniLm.path()?;
    let folder = model.parent().context("the model is in no folder")?.display().to_string();
    let env = [
        ("SLIPSTREAM_EMBEDDINGS__ENABLED", "true"),
        ("SLIPSTREAM_EMBEDDINGS__MODEL_DIR", folder.as_str()),
        ("SEMANTIC_CACHE_ENABLED", "true"),
        // What goes to the service to be compared is no hit.
        ("SLIPSTREAM_SEMANTIC__SHADOW_SHARE", "0"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let companion = Companion::start(&CompanionOptions { env, ..CompanionOptions::default() })?;
    let service = |question: &Question| {
        let text = format!("To your question, {}, there is this answer. ", chat::asked(question));
        chat::answer(question, &text.repeat(4), End::Whole, Duration::ZERO)
    };
    let chat = Origin::start(service)?;
    let patient = [("lookup_timeout_ms: 250", "lookup_timeout_ms: 5000")];
    let ports = (chat.port(), chat.port());
    let front = FrontProxy::start_semantic(ports, companion.port(), &EnvoyOptions::default(), &patient)?;
    Ok(Stack { front, companion, _chat: chat })
}

/// Whether the answer was a hit.
fn ask(stack: &Stack, client: &Client, question: &str, stream: bool) -> Result<bool> {
    let body = json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": question}]});
    let answer = client.send(Request::post_json(stack.front.url("/v1/chat/completions"), &body))?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(answer.header("cache-status").unwrap_or_default().contains("; hit;"))
}

fn time(stack: &Stack, questions: &[&str], stream: bool) -> Result<(f64, f64)> {
    let client = Client::new();
    let mut times = Vec::new();
    for question in questions.iter().cycle().take(TIMED) {
        let start = Instant::now();
        let is_hit = ask(stack, &client, question, stream)?;
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
        ensure!(is_hit, "no hit: {question}");
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied();
    at(0.5).zip(at(0.99)).context("nothing was timed")
}

fn load(stack: &Stack, questions: &[&str]) -> Result<f64> {
    let start = Instant::now();
    let connection = |number: usize| -> Result<usize> {
        let client = Client::new();
        let mut hits = 0;
        for question in questions.iter().cycle().skip(number * 7) {
            if start.elapsed() >= LOAD {
                break;
            }
            ensure!(ask(stack, &client, question, false)?, "no hit: {question}");
            hits += 1;
        }
        Ok(hits)
    };
    let hits: usize = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..CONNECTIONS).map(|number| scope.spawn(move || connection(number))).collect();
        let joined =
            threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a thread died"))?);
        joined.sum::<Result<usize>>()
    })?;
    Ok(hits as f64 / start.elapsed().as_secs_f64())
}

impl Hits {
    /// What has to hold of it.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let verdict = |what: String, found: String, held: bool| Verdict { what, found, held, is_aim: false };
        let rows = self.rows.iter().map(|(what, p50, _)| {
            verdict(format!("a hit through Envoy, {what}: p50 ≤ 4 ms"), format!("{p50:.2} ms"), *p50 <= 4.0)
        });
        let rate = verdict("≥ 500 hits a second".to_owned(), format!("{:.0}", self.rate), self.rate >= 500.0);
        rows.chain([rate]).collect()
    }

    /// All of it, as a table in Markdown.
    pub fn table(&self) -> String {
        let rows: String =
            self.rows.iter().map(|(what, p50, p99)| format!("| {what} | {p50:.2} | {p99:.2} |\n")).collect();
        format!(
            "| a hit through Envoy, one connection | p50 ms | p99 ms |\n|---|--:|--:|\n{rows}\n\
             {CONNECTIONS} connections, in other words: {:.0} hits a second\n\n",
            self.rate
        )
    }
}
