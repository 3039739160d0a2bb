//! What this companion knows: entries, namespaces, and what was learned.

use std::collections::{BTreeMap, HashMap};

use semantic_index::{Limits, Shelf, cosine};
use semantic_policy::{Answer, Estimate, Judgement, Neighbour, Question, Verdict as Judged};

use super::entry::Entry;
use super::found::{Found, Stats, UNAVAILABLE, Verdict};
use super::namespace::Namespace;
use super::pending::{Judgements, Pending};
use super::purges::Purges;
use crate::{clock, config, random};

/// Neighbours that a question is judged by.
pub(super) const NEIGHBOURS: usize = 16;

/// An entry, and what is derived from its texts.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) entry: Entry,
    pub(super) question: Question,
    pub(super) answer: Answer,
}

/// What this companion knows.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: config::Semantic,
    pub(super) embedder: String,
    pub(super) entries: HashMap<u64, Kept>,
    pub(super) namespaces: HashMap<String, Namespace>,
    pub(super) shelf: Shelf,
    pub(super) judgements: Judgements,
    pub(super) purges: Purges,
    pub(super) learners: usize,
    lookups: BTreeMap<&'static str, u64>,
    pub(super) stores: u64,
    pub(super) foreign: u64,
}

impl State {
    pub(super) fn new(settings: &config::Semantic, embedder: &str) -> Self {
        let limits = Limits { entries: settings.max_entries, bytes: settings.max_bytes };
        let verdicts = Verdict::ALL.into_iter().map(Verdict::name).chain([UNAVAILABLE]);
        Self {
            settings: settings.clone(),
            embedder: embedder.to_owned(),
            entries: HashMap::new(),
            namespaces: HashMap::new(),
            shelf: Shelf::new(limits),
            judgements: Judgements::default(),
            purges: Purges::new(),
            learners: 0,
            lookups: verdicts.map(|verdict| (verdict, 0)).collect(),
            stores: 0,
            foreign: 0,
        }
    }

    /// The answer to the very same question.
    pub(super) fn exact(&mut self, namespace: &str, question: &str) -> Option<Found> {
        let id = self.same(namespace, question)?;
        if !self.shelf.has(id, clock::now_ms()) {
            return None;
        }
        self.count(Verdict::Exact.name());
        self.shelf.touch(id);
        let mut found = self.found(Verdict::Exact, 1.0, 0);
        self.serve(&mut found, id);
        Some(found)
    }

    /// Judges a question by its neighbours: by those of `candidates` that are here, if something else has searched.
    pub(super) fn look_up(
        &mut self,
        namespace: &str,
        question: &str,
        vector: Vec<f32>,
        candidates: Option<&[u64]>,
    ) -> Found {
        let near = self.near(namespace, &vector, candidates);
        let judged = self.judge(namespace, question, &vector, &near);
        let lookup = random::number();
        let mut found = self.found(Verdict::Miss, near.first().map_or(0.0, |near| near.1), lookup);
        let (mut evidence, mut members) = (None, Vec::new());
        if let Some(judged) = judged {
            let chosen = near.get(judged.chosen).copied().unwrap_or_default();
            found.similarity = chosen.1;
            found.verdict = match judged.verdict {
                Judged::Hit => Verdict::Hit,
                Judged::Verify => Verdict::Verify,
                Judged::Miss => Verdict::Miss,
            };
            members = judged
                .members
                .iter()
                .filter_map(|(at, weight)| near.get(*at).map(|near| (near.0, *weight)))
                .collect();
            evidence = self.namespaces.get_mut(namespace).map(|namespace| namespace.policy.note(&judged));
            if found.verdict == Verdict::Hit {
                self.shelf.touch(chosen.0);
                self.serve(&mut found, chosen.0);
            }
        }
        self.count(found.verdict.name());
        if found.verdict != Verdict::Hit {
            let (namespace, question) = (namespace.to_owned(), question.to_owned());
            self.judgements.add(lookup, Pending { namespace, question, vector, evidence, members });
        }
        found
    }

    /// Counts what a lookup came to.
    pub(super) fn count(&mut self, verdict: &'static str) {
        *self.lookups.entry(verdict).or_default() += 1;
    }

