//! Answers made of the documents' own passages.

use std::collections::HashSet;

use async_trait::async_trait;

use super::{Answered, Asked, Engine, EngineError, Shelf, Source, Voice};
use crate::embedder::Priority;
use crate::rag::corpus::{Corpus, Found};
use crate::rag::markdown::pieces;
use crate::rag::words::stems;

/// How long what is cited of a passage is at most, in bytes.
const CITED_BYTES: usize = 900;
/// A block that is shorter takes the one after it along.
const SHORT_BYTES: usize = 160;
/// How far below the best passage another may lie, as a cosine.
const BELOW_BEST: f32 = 0.15;

/// What is said where nothing is near.
pub(crate) const NOTHING: &str = "The documents say nothing that is near to this question.";

/// Answers made of the documents' own passages.
#[derive(Debug)]
pub(crate) struct Extractive {
    pub(crate) shelf: Shelf,
    pub(crate) min_similarity: f32,
}

#[async_trait]
impl Engine for Extractive {
    fn model(&self) -> &str {
        "extractive"
    }

    fn instructions(&self) -> String {
        String::new()
    }

    async fn answer(&self, asked: &Asked, voice: &Voice) -> Result<Answered, EngineError> {
        voice.tell("retrieving").await?;
        let vector = self.shelf.embedder.embed_text(&asked.question, Priority::High).await?;
        let corpus = self.shelf.library.corpus();
        let near = near(&corpus, &asked.question, &vector, asked.top_k, self.min_similarity);
        if near.is_empty() {
            voice.say(NOTHING).await?;
            return Ok(Answered::default());
        }
        voice.tell("answering").await?;
        let question: HashSet<String> = stems(&asked.question).into_iter().collect();
        for (number, found) in near.iter().enumerate() {
            let cited = cite(&corpus, &question, &found.passage.blocks);
            let parting = if number == 0 { "" } else { "\n\n" };
            // A mark after a table or a block of code would become part of it.
            let ends_plain = !cited.ends_with("```") && !cited.ends_with('|');
            let joint = if ends_plain { " " } else { "\n\n" };
            voice.say(format!("{parting}{cited}{joint}[{}]", number + 1)).await?;
        }
        Ok(Answered { sources: sources(&near), found: true, may_be_kept: true })
    }
}

/// The passages that are about a question.
pub(super) fn near<'a>(
    corpus: &'a Corpus,
    question: &str,
    vector: &[f32],
    most: usize,
    min_similarity: f32,
) -> Vec<Found<'a>> {
    let mut found = corpus.find(question, vector, most);
    let best = found.iter().map(|found| found.similarity).fold(f32::MIN, f32::max);
    found.retain(|found| found.similarity >= min_similarity.max(best - BELOW_BEST));
    found
}

/// Passages as what an answer was made from.
pub(super) fn sources(near: &[Found<'_>]) -> Vec<Source> {
    near.iter()
        .enumerate()
        .map(|(number, found)| Source {
            number: number + 1,
            source: found.document.to_owned(),
            heading: found.passage.headings.join(" › "),
            similarity: found.similarity,
        })
        .collect()
}

/// What a passage says to a question: the block that shares most with it, and the next one if it is short.
fn cite(corpus: &Corpus, question: &HashSet<String>, blocks: &[String]) -> String {
    let weights: Vec<f64> = blocks.iter().map(|block| corpus.words().shared(question, block)).collect();
    let best = weights.iter().copied().fold(0.0, f64::max);
    let first = weights.iter().position(|weight| *weight >= best).unwrap_or(0);
    let mut cited = String::new();
    for block in blocks.iter().skip(first) {
        if !cited.is_empty() {
            cited.push_str("\n\n");
        }
        cited.push_str(block);
        if cited.len() >= SHORT_BYTES {
            break;
        }
    }
    match pieces(&cited, CITED_BYTES).first() {
        Some(piece) if piece.len() < cited.len() => format!("{} …", piece.trim_end()),
        _ => cited,
    }
}
