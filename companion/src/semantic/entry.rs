//! What is kept, and what removes it.

use serde::{Deserialize, Serialize};

use super::namespace::Scope;

/// A question, its answer, and what they were made of; as it is kept and handed to other companions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) namespace: String,
    pub(super) question: String,
    pub(super) answer: String,
    /// What is to be served, if that is not the answer's text.
    pub(super) payload: Option<String>,
    pub(super) sources: Vec<String>,
    /// Whose vectors these are.
    pub(super) embedder: String,
    #[serde(with = "super::vectors")]
    pub(super) question_vector: Vec<f32>,
    #[serde(with = "super::vectors")]
    pub(super) answer_vector: Vec<f32>,
    /// Unix milliseconds.
    pub(super) stored_ms: u64,
    /// Unix milliseconds.
    pub(super) expires_ms: u64,
    /// How many purges had been seen when the service was asked.
    pub(super) position: String,
}

/// What is to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Purge {
    pub(super) sources: Vec<String>,
    pub(super) all: bool,
}

impl Purge {
    /// What removes everything.
    pub(super) fn everything() -> Self {
        Self { sources: Vec::new(), all: true }
    }

    pub(super) fn hits(&self, entry: &Entry) -> bool {
        self.all || entry.sources.iter().any(|source| self.sources.contains(source))
    }
}

/// An answer that is to be kept.
#[derive(Debug)]
pub(crate) struct NewAnswer {
    pub(crate) scope: Scope,
    pub(crate) question: String,
    pub(crate) answer: String,
    pub(crate) payload: Option<String>,
    pub(crate) sources: Vec<String>,
    pub(crate) ttl_seconds: Option<u64>,
    /// The lookup that the service was asked after.
    pub(crate) lookup: Option<u64>,
    /// Where the log of purges stood at that lookup.
    pub(crate) position: Option<String>,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It is kept.
    Yes,
    /// A document that it was made from was invalidated meanwhile.
    Invalidated,
}