    /// What there is.
    pub(super) fn stats(&self) -> Stats {
        let estimates: Vec<Estimate> =
            self.namespaces.values().map(|namespace| namespace.policy.estimate()).collect();
        let verified = estimates.iter().map(|estimate| estimate.verified).sum();
        let disagreed = estimates.iter().map(|estimate| estimate.disagreed).sum();
        Stats {
            embedder: self.embedder.clone(),
            entries: self.entries.len(),
            indexed: None,
            bytes: self.shelf.bytes(),
            namespaces: self.namespaces.len(),
            learned: self.namespaces.values().filter(|namespace| namespace.policy.has_learned()).count(),
            lookups: self.lookups.clone(),
            stores: self.stores,
            foreign: self.foreign,
            verified,
            disagreed,
            false_hits: if verified == 0 { 0.0 } else { disagreed as f64 / verified as f64 },
            false_hits_at_most: semantic_policy::upper_bound(disagreed, verified),
        }
    }

    /// The entry for the very same question.
    pub(super) fn same(&self, namespace: &str, question: &str) -> Option<u64> {
        self.namespaces.get(namespace)?.exact.get(question.trim()).copied()
    }

    /// An entry that is here.
    pub(super) fn kept(&self, id: u64) -> Option<&Kept> {
        self.entries.get(&id)
    }

    /// Those that are not here. What is stays here while the others come.
    pub(super) fn use_or_miss(&mut self, ids: &[u64]) -> Vec<u64> {
        ids.iter().for_each(|id| self.shelf.touch(*id));
        ids.iter().filter(|id| !self.entries.contains_key(id)).copied().collect()
    }

    /// The nearest that have not ended, with their cosines, all of which are here.
    pub(super) fn near(
        &mut self,
        namespace: &str,
        vector: &[f32],
        candidates: Option<&[u64]>,
    ) -> Vec<(u64, f32)> {
        self.expire();
        let Some(Namespace { index, policy, .. }) = self.namespaces.get(namespace) else { return Vec::new() };
        let near: Vec<(u64, f32)> = match (index, candidates) {
            (Some(index), _) => {
                let near = index.nearest(vector, NEIGHBOURS).unwrap_or_default();
                near.into_iter().map(|near| (near.number, near.similarity)).collect()
            }
            (None, candidates) => {
                let here = |id: &u64| {
                    let kept = self.entries.get(id).filter(|kept| kept.entry.namespace == namespace)?;
                    Some((*id, cosine(vector, &kept.entry.question_vector)))
                };
                // Whatever searched may have seen vectors that are less precise.
                let mut near: Vec<_> = candidates.unwrap_or_default().iter().filter_map(here).collect();
                near.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
                near.truncate(NEIGHBOURS);
                near
            }
        };
        for (id, _) in &near {
            if let Some(kept) = self.entries.get_mut(id) {
                policy.refresh(&mut kept.answer);
            }
        }
        near
    }

    pub(super) fn judge(
        &self,
        namespace: &str,
        question: &str,
        vector: &[f32],
        near: &[(u64, f32)],
    ) -> Option<Judgement> {
        let neighbours: Vec<Neighbour<'_>> = near
            .iter()
            .filter_map(|(id, similarity)| {
                let kept = self.entries.get(id)?;
                Some(Neighbour { similarity: *similarity, question: &kept.question, answer: &kept.answer })
            })
            .collect();
        let draw = (random::number() >> 11) as f64 / (1_u64 << 53) as f64;
        self.namespaces.get(namespace)?.policy.judge(&Question::new(question), vector, &neighbours, draw)
    }

    fn found(&self, verdict: Verdict, similarity: f32, lookup: u64) -> Found {
        let (lookup, position) = (format!("{lookup:016x}"), self.purges.position().to_owned());
        let (answer, payload, sources) = (None, None, Vec::new());
        Found { verdict, similarity, answer, payload, sources, age_seconds: 0, lookup, position }
    }

    fn serve(&self, found: &mut Found, id: u64) {
        let Some(Kept { entry, .. }) = self.entries.get(&id) else { return };
        found.answer = Some(entry.answer.clone());
        found.payload.clone_from(&entry.payload);
        found.sources.clone_from(&entry.sources);
        found.age_seconds = clock::now_ms().saturating_sub(entry.stored_ms) / 1_000;
    }
}
