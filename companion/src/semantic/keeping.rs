//! How entries come into this companion's memory, and how they leave it.

use std::collections::{HashMap, HashSet};

use semantic_index::Index;
use semantic_policy::{Answer, Policy, Question, Settings};

use super::entry::{Entry, Purge};
use super::namespace::Namespace;
use super::state::{Kept, State};
use crate::clock;
use crate::config::SemanticIndex;

impl State {
    /// Takes an entry in that was just stored, by this companion or another one. Left alone is one of another embedder, and one
    /// that a purge has overtaken or that has ended.
    pub(super) fn put(&mut self, entry: Entry) {
        self.keep(entry, true);
    }

    /// Takes an entry in that was stored some time ago, unless its question was answered later by one that is here.
    pub(super) fn put_back(&mut self, entry: Entry) {
        if !self.is_outdated(&entry) {
            // What comes and goes must not count each time.
            self.keep(entry, self.settings.index == SemanticIndex::Memory);
        }
    }

    fn keep(&mut self, entry: Entry, is_counted: bool) {
        if entry.embedder != self.embedder {
            self.foreign += 1;
            return;
        }
        let is_over = self.purges.hit(&entry) || entry.expires_ms <= clock::now_ms();
        if is_over || self.entries.contains_key(&entry.id) {
            return;
        }
        self.open(&entry);
        let Some(namespace) = self.namespaces.get_mut(&entry.namespace) else { return };
        let sources = entry.sources.iter().map(String::as_str);
        let answer = Answer::new(&entry.question, &entry.answer, entry.answer_vector.clone(), sources);
        if let Some(index) = &mut namespace.index
            && index.insert(entry.id, &entry.question_vector).is_err()
        {
            return;
        }
        if is_counted {
            namespace.policy.add(&entry.question_vector, &answer);
        }
        let same = namespace.exact.insert(entry.question.trim().to_owned(), entry.id);
        let texts =
            entry.question.len() * 3 + entry.answer.len() + entry.payload.as_ref().map_or(0, String::len);
        let vectors = (entry.question_vector.len() + entry.answer_vector.len()) * 4;
        let indexed = namespace.index.as_ref().map_or(0, Index::bytes_each);
        let bytes = texts + vectors + answer.bytes() + indexed + 256;
        let (id, expires) = (entry.id, entry.expires_ms);
        self.entries.insert(id, Kept { question: Question::new(&entry.question), answer, entry });
        let gone = self.shelf.put(id, bytes as u64, expires);
        gone.into_iter().chain(same).for_each(|id| self.forget(id));
    }

    /// Removes what a purge hits, which stands at `at` in the log if there is one; the entries that were removed.
    pub(super) fn purge(&mut self, purge: &Purge, at: Option<&str>) -> Vec<u64> {
        self.purges.add(purge, at);
        // One that began after the purge is not hit by it; it cannot be here before it, but by a joiner's reading.
        let is_hit = |kept: &&Kept| purge.hits(&kept.entry) && self.purges.hit(&kept.entry);
        let hit: Vec<u64> = self.entries.values().filter(is_hit).map(|kept| kept.entry.id).collect();
        hit.iter().for_each(|id| self.forget(*id));
        hit
    }

    /// How many entries a purge hits.
    pub(super) fn met(&self, purge: &Purge) -> usize {
        self.entries.values().filter(|kept| purge.hits(&kept.entry)).count()
    }

    /// Whether an entry that is here has answered the very same question later.
    pub(super) fn is_outdated(&self, entry: &Entry) -> bool {
        let same = self.same(&entry.namespace, &entry.question).and_then(|id| self.kept(id));
        same.is_some_and(|same| same.entry.stored_ms > entry.stored_ms)
    }

    /// The entry that a new one takes the place of.
    pub(super) fn earlier(&self, entry: &Entry) -> Option<Entry> {
        let id = self.same(&entry.namespace, &entry.question)?;
        self.kept(id).map(|kept| kept.entry.clone())
    }

    /// Drops all entries but these.
    pub(super) fn keep_only(&mut self, there: &HashSet<u64>) {
        let gone: Vec<u64> = self.entries.keys().filter(|id| !there.contains(id)).copied().collect();
        gone.into_iter().for_each(|id| self.forget(id));
    }

    /// Drops what has ended.
    pub(super) fn expire(&mut self) {
        self.shelf.expire(clock::now_ms()).into_iter().for_each(|id| self.forget(id));
    }

    /// Makes the namespace of an entry, if it is the first.
    fn open(&mut self, entry: &Entry) {
        if self.namespaces.contains_key(&entry.namespace) {
            return;
        }
        let dimensions = entry.question_vector.len();
        let learns = self.learners < self.settings.max_learners;
        self.learners += usize::from(learns);
        let policy = Policy::new(Settings {
            dimensions,
            threshold: self.settings.similarity_threshold.get() as f32,
            error_budget: if learns { self.settings.error_budget.get() } else { 0.0 },
            shadow_share: self.settings.shadow_share.get(),
            refit_every: self.settings.refit_every,
        });
        let index = (self.settings.index == SemanticIndex::Memory).then(|| Index::new(dimensions));
        let namespace = Namespace { learns, index, policy, exact: HashMap::new() };
        self.namespaces.insert(entry.namespace.clone(), namespace);
    }

    fn forget(&mut self, id: u64) {
        self.shelf.remove(id);
        let Some(Kept { entry, .. }) = self.entries.remove(&id) else { return };
        let Some(namespace) = self.namespaces.get_mut(&entry.namespace) else { return };
        if let Some(index) = &mut namespace.index {
            index.remove(id);
        }
        if namespace.exact.get(entry.question.trim()) == Some(&id) {
            namespace.exact.remove(entry.question.trim());
        }
        // Each entry that is here is the one for its very question.
        if namespace.exact.is_empty() && !namespace.policy.has_learned() {
            let learned = self.namespaces.remove(&entry.namespace).is_some_and(|namespace| namespace.learns);
            self.learners = self.learners.saturating_sub(usize::from(learned));
        }
    }
}
