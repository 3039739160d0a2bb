//! Taking a folder of Markdown in.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::corpus::{Document, FORMAT, Kept, Passage};
use super::markdown;
use crate::config;
use crate::embedder::{Embedder, Input, Priority};

/// Passages that are embedded at once.
const BATCH: usize = 16;
/// The file that keeps two from writing at a time.
const LOCK: &str = "ingest.lock";

/// What became of the documents.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) documents: usize,
    pub(crate) passages: usize,
    pub(crate) new: Vec<String>,
    pub(crate) changed: Vec<String>,
    pub(crate) unchanged: usize,
    pub(crate) removed: Vec<String>,
    /// What could not be taken in, and why.
    pub(crate) skipped: BTreeMap<String, String>,
}

/// Makes what is kept equal to the folder's Markdown files. `progress` hears of each document: how many are done, of how
/// many, and its path.
pub(crate) async fn ingest(
    folder: &Path,
    config: &config::Rag,
    embedder: &Embedder,
    mut progress: impl FnMut(usize, usize, &str),
) -> anyhow::Result<Report> {
    let corpus_dir = Path::new(&config.corpus_dir);
    ensure!(folder.is_dir(), "{} is no folder, expected one with Markdown files", folder.display());
    fs::create_dir_all(corpus_dir).with_context(|| {
        format!("cannot make the folder {} (setting rag.corpus_dir)", corpus_dir.display())
    })?;
    let lock =
        File::create(corpus_dir.join(LOCK)).context("cannot lock the folder (setting rag.corpus_dir)")?;
    lock.lock().context("cannot lock the folder (setting rag.corpus_dir)")?;

    let mut report = Report::default();
    let texts = read(folder, config.max_document_bytes, &mut report)?;
    ensure!(
        !texts.is_empty(),
        "no Markdown in {}, expected files that end in .md or .markdown; nothing was changed",
        folder.display()
    );
    let same = |kept: &Kept| kept.format == FORMAT && kept.embedder == embedder.id();
    let before = Kept::load(corpus_dir)?.filter(same).unwrap_or_default();
    let mut documents = BTreeMap::new();
    for (number, (path, text)) in texts.iter().enumerate() {
        progress(number + 1, texts.len(), path);
        let hash = hash(text.as_bytes());
        let document = match before.documents.get(path) {
            Some(document) if document.hash == hash => {
                report.unchanged += 1;
                document.clone()
            }
            known => {
                let passages =
                    passages(text, embedder).await.with_context(|| format!("cannot embed {path}"))?;
                let list = if known.is_some() { &mut report.changed } else { &mut report.new };
                list.push(path.clone());
                Document { hash, passages }
            }
        };
        documents.insert(path.clone(), document);
    }
    report.removed = before.documents.into_keys().filter(|path| !documents.contains_key(path)).collect();
    let kept = Kept { format: FORMAT, embedder: embedder.id().to_owned(), documents };
    (report.documents, report.passages) = (kept.documents.len(), kept.passages());
    if report.passages > config.max_passages {
        bail!(
            "{} passages, expected at most {} (setting rag.max_passages); nothing was changed",
            report.passages,
            config.max_passages
        );
    }
    if report.unchanged < report.documents || !report.removed.is_empty() {
        kept.save(corpus_dir)?;
    }
    Ok(report)
}

async fn passages(text: &str, embedder: &Embedder) -> anyhow::Result<Vec<Passage>> {
    let sections = markdown::sections(text);
    let mut passages = Vec::new();
    for some in sections.chunks(BATCH) {
        let inputs = some
            .iter()
            .map(|section| Input::Text(Passage::text(&section.headings, &section.blocks)))
            .collect();
        let vectors = embedder.embed(inputs, Priority::Low).await?.vectors;
        passages.extend(some.iter().zip(vectors).map(|(section, vector)| Passage {
            headings: section.headings.clone(),
            blocks: section.blocks.clone(),
            vector,
        }));
    }
    Ok(passages)
}

/// The Markdown files of a folder and those below it, by path. What is hidden is left alone.
fn read(folder: &Path, max_bytes: u64, report: &mut Report) -> anyhow::Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    let mut folders = VecDeque::from([(folder.to_owned(), String::new())]);
    while let Some((folder, prefix)) = folders.pop_front() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
            let name = entry.file_name();
            let path = format!("{prefix}{}", name.to_string_lossy());
            let Some(name) = name.to_str() else {
                report.skipped.insert(path, "its name is not UTF-8".to_owned());
                continue;
            };
            // Links are not followed: they may lead in circles, or out of the folder.
            let kind = entry.file_type()?;
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                folders.push_back((entry.path(), format!("{path}/")));
                continue;
            }
            if !kind.is_file() || !is_markdown(name) {
                continue;
            }
            match read_text(&entry.path(), max_bytes) {
                Ok(text) => {
                    texts.insert(path, text);
                }
                Err(why) => {
                    report.skipped.insert(path, why);
                }
            }
        }
    }
    Ok(texts)
}

fn is_markdown(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| ["md", "markdown"].contains(&extension.to_lowercase().as_str()))
}

fn read_text(path: &Path, max_bytes: u64) -> Result<String, String> {
    let bytes = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if bytes > max_bytes {
        return Err(format!("{bytes} bytes, expected at most {max_bytes} (setting rag.max_document_bytes)"));
    }
    String::from_utf8(fs::read(path).map_err(|error| error.to_string())?)
        .map_err(|_| "it is not UTF-8".to_owned())
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
