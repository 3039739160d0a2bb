//! The service that answers questions about documents: engines that make answers, the semantic cache before them, and the
//! streams that answers go out by.

mod answering;
mod corpus;
mod engine;
mod ingest;
mod library;
mod markdown;
mod metrics;
mod run;
mod runs;
mod slots;
mod words;

use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;

use crate::config::{Config, RagEngine};
use crate::embedder::Embedder;
use crate::semantic::{Failure, Semantic};
pub(crate) use answering::Query;
pub(crate) use engine::Said;
use engine::{Engine, Extractive, OpenAi, Shelf};
pub(crate) use ingest::{Report, ingest};
use library::Library;
pub(crate) use metrics::StreamMetrics;
use run::Limits;
pub(crate) use run::{Outcome, Read, Reader};
use runs::Runs;
pub(crate) use runs::{Seen, seen};
pub(crate) use slots::Full;
use slots::Slots;

/// How often it is looked whether the documents have changed.
const LOOK: Duration = Duration::from_millis(500);

/// The service that answers questions.
#[derive(Debug)]
pub(crate) struct Rag {
    engine: Box<dyn Engine>,
    library: Option<Arc<Library>>,
    cache: Option<Cache>,
    runs: Runs,
    slots: Arc<Slots>,
    pub(crate) metrics: StreamMetrics,
    heartbeat: Duration,
    max_answer_bytes: usize,
    max_answer: Duration,
    top_k: usize,
}

/// The semantic cache, and what it embeds with.
#[derive(Debug)]
struct Cache {
    semantic: Arc<Semantic>,
    embedder: Arc<Embedder>,
}

impl Rag {
    /// The one that the settings ask for; none if it is off.
    pub(crate) fn open(
        config: &Config,
        embedder: Option<&Arc<Embedder>>,
        semantic: Option<&Arc<Semantic>>,
        registry: &Registry,
    ) -> anyhow::Result<Option<Self>> {
        let rag = &config.rag;
        if !rag.enabled {
            return Ok(None);
        }
        let mut shelf = None;
        if rag.uses_documents()
            && let Some(embedder) = embedder
        {
            let library = Arc::new(Library::open(rag, embedder.id())?);
            shelf = Some(Shelf { library, embedder: Arc::clone(embedder) });
        }
        let library = shelf.as_ref().map(|shelf| Arc::clone(&shelf.library));
        let engine: Box<dyn Engine> = match (rag.engine, shelf) {
            (RagEngine::OpenAi, shelf) => Box::new(OpenAi::new(rag, shelf)?),
            (RagEngine::Extractive, Some(shelf)) => {
                Box::new(Extractive { shelf, min_similarity: rag.min_similarity.get() as f32 })
            }
            // The settings' check has said so already.
            (RagEngine::Extractive, None) => anyhow::bail!("the engine extractive needs an embedder"),
        };
        let cache = match (embedder, semantic) {
            (Some(embedder), Some(semantic)) => {
                Some(Cache { semantic: Arc::clone(semantic), embedder: Arc::clone(embedder) })
            }
            _ => None,
        };
        let limits = Limits {
            window: rag.window_bytes,
            slow: Duration::from_millis(rag.slow_reader_ms),
            grace: Duration::from_millis(rag.leave_grace_ms),
            kept: rag.resume_bytes,
        };
        Ok(Some(Self {
            engine,
            library,
            cache,
            runs: Runs::new(limits, Duration::from_millis(rag.resume_ms)),
            slots: Arc::new(Slots::new(rag.max_streams, rag.max_streams_per_tenant)),
            metrics: StreamMetrics::new(registry)?,
            heartbeat: Duration::from_millis(rag.heartbeat_ms),
            max_answer_bytes: rag.max_answer_bytes,
            max_answer: Duration::from_millis(rag.max_answer_ms),
            top_k: rag.top_k,
        }))
    }

    /// The name of what answers.
    pub(crate) fn model(&self) -> &str {
        self.engine.model()
    }

    /// Passages that an answer is made from, unless the question says otherwise.
    pub(crate) fn top_k(&self) -> usize {
        self.top_k
    }

    /// Notes what there is just now.
    pub(crate) fn observe(&self) {
        let corpus = self.library.as_ref().map(|library| library.corpus());
        let (documents, passages) = corpus.map_or((0, 0), |corpus| (corpus.hashes.len(), corpus.passages()));
        self.metrics.observe(self.slots.taken_count(), self.runs.bytes(), documents, passages);
    }

    /// Reads documents that have changed, has the semantic cache forget what was answered from them, and forgets answers that
    /// are over for long; never returns.
    pub(crate) async fn follow(&self) {
        let mut stamp = None;
        let mut is_told = false;
        loop {
            if let Some(library) = &self.library {
                let now = library.stamp();
                // The first time too: it may have changed since it was opened, or while nobody served.
                if now != stamp {
                    (stamp, is_told) = (now, false);
                    self.reload(library).await;
                }
                if !is_told {
                    is_told = self.tell(library).await;
                }
            }
            self.runs.tidy();
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn reload(&self, library: &Arc<Library>) {
        let reading = Arc::clone(library);
        let read = tokio::task::spawn_blocking(move || reading.reload()).await;
        match read.map_err(anyhow::Error::from).flatten() {
            Ok(corpus) => {
                tracing::info!(
                    documents = corpus.hashes.len(),
                    passages = corpus.passages(),
                    "read the documents"
                );
            }
            Err(error) => {
                self.metrics.corpus_failed();
                tracing::warn!(error = format!("{error:#}"), "the documents stay as they were");
            }
        }
    }

    /// Has the semantic cache forget what is outdated; whether it has.
    async fn tell(&self, library: &Library) -> bool {
        let corpus = library.corpus();
        let outdated = library.outdated(&corpus);
        if let (Some(cache), false) = (&self.cache, outdated.is_empty()) {
            match cache.semantic.invalidate(outdated.clone(), false).await {
                Ok(removed) => {
                    tracing::info!(
                        documents = outdated.len(),
                        removed,
                        "forgot answers from what has changed"
                    );
                }
                Err(Failure::Store(error)) => {
                    tracing::debug!(%error, "the semantic cache is not told yet");
                    return false;
                }
                Err(_) => return false,
            }
        }
        if let Err(error) = library.remember(&corpus) {
            // It would be told again after the next start: that costs hits, and is right.
            tracing::warn!(
                error = format!("{error:#}"),
                "cannot remember which documents were answered from"
            );
        }
        true
    }
}
