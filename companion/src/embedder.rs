//! What turns texts into vectors: a model in this process, or an OpenAI-compatible server.

mod remote;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub(crate) use minilm::Priority;
use minilm::{Limits, Model, Precision, Tokens, Worker};
use tokio::sync::oneshot;

use crate::config;
use remote::Remote;

/// What turns texts into vectors.
#[derive(Debug)]
pub(crate) enum Embedder {
    /// A model in this process.
    Local(Worker),
    /// A server.
    Remote(Box<Remote>),
}

/// What is to be embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// A text.
    Text(String),
    /// Numbers of the model's tokens.
    Tokens(Vec<u32>),
}

/// Embeddings, in the order of what was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Embedded {
    pub(crate) vectors: Vec<Vec<f32>>,
    /// All tokens that were seen.
    pub(crate) tokens: usize,
}

/// Why nothing was embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EmbedError {
    /// What was asked for cannot be embedded.
    BadInput(String),
    /// Too much waits already.
    Busy(String),
    /// The embedder does not answer, or not as it should.
    Unavailable(String),
}

impl fmt::Display for EmbedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadInput(reason) | Self::Busy(reason) => f.write_str(reason),
            Self::Unavailable(reason) => write!(f, "the embedder does not answer: {reason}"),
        }
    }
}

impl std::error::Error for EmbedError {}

impl Embedder {
    /// The one that the settings ask for; none if it is off. Loading a model takes some tenths of a second.
    pub(crate) fn open(config: &config::Embeddings) -> anyhow::Result<Option<Self>> {
        if !config.enabled {
            return Ok(None);
        }
        if !config.url.is_empty() {
            return Ok(Some(Self::Remote(Box::new(Remote::new(config)?))));
        }
        let precision = if config.full_precision { Precision::Full } else { Precision::Fast };
        let model = Model::load(Path::new(&config.model_dir), precision).map_err(|error| {
            anyhow::anyhow!("no model to embed with: {error} (setting embeddings.model_dir)")
        })?;
        tracing::info!(model = model.id(), kernel = model.kernel().name(), "loaded the model that embeds");
        let limits = Limits {
            threads: config.threads,
            waiting_texts: config.max_waiting,
            batch_tokens: config.batch_tokens,
        };
        Ok(Some(Self::Local(Worker::start(Arc::new(model), limits)?)))
    }

    /// What tells its vectors from another's.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Local(worker) => worker.model().id(),
            Self::Remote(remote) => remote.id(),
        }
    }

    /// Texts that wait.
    pub(crate) fn waiting(&self) -> usize {
        match self {
            Self::Local(worker) => worker.waiting(),
            Self::Remote(_) => 0,
        }
    }

    /// Embeds these, in their order; each vector has length 1. A server knows no priorities.
    pub(crate) async fn embed(&self, inputs: Vec<Input>, priority: Priority) -> Result<Embedded, EmbedError> {
        match self {
            Self::Local(worker) => embed_here(worker, inputs, priority).await,
            Self::Remote(remote) => remote.embed(inputs).await,
        }
    }

    /// Embeds one text.
    pub(crate) async fn embed_text(&self, text: &str, priority: Priority) -> Result<Vec<f32>, EmbedError> {
        let embedded = self.embed(vec![Input::Text(text.to_owned())], priority).await?;
        embedded
            .vectors
            .into_iter()
            .next()
            .ok_or_else(|| EmbedError::Unavailable("no vector came".to_owned()))
    }
}

async fn embed_here(worker: &Worker, inputs: Vec<Input>, priority: Priority) -> Result<Embedded, EmbedError> {
    let model = worker.model();
    let cut = |input: Input| match input {
        Input::Text(text) => model.tokens(&text),
        Input::Tokens(numbers) => model.tokens_from(numbers),
    };
    let texts = inputs
        .into_iter()
        .map(cut)
        .collect::<Result<Vec<Tokens>, _>>()
        .map_err(|error| EmbedError::BadInput(error.to_string()))?;
    let tokens = texts.iter().map(Tokens::count).sum();
    let (reply, replied) = oneshot::channel();
    // A caller that has gone away does not want them any more.
    let reply = |vectors| drop(reply.send(vectors));
    worker.submit(texts, priority, reply).map_err(|error| EmbedError::Busy(error.to_string()))?;
    match replied.await {
        Ok(vectors) => Ok(Embedded { vectors, tokens }),
        Err(_) => Err(EmbedError::Unavailable("its thread has ended".to_owned())),
    }
}
