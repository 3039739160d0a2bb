//! Ranking by words: BM25 over their stems.

use std::collections::{HashMap, HashSet};
use std::fmt;

use bm25::{Embedder, EmbedderBuilder, Scorer, Tokenizer};
use rust_stemmers::{Algorithm, Stemmer};

/// Passages by their words.
pub(crate) struct Words {
    embedder: Option<Embedder<u32, Stems>>,
    scorer: Scorer<usize, u32>,
    /// How many passages have a stem.
    having: HashMap<String, u32>,
    passages: usize,
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Words").field("passages", &self.passages).finish_non_exhaustive()
    }
}

/// Cuts a text into words, and takes their stems. English, as the guards of the semantic cache are.
#[derive(Debug, Clone, Copy)]
struct Stems;

impl Tokenizer for Stems {
    fn tokenize(&self, text: &str) -> Vec<String> {
        stems(text)
    }
}

/// The stems of a text's words. What underscores or hyphens join counts as a whole and by its parts: people ask for both.
pub(crate) fn stems(text: &str) -> Vec<String> {
    let stemmer = Stemmer::create(Algorithm::English);
    let text = text.to_lowercase();
    let mut all = Vec::new();
    for word in text.split(|sign: char| !sign.is_alphanumeric() && !matches!(sign, '_' | '-')) {
        let word = word.trim_matches(['_', '-']);
        let parts: Vec<&str> = word.split(['_', '-']).filter(|part| !part.is_empty()).collect();
        if parts.len() > 1 {
            all.push(word.to_owned());
        }
        all.extend(parts.iter().map(|part| stemmer.stem(part).into_owned()));
    }
    all
}

impl Words {
    /// Of these passages, which are numbered from 0.
    pub(crate) fn new(passages: &[&str]) -> Self {
        let mut having: HashMap<String, u32> = HashMap::new();
        for passage in passages {
            for stem in stems(passage).into_iter().collect::<HashSet<_>>() {
                *having.entry(stem).or_default() += 1;
            }
        }
        let mut scorer = Scorer::new();
        // Of nothing, there is no mean length.
        let embedder = (!having.is_empty()).then(|| {
            EmbedderBuilder::<u32, Stems>::with_tokenizer_and_fit_to_corpus(Stems, passages).build()
        });
        if let Some(embedder) = &embedder {
            for (number, passage) in passages.iter().enumerate() {
                scorer.upsert(&number, embedder.embed(passage));
            }
        }
        Self { embedder, scorer, having, passages: passages.len() }
    }

    /// The passages that have words of the question, the best first, at most `most`.
    pub(crate) fn best(&self, question: &str, most: usize) -> Vec<usize> {
        let Some(embedder) = &self.embedder else { return Vec::new() };
        let mut found = self.scorer.matches(&embedder.embed(question));
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        found.into_iter().take(most).map(|found| found.id).collect()
    }

    /// How much the words that a text shares with a question say: rare ones more.
    pub(crate) fn shared(&self, question: &HashSet<String>, text: &str) -> f64 {
        let own: HashSet<String> = stems(text).into_iter().collect();
        own.intersection(question).map(|stem| self.weight(stem)).sum()
    }

    fn weight(&self, stem: &str) -> f64 {
        let having = f64::from(self.having.get(stem).copied().unwrap_or(0));
        (1.0 + (self.passages as f64 - having + 0.5) / (having + 0.5)).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_words_win_whatever_their_form() {
        let passages = [
            "The cache stores responses of services.",
            "The companion compresses responses.",
            "Metrics: `opt008_streaming_chunks_total` counts pieces of streams.",
        ];
        let words = Words::new(&passages);
        for (question, best) in [
            ("which response is compressing", Some(1)),
            ("opt008_streaming_chunks_total", Some(2)),
            ("stream counting", Some(2)),
            ("storing", Some(0)),
            ("unrelated giraffe", None),
            ("", None),
        ] {
            assert_eq!(words.best(question, 3).first().copied(), best, "{question}");
        }
        let asked = stems("how is the cache stored").into_iter().collect();
        assert!(words.shared(&asked, passages[0]) > words.shared(&asked, passages[1]));
        assert!(Words::new(&[]).best("anything", 3).is_empty());
    }
}
