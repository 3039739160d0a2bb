//! The documents' passages: as they are kept in a file, and as they are searched.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use semantic_index::Index;
use serde::{Deserialize, Serialize};

use super::words::Words;

/// What tells files that are read otherwise. Passages that were cut otherwise are cut anew.
pub(super) const FORMAT: u32 = 1;
/// The file in the folder.
const FILE: &str = "corpus.json";
/// Passages that each of the two searches hands on.
const CANDIDATES: usize = 32;
/// How much the first places count in the fusion of two rankings; the usual constant.
const RANK_CONSTANT: f64 = 60.0;

/// The documents as they are kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) format: u32,
    /// Whose vectors these are.
    pub(crate) embedder: String,
    /// By their path in the folder that was ingested.
    pub(crate) documents: BTreeMap<String, Document>,
}

/// A document as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
    /// SHA-256 of its bytes, in hexadecimal.
    pub(crate) hash: String,
    pub(crate) passages: Vec<Passage>,
}

/// A passage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Passage {
    pub(crate) headings: Vec<String>,
    pub(crate) blocks: Vec<String>,
    #[serde(with = "crate::semantic::vectors")]
    pub(crate) vector: Vec<f32>,
}

impl Passage {
    /// What is searched: headings say what the text is about, and often only they do.
    pub(crate) fn text(headings: &[String], blocks: &[String]) -> String {
        format!("{}\n{}", headings.join(" - "), blocks.join("\n\n"))
    }
}

impl Kept {
    /// Where they are in a folder.
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Those of a folder; none if nothing was ingested yet.
    pub(crate) fn load(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = Self::path(folder);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        serde_json::from_slice(&text).map(Some).with_context(|| {
            format!("{} cannot be read: remove it, and run `slipstream rag ingest` again", path.display())
        })
    }

    /// Writes them, whole or not at all.
    pub(crate) fn save(&self, folder: &Path) -> anyhow::Result<()> {
        write_whole(&Self::path(folder), &serde_json::to_vec(self)?)
    }

    /// How many passages there are.
    pub(crate) fn passages(&self) -> usize {
        self.documents.values().map(|document| document.passages.len()).sum()
    }

    /// The documents' hashes.
    pub(crate) fn hashes(&self) -> BTreeMap<String, String> {
        self.documents.iter().map(|(path, document)| (path.clone(), document.hash.clone())).collect()
    }
}

/// Writes a file so that whoever reads it finds the old or the new one.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let staged = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&staged, bytes).with_context(|| format!("cannot write {}", staged.display()))?;
    fs::rename(&staged, path).with_context(|| format!("cannot write {}", path.display()))
}

/// The documents as they are searched.
#[derive(Debug)]
pub(crate) struct Corpus {
    pub(crate) hashes: BTreeMap<String, String>,
    passages: Vec<(String, Passage)>,
    index: Index,
    words: Words,
}

/// A passage that was found.
#[derive(Debug, Clone)]
pub(crate) struct Found<'a> {
    pub(crate) document: &'a str,
    pub(crate) passage: &'a Passage,
    /// The cosine to the question.
    pub(crate) similarity: f32,
}

impl Corpus {
    /// Of these documents, which must be embedded by `embedder`, at most so many passages.
    pub(crate) fn new(kept: Kept, embedder: &str, max_passages: usize) -> anyhow::Result<Self> {
        let hashes = kept.hashes();
        let passages = kept.passages();
        ensure!(
            kept.embedder == embedder || passages == 0,
            "the documents were embedded by {}, and the embedder is {embedder}: run `slipstream rag ingest` again",
            kept.embedder
        );
        ensure!(
            passages <= max_passages,
            "{passages} passages, expected at most {max_passages} (setting rag.max_passages)"
        );
        let passages: Vec<(String, Passage)> = kept
            .documents
            .into_iter()
            .flat_map(|(path, document)| {
                document.passages.into_iter().map(move |passage| (path.clone(), passage))
            })
            .collect();
        let mut index = Index::new(passages.first().map_or(0, |(_, passage)| passage.vector.len()));
        for (number, (path, passage)) in passages.iter().enumerate() {
            index.insert(number as u64, &passage.vector).with_context(|| format!("a passage of {path}"))?;
        }
        let texts: Vec<String> =
            passages.iter().map(|(_, passage)| Passage::text(&passage.headings, &passage.blocks)).collect();
        let words = Words::new(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        Ok(Self { hashes, passages, index, words })
    }

    /// How many passages there are.
    pub(crate) fn passages(&self) -> usize {
        self.passages.len()
    }

    /// How the words of a text weigh.
    pub(crate) fn words(&self) -> &Words {
        &self.words
    }

    /// The passages for a question, the best first: those that both meaning and words put high.
    pub(crate) fn find(&self, question: &str, vector: &[f32], most: usize) -> Vec<Found<'_>> {
        let near = self.index.nearest(vector, CANDIDATES).unwrap_or_default();
        let mut scores: HashMap<usize, f64> = HashMap::new();
        let by_meaning = near.iter().filter_map(|near| usize::try_from(near.number).ok());
        for ranking in [by_meaning.collect(), self.words.best(question, CANDIDATES)] {
            for (rank, number) in ranking.into_iter().enumerate() {
                *scores.entry(number).or_default() += 1.0 / (RANK_CONSTANT + rank as f64 + 1.0);
            }
        }
        let mut ranked: Vec<(usize, f64)> = scores.into_iter().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let found = ranked.into_iter().filter_map(|(number, _)| {
            let (document, passage) = self.passages.get(number)?;
            let similarity = passage.vector.iter().zip(vector).map(|(a, b)| a * b).sum();
            Some(Found { document, passage, similarity })
        });
        found.take(most).collect()
    }
}
