//! What makes an answer to a question.

mod extractive;
mod openai;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

pub(super) use extractive::Extractive;
pub(super) use openai::OpenAi;

use super::library::Library;
use crate::embedder::{EmbedError, Embedder};

/// A question, as an engine is asked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) question: String,
    /// What was said before.
    pub(crate) history: Vec<Said>,
    /// Passages to answer from.
    pub(crate) top_k: usize,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    pub(crate) role: Role,
    pub(crate) content: String,
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    User,
    Assistant,
}

/// What an engine lets hear while it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// What it is doing.
    Status(&'static str),
    /// The next part of the answer's text.
    Text(String),
}

/// An answer, beside its text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answered {
    /// What the answer was made from, by its citations' numbers from 1.
    pub(crate) sources: Vec<Source>,
    /// Whether there was something to answer from.
    pub(crate) found: bool,
    /// Whether it may be kept for others who ask the same.
    pub(crate) may_be_kept: bool,
}

/// What an answer was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Source {
    /// The number by which the answer cites it.
    pub(crate) number: usize,
    /// The document's path in the folder that was ingested.
    pub(crate) source: String,
    /// The headings above the passage.
    pub(crate) heading: String,
    /// The cosine to the question.
    pub(crate) similarity: f32,
}

/// Why there is no answer, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EngineError {
    /// It is not reached, or refuses.
    Unavailable(String),
    /// It says that too much is asked of it.
    Busy(String),
    /// It stalled.
    TimedOut(String),
    /// It ended before its answer did.
    BrokeOff(String),
    /// What it says cannot be understood.
    Garbage(String),
    /// The answer is longer than it may be, in bytes.
    TooLong(usize),
}

impl EngineError {
    /// All names.
    pub(crate) const REASONS: [&str; 6] = [
        "engine_unavailable",
        "engine_busy",
        "engine_timeout",
        "engine_broke_off",
        "engine_garbage",
        "answer_too_long",
    ];

    /// Its name, for programs.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "engine_unavailable",
            Self::Busy(_) => "engine_busy",
            Self::TimedOut(_) => "engine_timeout",
            Self::BrokeOff(_) => "engine_broke_off",
            Self::Garbage(_) => "engine_garbage",
            Self::TooLong(_) => "answer_too_long",
        }
    }
}

impl EngineError {
    /// What its client is told: details may hold what is no business of theirs, such as addresses and keys.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Unavailable(_) => "the engine does not answer".to_owned(),
            Self::Busy(_) => "the engine has too much to do".to_owned(),
            Self::TimedOut(_) => "the engine stalled".to_owned(),
            Self::BrokeOff(_) => "the engine broke off".to_owned(),
            Self::Garbage(_) => "the engine said what cannot be understood".to_owned(),
            Self::TooLong(limit) => {
                format!("the answer has more than {limit} bytes (setting rag.max_answer_bytes)")
            }
        }
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())?;
        match self {
            Self::Unavailable(why)
            | Self::Busy(why)
            | Self::TimedOut(why)
            | Self::BrokeOff(why)
            | Self::Garbage(why) => write!(f, ": {why}"),
            Self::TooLong(_) => Ok(()),
        }
    }
}

impl std::error::Error for EngineError {}

impl From<EmbedError> for EngineError {
    fn from(error: EmbedError) -> Self {
        match error {
            EmbedError::BadInput(_) | EmbedError::Unavailable(_) => Self::Unavailable(error.to_string()),
            EmbedError::Busy(why) => Self::Busy(why),
        }
    }
}

/// Who is listening is gone: there is nothing more to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NobodyListens;

impl From<NobodyListens> for EngineError {
    fn from(NobodyListens: NobodyListens) -> Self {
        Self::BrokeOff("nobody listens any more".to_owned())
    }
}

/// Where an engine speaks to. It waits while the listener does not keep up.
#[derive(Debug, Clone)]
pub(crate) struct Voice(mpsc::Sender<Piece>);

impl Voice {
    /// One, and where it is heard; at most so many pieces wait.
    pub(crate) fn new(waiting: usize) -> (Self, mpsc::Receiver<Piece>) {
        let (sender, receiver) = mpsc::channel(waiting);
        (Self(sender), receiver)
    }

    /// Says the next part of the answer.
    pub(super) async fn say(&self, text: impl Into<String>) -> Result<(), NobodyListens> {
        self.0.send(Piece::Text(text.into())).await.map_err(|_| NobodyListens)
    }

    /// Tells what is being done.
    pub(super) async fn tell(&self, status: &'static str) -> Result<(), NobodyListens> {
        self.0.send(Piece::Status(status)).await.map_err(|_| NobodyListens)
    }
}

/// What makes answers. One that is dropped while it answers lets go of all it has taken.
#[async_trait]
pub(crate) trait Engine: fmt::Debug + Send + Sync {
    /// The name of what answers.
    fn model(&self) -> &str;

    /// What else its answers depend on, beside documents.
    fn instructions(&self) -> String;

    /// Answers a question, piece by piece.
    async fn answer(&self, asked: &Asked, voice: &Voice) -> Result<Answered, EngineError>;
}

/// The documents, and what finds their passages.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    pub(crate) library: Arc<Library>,
    pub(crate) embedder: Arc<Embedder>,
}
