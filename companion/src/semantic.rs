//! The semantic cache: answers by the questions that were asked, and the decision which of them serves a new one.

mod durable;
mod entry;
mod explaining;
mod following;
mod found;
mod keeping;
mod learning;
mod namespace;
mod pending;
mod purges;
mod searching;
mod state;
mod vector_sets;
pub(crate) mod vectors;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use durable::Durable;
pub(crate) use entry::{NewAnswer, Stored};
pub(crate) use found::{Explanation, Found, Stats, UNAVAILABLE, Verdict};
pub(crate) use namespace::{Scope, fingerprint, scope_key};
use state::State;

use crate::config::Config;
use crate::embedder::{EmbedError, Embedder, Priority};
use crate::store::Unavailable;

/// How long this companion serves after it heard of the others' changes last.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// Answers are compared by the embedding of so much of their beginning, in bytes: about 128 tokens. An answer of thousands
/// would keep the embedder busy for longer than all else that it takes to answer. Numbers, words and sources are compared of
/// the whole.
const COMPARED_BYTES: usize = 512;

/// The semantic cache of this companion.
#[derive(Debug)]
pub(crate) struct Semantic {
    state: Mutex<State>,
    durable: Option<Durable>,
    max_entry_bytes: usize,
}

/// Why the semantic cache cannot say anything.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There was no embedding.
    Embedder(EmbedError),
    /// The store is not reached.
    Store(Unavailable),
    /// A question and answer are too large.
    TooLarge {
        /// How large, in bytes.
        bytes: usize,
        /// How large they may be.
        limit: usize,
    },
}

impl From<EmbedError> for Failure {
    fn from(error: EmbedError) -> Self {
        Self::Embedder(error)
    }
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        Self::Store(error)
    }
}

impl Semantic {
    /// The one that the settings ask for; none if it is off.
    pub(crate) fn open(config: &Config, embedder: Option<&Embedder>) -> anyhow::Result<Option<Self>> {
        let (true, Some(embedder)) = (config.semantic.enabled, embedder) else { return Ok(None) };
        Ok(Some(Self {
            state: Mutex::new(State::new(&config.semantic, embedder.id())),
            durable: Durable::new(config, embedder.id())?,
            max_entry_bytes: config.semantic.max_entry_bytes,
        }))
    }

    /// Whether the store can do what the settings ask of it, as far as it answers.
    pub(crate) async fn check(&self) -> anyhow::Result<()> {
        match &self.durable {
            Some(durable) => durable.check().await,
            None => Ok(()),
        }
    }

    /// What is known of a question: an answer that serves it, or that none does.
    pub(crate) async fn look_up(
        &self,
        embedder: &Embedder,
        scope: &Scope,
        question: &str,
    ) -> Result<Found, Failure> {
        let found = self.find(embedder, scope, question).await;
        if found.is_err() {
            self.lock().count(UNAVAILABLE);
        }
        found
    }

    async fn find(&self, embedder: &Embedder, scope: &Scope, question: &str) -> Result<Found, Failure> {
        self.ready()?;
        let key = scope_key(scope);
        if let Some(found) = self.lock().exact(&key, question) {
            return Ok(found);
        }
        let vector = embedder.embed_text(question, Priority::High).await?;
        let candidates = self.candidates(&key, &vector).await?;
        // Time has passed; and what is served must be known to be valid now.
        self.ready()?;
        let mut state = self.lock();
        // The very same question may be among what was found elsewhere.
        let same = candidates.is_some().then(|| state.exact(&key, question)).flatten();
        Ok(same.unwrap_or_else(|| state.look_up(&key, question, vector, candidates.as_deref())))
    }

    /// Why a question would be answered as it would be. Changes nothing.
    pub(crate) async fn explain(
        &self,
        embedder: &Embedder,
        scope: &Scope,
        question: &str,
    ) -> Result<Explanation, Failure> {
        self.ready()?;
        let (key, vector) = (scope_key(scope), embedder.embed_text(question, Priority::High).await?);
        let candidates = self.candidates(&key, &vector).await?;
        Ok(self.lock().explain(&key, question, &vector, candidates.as_deref()))
    }

