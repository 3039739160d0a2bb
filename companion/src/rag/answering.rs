//! A question's way: the semantic cache, the engine, and back into the cache.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::engine::{Answered, Asked, EngineError, Piece, Source, Voice};
use super::run::{Outcome, Run, Stopped};
use super::slots::{Full, Slot};
use super::{Cache, Rag, Reader, markdown};
use crate::semantic::{Found, NewAnswer, Scope, Stored, fingerprint};

/// Pieces of an answer that may wait for the stream.
const WAITING: usize = 8;
/// The pieces that an answer of the cache is sent in, in bytes.
const CACHED_BYTES: usize = 1_024;

/// A question, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) tenant: String,
    pub(crate) asked: Asked,
}

/// What the semantic cache keeps beside an answer's text.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Payload {
    sources: Vec<Source>,
}

/// How an answer comes to its end.
enum End {
    /// All of it was given.
    Done(Outcome),
    /// An error, after whatever was given before.
    Failed(EngineError),
    Stopped(Stopped),
}

impl From<Stopped> for End {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

impl Query {
    /// A question of a tenant.
    pub(crate) fn new(tenant: String, question: String, history: Vec<super::Said>, top_k: usize) -> Self {
        Self { tenant, asked: Asked { question, history, top_k } }
    }

    /// Who asked what: only they may read the answer on.
    pub(crate) fn owner(&self) -> String {
        let history = serde_json::to_string(&self.asked.history).unwrap_or_default();
        fingerprint(&[&self.tenant, &self.asked.question, &history, &self.asked.top_k.to_string()])
    }
}

impl Rag {
    /// Begins to answer, unless there is too much to do; who reads it, from its start. An answer that is given up when its
    /// reader leaves (`can_come_back` is false) cannot be read again.
    pub(crate) fn ask(
        self: &Arc<Self>,
        query: Query,
        can_come_back: bool,
    ) -> Result<(Arc<Run>, Reader), Full> {
        let start = Instant::now();
        let slot = self.place(&query.tenant)?;
        let run = self.runs.begin(query.owner(), &slot, can_come_back);
        let reader = Reader::first(&run, self.heartbeat, Arc::clone(&slot));
        let (rag, answered) = (Arc::clone(self), Arc::clone(&run));
        tokio::spawn(async move {
            rag.give(&query, &answered, start).await;
            drop(slot);
        });
        Ok((run, reader))
    }

    /// Who reads on after a break; none if that cannot be, and the question is to be asked anew.
    pub(crate) fn resume(&self, query: &Query, run: &str, next: usize) -> Result<Option<Reader>, Full> {
        let Some(run) = self.runs.find(run, &query.owner()) else { return Ok(None) };
        let slot = match run.slot() {
            Some(slot) => slot,
            None => self.place(&query.tenant)?,
        };
        run.take_slot(&slot);
        let reader = Reader::new(&run, next, self.heartbeat, slot);
        if reader.is_some() {
            self.metrics.resumed();
        }
        Ok(reader)
    }

    fn place(&self, tenant: &str) -> Result<Arc<Slot>, Full> {
        self.slots.take(tenant).inspect_err(|full| {
            self.metrics.failed(match full {
                Full::All(_) => "too_many_streams",
                Full::Tenant(_) => "too_many_of_tenant",
            });
        })
    }

    async fn give(&self, query: &Query, run: &Run, start: Instant) {
        let mut giving = Giving { rag: self, run, start, chunks: 0, is_hit: false };
        let end = tokio::select! {
            end = giving.answer(query) => end,
            why = run.abandoned() => End::Stopped(why),
        };
        // Each is over before its reader knows: whoever comes back then finds what it may find later.
        match end {
            End::Done(outcome) => {
                let took = start.elapsed();
                self.metrics.answered(outcome.cached, took);
                self.metrics.event("done");
                let done = json!({
                    "cached": outcome.cached,
                    "similarity": outcome.similarity,
                    "found": outcome.found,
                    "took_ms": milliseconds(took),
                });
                self.runs.over(run, true);
                run.end("done", &done.to_string(), outcome);
            }
            End::Failed(error) => {
                tracing::warn!(reason = error.reason(), %error, "an answer failed");
                self.metrics.failed(error.reason());
                self.metrics.event("error");
                let said = json!({ "reason": error.reason(), "message": error.message() });
                let error = Some((error.reason(), error.message()));
                self.runs.over(run, true);
                run.end("error", &said.to_string(), Outcome { error, ..Outcome::default() });
            }
            End::Stopped(why) => {
                self.metrics.stopped(why);
                self.runs.over(run, false);
                run.abandon();
            }
        }
    }
}

/// An answer that is being given.
struct Giving<'a> {
    rag: &'a Rag,
    run: &'a Run,
    start: Instant,
    chunks: usize,
    is_hit: bool,
}

