//! The newest record of each target, and which entries they hit.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::path::PATH_TAG;
use crate::{Target, glob, path_tags, primary_key};

/// The newest record of each target, of one severity.
#[derive(Debug, Default)]
pub(crate) struct Newest {
    /// 0 if there is none.
    all: u64,
    keys: HashMap<Arc<str>, u64>,
    /// By the path tags of the keys.
    paths: HashMap<String, u64>,
    tags: HashMap<Arc<str>, u64>,
    prefixes: HashMap<Arc<str>, u64>,
    /// How many prefixes have each length in bytes: a key is looked up once a length instead of being compared with
    /// every prefix.
    prefix_lengths: BTreeMap<usize, usize>,
    globs: HashMap<Arc<str>, u64>,
}

/// A target whose text is shared by those who remember it.
#[derive(Debug, Clone)]
pub(crate) enum Shared {
    Key(Arc<str>),
    Tag(Arc<str>),
    Prefix(Arc<str>),
    Glob(Arc<str>),
    All,
}

impl From<Target> for Shared {
    fn from(target: Target) -> Self {
        match target {
            Target::Key(key) => Self::Key(key.into()),
            Target::Tag(tag) => Self::Tag(tag.into()),
            Target::Prefix(prefix) => Self::Prefix(prefix.into()),
            Target::Glob(pattern) => Self::Glob(pattern.into()),
            Target::All => Self::All,
        }
    }
}

impl Newest {
    /// Takes in a record that is newer than all others; the number of the one whose place it takes.
    pub(crate) fn insert(&mut self, target: &Shared, seq: u64) -> Option<u64> {
        match target {
            Shared::Key(key) => {
                self.paths.extend(path_tags(key).map(|tag| (tag, seq)));
                self.keys.insert(Arc::clone(key), seq)
            }
            Shared::Tag(tag) => self.tags.insert(Arc::clone(tag), seq),
            Shared::Prefix(prefix) => {
                let earlier = self.prefixes.insert(Arc::clone(prefix), seq);
                if earlier.is_none() {
                    *self.prefix_lengths.entry(prefix.len()).or_insert(0) += 1;
                }
                earlier
            }
            Shared::Glob(pattern) => self.globs.insert(Arc::clone(pattern), seq),
            Shared::All => Some(std::mem::replace(&mut self.all, seq)).filter(|earlier| *earlier > 0),
        }
    }

    /// Forgets the record of this number, and its target.
    pub(crate) fn remove(&mut self, target: &Shared, seq: u64) {
        match target {
            Shared::Key(key) => {
                self.keys.remove(key);
                for tag in path_tags(key) {
                    // Another key of the same path may have come since.
                    if self.paths.get(&tag) == Some(&seq) {
                        self.paths.remove(&tag);
                    }
                }
            }
            Shared::Tag(tag) => {
                self.tags.remove(tag);
            }
            Shared::Prefix(prefix) => {
                self.prefixes.remove(prefix);
                if let Some(count) = self.prefix_lengths.get_mut(&prefix.len()) {
                    *count -= 1;
                    if *count == 0 {
                        self.prefix_lengths.remove(&prefix.len());
                    }
                }
            }
            Shared::Glob(pattern) => {
                self.globs.remove(pattern);
            }
            Shared::All => self.all = 0,
        }
    }

    /// How many patterns there are.
    pub(crate) fn globs(&self) -> usize {
        self.globs.len()
    }

    /// Whether a record from after `at` hits the entry.
    pub(crate) fn hits<T: AsRef<str>>(&self, full_key: &str, tags: &[T], at: u64) -> bool {
        let newer = |seq: Option<&u64>| seq.is_some_and(|seq| *seq > at);
        let newer_tag = |tag: &str| {
            newer(self.tags.get(tag)) || (tag.starts_with(PATH_TAG) && newer(self.paths.get(tag)))
        };
        let primary = primary_key(full_key);
        self.all > at
            || newer(self.keys.get(primary))
            || tags.iter().any(|tag| newer_tag(tag.as_ref()))
            || self
                .prefix_lengths
                .range(..=full_key.len())
                .filter_map(|(length, _)| full_key.get(..*length))
                .any(|prefix| newer(self.prefixes.get(prefix)))
            || self.globs.iter().any(|(pattern, seq)| *seq > at && glob::matches(pattern, primary))
    }
}