    /// Keeps an answer of the service, and learns from it.
    pub(crate) async fn store(
        self: &Arc<Self>,
        embedder: &Embedder,
        new: NewAnswer,
    ) -> Result<Stored, Failure> {
        let bytes = new.question.len() + new.answer.len() + new.payload.as_ref().map_or(0, String::len);
        if bytes > self.max_entry_bytes {
            return Err(Failure::TooLarge { bytes, limit: self.max_entry_bytes });
        }
        self.ready()?;
        let key = scope_key(&new.scope);
        let pending = self.lock().pending_vector(new.lookup, &key, &new.question);
        let question = match pending {
            Some(vector) => vector,
            None => embedder.embed_text(&new.question, Priority::Low).await?,
        };
        let answer = embedder.embed_text(beginning(&new.answer), Priority::Low).await?;
        let (stored, entry) = self.lock().learn_and_make(&key, new, question, answer);
        let Some(entry) = entry else { return Ok(stored) };
        match &self.durable {
            // It comes back by the log, as to every replica.
            Some(durable) => {
                let replaced = self.lock().earlier(&entry);
                durable.put(&entry, replaced.as_ref()).await?;
            }
            None => self.lock().put(entry),
        }
        self.refit_if_due(&key);
        Ok(stored)
    }

    /// Removes what was answered from these documents, or everything, here and at all other companions; how many answers
    /// were known here.
    pub(crate) async fn invalidate(&self, sources: Vec<String>, all: bool) -> Result<usize, Failure> {
        let purge = entry::Purge { sources, all };
        match &self.durable {
            None => Ok(self.lock().purge(&purge, None).len()),
            Some(durable) => {
                let met = match &durable.vectors {
                    Some(sets) => durable.met(sets, &purge).await?,
                    None => self.lock().met(&purge),
                };
                durable.purge(&purge).await?;
                // After that every other companion has read of it, or has stopped to serve.
                tokio::time::sleep(LEASE).await;
                Ok(met)
            }
        }
    }

    /// What there is.
    pub(crate) fn stats(&self) -> Stats {
        let indexed = self.durable.as_ref().and_then(Durable::indexed);
        Stats { indexed, ..self.lock().stats() }
    }

    /// Whether it may serve.
    pub(crate) fn ready(&self) -> Result<(), Unavailable> {
        self.durable.as_ref().map_or(Ok(()), Durable::ready)
    }

    /// Follows what other companions do, and forgets what has ended; never returns.
    pub(crate) async fn follow(&self) {
        let forget = async {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.lock().expire();
            }
        };
        match &self.durable {
            Some(durable) => {
                tokio::join!(forget, durable.follow(&self.state), durable.tidy(&self.state));
            }
            None => forget.await,
        }
    }

    async fn candidates(&self, key: &str, vector: &[f32]) -> Result<Option<Vec<u64>>, Unavailable> {
        match &self.durable {
            Some(durable) => durable.candidates(&self.state, key, vector).await,
            None => Ok(None),
        }
    }

    /// Fits what was learned elsewhere, while questions are answered.
    fn refit_if_due(self: &Arc<Self>, key: &str) {
        let Some(refit) = self.lock().begin_refit(key) else { return };
        let (semantic, key) = (Arc::clone(self), key.to_owned());
        tokio::task::spawn_blocking(move || {
            let fitted = refit.run();
            semantic.lock().adopt(&key, fitted);
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of an answer that is embedded, without half a word at its end.
fn beginning(answer: &str) -> &str {
    let end = answer.floor_char_boundary(COMPARED_BYTES);
    let Some(beginning) = answer.get(..end).filter(|beginning| beginning.len() < answer.len()) else {
        return answer;
    };
    beginning.rsplit_once(char::is_whitespace).map_or(beginning, |(whole_words, _)| whole_words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_compared_by_its_beginning_in_whole_words() {
        assert_eq!(beginning("short enough"), "short enough");
        let full = "a".repeat(COMPARED_BYTES);
        assert_eq!(beginning(&full), full);
        let words = "four ".repeat(200);
        assert_eq!(beginning(&words), "four ".repeat(102).trim_end());
        assert_eq!(beginning(&format!("{full} and more")), full);
        assert_eq!(beginning(&"\u{e9}".repeat(400)).len(), COMPARED_BYTES);
    }
}