impl Giving<'_> {
    async fn answer(&mut self, query: &Query) -> End {
        self.try_answer(query).await.unwrap_or_else(|end| end)
    }

    async fn try_answer(&mut self, query: &Query) -> Result<End, End> {
        let model = self.rag.engine.model();
        self.event("start", json!({ "id": self.run.id, "model": model })).await?;
        let scope = self.scope(query);
        let found = match &self.rag.cache {
            Some(cache) => {
                let found = self.look_up(cache, &scope, query).await;
                self.event("cache", told(found.as_ref())).await?;
                found
            }
            None => None,
        };
        if let Some(found) = &found
            && let Some(answer) = &found.answer
        {
            return self.give_cached(found, answer).await;
        }
        let (answered, answer) = match tokio::time::timeout(self.rag.max_answer, self.engine(query)).await {
            Ok(answered) => answered?,
            Err(_) => {
                let limit = self.rag.max_answer.as_millis();
                let why = format!("no whole answer within {limit} ms (setting rag.max_answer_ms)");
                return Err(End::Failed(EngineError::TimedOut(why)));
            }
        };
        self.event("sources", json!({ "sources": answered.sources })).await?;
        let similarity = found.as_ref().map_or(0.0, |found| found.similarity);
        let outcome = Outcome {
            answer,
            sources: answered.sources,
            found: answered.found,
            similarity,
            ..Outcome::default()
        };
        if let (Some(cache), Some(found), true) = (&self.rag.cache, found, answered.may_be_kept) {
            keep(cache, scope, query, &outcome, found);
        }
        Ok(End::Done(outcome))
    }

    /// What the answer depends on beside the question.
    fn scope(&self, query: &Query) -> Scope {
        let asked = &query.asked;
        let history = match asked.history.is_empty() {
            true => String::new(),
            false => serde_json::to_string(&asked.history).unwrap_or_default(),
        };
        let engine = &self.rag.engine;
        Scope {
            tenant: query.tenant.clone(),
            model: format!("rag {}", engine.model()),
            system: fingerprint(&[&engine.instructions(), &asked.top_k.to_string()]),
            history,
            // One answer serves streamed and whole.
            stream: false,
        }
    }

    /// What the semantic cache knows; nothing if it cannot say, which costs a hit and no answer.
    async fn look_up(&self, cache: &Cache, scope: &Scope, query: &Query) -> Option<Found> {
        match cache.semantic.look_up(&cache.embedder, scope, &query.asked.question).await {
            Ok(found) => Some(found),
            Err(error) => {
                tracing::debug!(?error, "the semantic cache says nothing");
                None
            }
        }
    }

    async fn give_cached(&mut self, found: &Found, answer: &str) -> Result<End, End> {
        self.is_hit = true;
        let payload = found.payload.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let Payload { sources } = payload.unwrap_or_default();
        for piece in markdown::pieces(answer, CACHED_BYTES) {
            self.chunk(piece).await?;
        }
        self.event("sources", json!({ "sources": sources })).await?;
        Ok(End::Done(Outcome {
            answer: answer.to_owned(),
            sources,
            found: true,
            cached: true,
            similarity: found.similarity,
            error: None,
        }))
    }

    async fn engine(&mut self, query: &Query) -> Result<(Answered, String), End> {
        let (voice, mut pieces) = Voice::new(WAITING);
        let engine = &self.rag.engine;
        let speaking = async move { engine.answer(&query.asked, &voice).await };
        tokio::pin!(speaking);
        let mut answer = String::new();
        let mut answered = None;
        loop {
            let piece = tokio::select! {
                biased;
                piece = pieces.recv() => piece,
                done = &mut speaking, if answered.is_none() => {
                    // What was said before it ended is still to be heard.
                    answered = Some(done);
                    continue;
                }
            };
            match piece {
                Some(Piece::Status(status)) => self.event("status", json!({ "status": status })).await?,
                Some(Piece::Text(text)) => {
                    answer.push_str(&text);
                    if answer.len() > self.rag.max_answer_bytes {
                        return Err(End::Failed(EngineError::TooLong(self.rag.max_answer_bytes)));
                    }
                    self.chunk(&text).await?;
                }
                None => break,
            }
        }
        match answered {
            Some(Ok(answered)) => Ok((answered, answer)),
            Some(Err(error)) => Err(End::Failed(error)),
            None => Err(End::Failed(EngineError::BrokeOff("it said nothing any more".to_owned()))),
        }
    }

    async fn chunk(&mut self, text: &str) -> Result<(), Stopped> {
        self.event("chunk", json!({ "text": text })).await?;
        if self.chunks == 0 {
            self.rag.metrics.first_chunk(self.is_hit, self.start.elapsed());
        }
        self.chunks += 1;
        Ok(())
    }

    async fn event(&self, event: &str, data: Value) -> Result<(), Stopped> {
        self.run.add(event, &data.to_string()).await?;
        self.rag.metrics.event(event);
        Ok(())
    }
}

/// The event `cache`.
fn told(found: Option<&Found>) -> Value {
    let Some(found) = found else { return json!({ "hit": false, "verdict": "unavailable" }) };
    json!({
        "hit": found.answer.is_some(),
        "verdict": found.verdict,
        "similarity": found.similarity,
        "age_seconds": found.age_seconds,
    })
}

/// Keeps an answer, after its stream: nobody waits for that.
fn keep(cache: &Cache, scope: Scope, query: &Query, outcome: &Outcome, found: Found) {
    let (semantic, embedder) = (Arc::clone(&cache.semantic), Arc::clone(&cache.embedder));
    let mut sources: Vec<String> = outcome.sources.iter().map(|source| source.source.clone()).collect();
    sources.sort();
    sources.dedup();
    let payload = Payload { sources: outcome.sources.clone() };
    let new = NewAnswer {
        scope,
        question: query.asked.question.clone(),
        answer: outcome.answer.clone(),
        payload: serde_json::to_string(&payload).ok(),
        sources,
        ttl_seconds: None,
        lookup: u64::from_str_radix(&found.lookup, 16).ok(),
        position: Some(found.position),
    };
    tokio::spawn(async move {
        match semantic.store(&embedder, new).await {
            Ok(Stored::Yes) => {}
            Ok(Stored::Invalidated) => tracing::debug!("an answer was outdated before it was kept"),
            Err(error) => tracing::debug!(?error, "an answer was not kept"),
        }
    });
}

fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}
