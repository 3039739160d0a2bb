//! The entries under each primary key and with each tag.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use invalidation::{Target, path_tags, primary_key};

/// Which entries a purge by key or tag may hit, so that it need not look at all. It is for counting and removing only: one
/// that it does not know is invalid all the same.
#[derive(Debug, Default)]
pub(super) struct Index {
    names: Mutex<Names>,
}

#[derive(Debug, Default)]
struct Names {
    keys: HashMap<Box<str>, HashSet<Arc<str>>>,
    tags: HashMap<Box<str>, HashSet<Arc<str>>>,
}

impl Index {
    /// What an entry takes here for its key and for each tag, in bytes, roughly.
    pub(super) const BYTES: usize = 64;

    /// An entry is there.
    pub(super) fn add(&self, full_key: &Arc<str>, tags: &[Box<str>]) {
        let mut names = self.lock();
        add(&mut names.keys, primary_key(full_key), full_key);
        tags.iter().for_each(|tag| add(&mut names.tags, tag, full_key));
    }

    /// An entry has gone.
    pub(super) fn remove(&self, full_key: &str, tags: &[Box<str>]) {
        let mut names = self.lock();
        remove(&mut names.keys, primary_key(full_key), full_key);
        tags.iter().for_each(|tag| remove(&mut names.tags, tag, full_key));
    }

    /// The full keys of the entries that these targets may hit; none if only a look at all of them can tell.
    pub(super) fn find(&self, targets: &[Target]) -> Option<HashSet<Arc<str>>> {
        let names = self.lock();
        let mut found = HashSet::new();
        for target in targets {
            match target {
                Target::Key(key) => {
                    found.extend(names.keys.get(key.as_str()).into_iter().flatten().cloned());
                    for tag in path_tags(key) {
                        found.extend(names.tags.get(tag.as_str()).into_iter().flatten().cloned());
                    }
                }
                Target::Tag(tag) => found.extend(names.tags.get(tag.as_str()).into_iter().flatten().cloned()),
                Target::Prefix(_) | Target::Glob(_) | Target::All => return None,
            }
        }
        Some(found)
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(names: &mut HashMap<Box<str>, HashSet<Arc<str>>>, name: &str, full_key: &Arc<str>) {
    match names.get_mut(name) {
        Some(full_keys) => {
            full_keys.insert(Arc::clone(full_key));
        }
        None => {
            names.insert(name.into(), HashSet::from([Arc::clone(full_key)]));
        }
    }
}

fn remove(names: &mut HashMap<Box<str>, HashSet<Arc<str>>>, name: &str, full_key: &str) {
    let Some(full_keys) = names.get_mut(name) else { return };
    full_keys.remove(full_key);
    if full_keys.is_empty() {
        names.remove(name);
    }
}

#[cfg(test)]
impl Index {
    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        let names = self.lock();
        names.keys.len() + names.tags.len()
    }
}
