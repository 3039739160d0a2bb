//! The documents that are answered from just now.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use super::corpus::{Corpus, Kept, write_whole};
use crate::config;

/// Beside the documents: the hashes of those that the semantic cache was last told of.
const TOLD: &str = "told.json";

/// The documents that are answered from just now.
#[derive(Debug)]
pub(crate) struct Library {
    folder: PathBuf,
    embedder: String,
    max_passages: usize,
    corpus: RwLock<Arc<Corpus>>,
}

/// What tells one state of the file from another.
pub(super) type Stamp = Option<(SystemTime, u64)>;

impl Library {
    /// The documents of the settings' folder, for vectors of this embedder.
    pub(crate) fn open(config: &config::Rag, embedder: &str) -> anyhow::Result<Self> {
        let folder = PathBuf::from(&config.corpus_dir);
        let kept = Kept::load(&folder)?.unwrap_or_default();
        if kept.documents.is_empty() {
            tracing::warn!(
                folder = config.corpus_dir,
                "there are no documents to answer from: run `slipstream rag ingest DIR`"
            );
        }
        let corpus = Corpus::new(kept, embedder, config.max_passages)?;
        Ok(Self {
            folder,
            embedder: embedder.to_owned(),
            max_passages: config.max_passages,
            corpus: RwLock::new(Arc::new(corpus)),
        })
    }

    /// The documents as they are now; whoever has them keeps them as they are.
    pub(crate) fn corpus(&self) -> Arc<Corpus> {
        Arc::clone(&self.corpus.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How the file stands.
    pub(super) fn stamp(&self) -> Stamp {
        let about = fs::metadata(Kept::path(&self.folder)).ok()?;
        Some((about.modified().ok()?, about.len()))
    }

    /// Reads the file again. What was there stays if it cannot be read.
    pub(super) fn reload(&self) -> anyhow::Result<Arc<Corpus>> {
        let kept = Kept::load(&self.folder)?.unwrap_or_default();
        let corpus = Arc::new(Corpus::new(kept, &self.embedder, self.max_passages)?);
        *self.corpus.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&corpus);
        Ok(corpus)
    }

    /// The documents that are other than those that the semantic cache was told of, or gone.
    pub(super) fn outdated(&self, corpus: &Corpus) -> Vec<String> {
        let told = told(&self.folder);
        let is_same = |path: &str, hash: &String| corpus.hashes.get(path) == Some(hash);
        told.iter().filter(|(path, hash)| !is_same(path, hash)).map(|(path, _)| path.clone()).collect()
    }

    /// Remembers that the semantic cache was told.
    pub(super) fn remember(&self, corpus: &Corpus) -> anyhow::Result<()> {
        if told(&self.folder) == corpus.hashes {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        write_whole(&self.folder.join(TOLD), &serde_json::to_vec(&corpus.hashes)?)
    }
}

/// What cannot be read was never told: then there is nothing to take back.
fn told(folder: &Path) -> BTreeMap<String, String> {
    let text = fs::read(folder.join(TOLD)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}
