//! What this companion knows: entries, namespaces, and what was learned.

use std::collections::{BTreeMap, HashMap, HashSet};

use semantic_index::{Index, Limits, Shelf};
use semantic_policy::{
    Answer, Estimate, Fitted, Guard, Judgement, Neighbour, Policy, Question, Refit, Settings,
    Verdict as Judged,
};
use serde::{Deserialize, Serialize};

use super::namespace::{Namespace, Scope};
use super::pending::{Judgements, Pending};
use crate::{clock, config, random};

/// Neighbours that a question is judged by.
const NEIGHBOURS: usize = 16;
/// Purges that are remembered, to refuse what was answered before them.
const PURGES: usize = 1_000;

/// A question, its answer, and what they were made of; as it is kept and handed to other companions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) namespace: String,
    pub(super) question: String,
    pub(super) answer: String,
    /// What is to be served, if that is not the answer's text.
    pub(super) payload: Option<String>,
    pub(super) sources: Vec<String>,
    /// Whose vectors these are.
    pub(super) embedder: String,
    #[serde(with = "super::vectors")]
    pub(super) question_vector: Vec<f32>,
    #[serde(with = "super::vectors")]
    pub(super) answer_vector: Vec<f32>,
    /// Unix milliseconds.
    pub(super) stored_ms: u64,
    /// Unix milliseconds.
    pub(super) expires_ms: u64,
    /// How many purges had been seen when the service was asked.
    pub(super) position: String,
}

/// What is to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Purge {
    pub(super) sources: Vec<String>,
    pub(super) all: bool,
}

impl Purge {
    fn hits(&self, entry: &Entry) -> bool {
        self.all || entry.sources.iter().any(|source| self.sources.contains(source))
    }
}

/// An answer that is to be kept.
#[derive(Debug)]
pub(crate) struct NewAnswer {
    pub(crate) scope: Scope,
    pub(crate) question: String,
    pub(crate) answer: String,
    pub(crate) payload: Option<String>,
    pub(crate) sources: Vec<String>,
    pub(crate) ttl_seconds: Option<u64>,
    /// The lookup that the service was asked after.
    pub(crate) lookup: Option<u64>,
    /// Where the log of purges stood at that lookup.
    pub(crate) position: Option<String>,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It is kept.
    Yes,
    /// A document that it was made from was invalidated meanwhile.
    Invalidated,
}

/// What is to be done with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// The same question was answered before.
    Exact,
    /// The answer to another serves.
    Hit,
    /// It would, but the service is to be asked.
    Verify,
    /// The service is to be asked.
    Miss,
}

impl Verdict {
    /// All there are.
    pub(crate) const ALL: [Self; 4] = [Self::Exact, Self::Hit, Self::Verify, Self::Miss];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Hit => "hit",
            Self::Verify => "verify",
            Self::Miss => "miss",
        }
    }
}

/// What a lookup found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    pub(crate) verdict: Verdict,
    /// The cosine to the question whose answer it is about.
    pub(crate) similarity: f32,
    /// The answer that serves.
    pub(crate) answer: Option<String>,
    pub(crate) payload: Option<String>,
    pub(crate) sources: Vec<String>,
    pub(crate) age_seconds: u64,
    /// What a store after this lookup names it by.
    pub(crate) lookup: String,
    pub(crate) position: String,
}

/// Why a question would be answered as it would be.
#[derive(Debug, Serialize)]
pub(crate) struct Explanation {
    pub(crate) verdict: Verdict,
    /// In words.
    pub(crate) reason: String,
    pub(crate) guards: Vec<&'static str>,
    /// How probably the answer would be wrong; none before enough was learned.
    pub(crate) risk: Option<f64>,
    pub(crate) risk_limit: Option<f64>,
    pub(crate) neighbours: Vec<Near>,
}

/// A neighbour, as it is explained.
#[derive(Debug, Serialize)]
pub(crate) struct Near {
    pub(crate) similarity: f32,
    pub(crate) question: String,
    pub(crate) answer: String,
    pub(crate) guards: Vec<&'static str>,
    /// Whether its answer says the same as the chosen one's.
    pub(crate) agrees: bool,
    pub(crate) chosen: bool,
}

/// What there is.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Stats {
    pub(crate) embedder: String,
    pub(crate) entries: usize,
    pub(crate) bytes: u64,
    pub(crate) namespaces: usize,
    /// Those that decide by more than the threshold.
    pub(crate) learned: usize,
    /// Lookups by what they came to.
    pub(crate) lookups: BTreeMap<&'static str, u64>,
    pub(crate) stores: u64,
    /// Entries of other embedders, which are left alone.
    pub(crate) foreign: u64,
    /// Would-be hits that the service was asked about, and those that it did not agree with.
    pub(crate) verified: u64,
    pub(crate) disagreed: u64,
    pub(crate) false_hits: f64,
    /// With 95 % confidence.
    pub(crate) false_hits_at_most: f64,
}

#[derive(Debug)]
struct Kept {
    entry: Entry,
    question: Question,
    answer: Answer,
}

/// What this companion knows.
#[derive(Debug)]
pub(super) struct State {
    settings: config::Semantic,
    embedder: String,
    entries: HashMap<u64, Kept>,
    namespaces: HashMap<String, Namespace>,
    shelf: Shelf,
    judgements: Judgements,
    purges: Vec<(String, Purge)>,
    /// What fell out of the purges that are remembered.
    floor: String,
    learners: usize,
    lookups: BTreeMap<&'static str, u64>,
    stores: u64,
    foreign: u64,
    /// Where the log of changes stands here.
    position: String,
    purged: u64,
}

impl State {
    pub(super) fn new(settings: &config::Semantic, embedder: &str) -> Self {
        let limits = Limits { entries: settings.max_entries, bytes: settings.max_bytes };
        Self {
            settings: settings.clone(),
            embedder: embedder.to_owned(),
            entries: HashMap::new(),
            namespaces: HashMap::new(),
            shelf: Shelf::new(limits),
            judgements: Judgements::default(),
            purges: Vec::new(),
            floor: String::new(),
            learners: 0,
            lookups: Verdict::ALL.into_iter().map(|verdict| (verdict.name(), 0)).collect(),
            stores: 0,
            foreign: 0,
            position: position(0, 0),
            purged: 0,
        }
    }

    /// The answer to the very same question.
    pub(super) fn exact(&mut self, namespace: &str, question: &str) -> Option<Found> {
        let id = *self.namespaces.get(namespace)?.exact.get(question.trim())?;
        if !self.shelf.has(id, clock::now_ms()) {
            return None;
        }
        self.count(Verdict::Exact.name());
        self.shelf.touch(id);
        let mut found = self.found(Verdict::Exact, 1.0, 0);
        self.serve(&mut found, id);
        Some(found)
    }

    /// Judges a question by its neighbours.
    pub(super) fn look_up(&mut self, namespace: &str, question: &str, vector: Vec<f32>) -> Found {
        let near = self.near(namespace, &vector);
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

    pub(super) fn explain(&mut self, namespace: &str, question: &str, vector: &[f32]) -> Explanation {
        let near = self.near(namespace, vector);
        let judged = self.judge(namespace, question, vector, &near);
        let asked = Question::new(question);
        let names = |guards: &[Guard]| guards.iter().map(|guard| guard.name()).collect::<Vec<_>>();
        let neighbour = |(at, (id, similarity)): (usize, &(u64, f32))| {
            let kept = self.entries.get(id)?;
            Some(Near {
                similarity: *similarity,
                question: kept.entry.question.clone(),
                answer: kept.entry.answer.chars().take(200).collect(),
                guards: names(&Guard::between(&asked, &kept.question)),
                agrees: judged
                    .as_ref()
                    .is_some_and(|judged| judged.members.iter().any(|(member, _)| *member == at)),
                chosen: judged.as_ref().is_some_and(|judged| judged.chosen == at),
            })
        };
        let neighbours = near.iter().enumerate().filter_map(neighbour).collect();
        let exact = self
            .namespaces
            .get(namespace)
            .is_some_and(|namespace| namespace.exact.contains_key(question.trim()));
        let threshold = self.settings.similarity_threshold.get();
        let (verdict, reason) = match (&judged, exact) {
            (_, true) => (Verdict::Exact, "the very same question was answered before".to_owned()),
            (None, _) => (Verdict::Miss, "nothing is stored in this namespace".to_owned()),
            (Some(judged), _) => explained(judged, threshold),
        };
        Explanation {
            verdict,
            reason,
            guards: judged.as_ref().map(|judged| names(&judged.guards)).unwrap_or_default(),
            risk: judged.as_ref().and_then(|judged| judged.risk),
            risk_limit: judged
                .as_ref()
                .filter(|judged| judged.risk.is_some())
                .map(|judged| judged.risk_limit),
            neighbours,
        }
    }

    /// The vector of the question of a lookup, if this is its store.
    pub(super) fn pending_vector(
        &self,
        lookup: Option<u64>,
        namespace: &str,
        question: &str,
    ) -> Option<Vec<f32>> {
        let pending = self.judgements.get(lookup?)?;
        (pending.namespace == namespace && pending.question == question).then(|| pending.vector.clone())
    }

    /// Learns from an answer, and makes the entry that is to be kept, unless it is invalid already.
    pub(super) fn learn_and_make(
        &mut self,
        namespace: &str,
        new: NewAnswer,
        question_vector: Vec<f32>,
        answer_vector: Vec<f32>,
    ) -> (Stored, Option<Entry>) {
        if let Some(pending) = new.lookup.and_then(|lookup| self.judgements.take(lookup))
            && pending.namespace == namespace
            && pending.question == new.question
        {
            self.learn(&pending, &new, &answer_vector);
        }
        let now = clock::now_ms();
        let longest = self.settings.ttl_seconds;
        let ttl = new.ttl_seconds.map_or(longest, |ttl| ttl.min(longest));
        let entry = Entry {
            id: random::number(),
            namespace: namespace.to_owned(),
            question: new.question,
            answer: new.answer,
            payload: new.payload,
            sources: new.sources,
            embedder: self.embedder.clone(),
            question_vector,
            answer_vector,
            stored_ms: now,
            expires_ms: now.saturating_add(ttl.saturating_mul(1_000)),
            position: new.position.unwrap_or_else(|| self.position.clone()),
        };
        if ttl == 0 {
            return (Stored::Yes, None);
        }
        if self.is_purged(&entry) {
            return (Stored::Invalidated, None);
        }
        self.stores += 1;
        (Stored::Yes, Some(entry))
    }

    /// Takes an entry in, its own or another companion's. One of another embedder is left alone, and so is one that a purge
    /// has overtaken.
    pub(super) fn put(&mut self, entry: Entry) {
        if entry.embedder != self.embedder {
            self.foreign += 1;
            return;
        }
        if self.is_purged(&entry)
            || entry.expires_ms <= clock::now_ms()
            || self.entries.contains_key(&entry.id)
        {
            return;
        }
        let dimensions = entry.question_vector.len();
        if !self.namespaces.contains_key(&entry.namespace) {
            let may_learn = self.learners < self.settings.max_learners;
            self.learners += usize::from(may_learn);
            let policy = Policy::new(Settings {
                dimensions,
                threshold: self.settings.similarity_threshold.get() as f32,
                error_budget: if may_learn { self.settings.error_budget.get() } else { 0.0 },
                shadow_share: self.settings.shadow_share.get(),
                refit_every: self.settings.refit_every,
            });
            let namespace =
                Namespace { learns: may_learn, index: Index::new(dimensions), policy, exact: HashMap::new() };
            self.namespaces.insert(entry.namespace.clone(), namespace);
        }
        let Some(namespace) = self.namespaces.get_mut(&entry.namespace) else { return };
        let sources = entry.sources.iter().map(String::as_str);
        let answer = Answer::new(&entry.answer, entry.answer_vector.clone(), sources);
        if namespace.index.insert(entry.id, &entry.question_vector).is_err() {
            return;
        }
        namespace.policy.add(&entry.question_vector, &answer);
        let same = namespace.exact.insert(entry.question.trim().to_owned(), entry.id);
        let texts =
            entry.question.len() * 3 + entry.answer.len() + entry.payload.as_ref().map_or(0, String::len);
        let vectors = (entry.question_vector.len() + entry.answer_vector.len()) * 4;
        let bytes = texts + vectors + answer.bytes() + namespace.index.bytes_each() + 256;
        let (id, expires) = (entry.id, entry.expires_ms);
        self.entries.insert(id, Kept { question: Question::new(&entry.question), answer, entry });
        let gone = self.shelf.put(id, bytes as u64, expires);
        gone.into_iter().chain(same).for_each(|id| self.forget(id));
    }

    /// Removes what a purge hits, which stands at `at` in the log if there is one; the entries that were removed.
    pub(super) fn purge(&mut self, purge: &Purge, at: Option<&str>) -> Vec<u64> {
        self.purged += 1;
        self.position = at.map_or_else(|| position(0, self.purged), str::to_owned);
        if self.purges.len() >= PURGES {
            self.floor = self.purges.remove(0).0;
        }
        self.purges.push((self.position.clone(), purge.clone()));
        let hit: Vec<u64> =
            self.entries.values().filter(|kept| purge.hits(&kept.entry)).map(|kept| kept.entry.id).collect();
        // One that began after the purge is not hit by it; it cannot be here before it, but by a joiner's reading.
        let hit: Vec<u64> = hit
            .into_iter()
            .filter(|id| self.entries.get(id).is_some_and(|kept| self.is_purged(&kept.entry)))
            .collect();
        hit.iter().for_each(|id| self.forget(*id));
        hit
    }

    /// How many entries a purge hits.
    pub(super) fn met(&self, purge: &Purge) -> usize {
        self.entries.values().filter(|kept| purge.hits(&kept.entry)).count()
    }

    /// Notes how far the log was read.
    pub(super) fn reached(&mut self, position: &str) {
        self.position = position.to_owned();
    }

    /// Drops all entries but these.
    pub(super) fn keep_only(&mut self, there: &HashSet<u64>) {
        let gone: Vec<u64> = self.entries.keys().filter(|id| !there.contains(id)).copied().collect();
        gone.into_iter().for_each(|id| self.forget(id));
    }

    pub(super) fn expire(&mut self) {
        self.shelf.expire(clock::now_ms()).into_iter().for_each(|id| self.forget(id));
    }

    pub(super) fn begin_refit(&mut self, namespace: &str) -> Option<Refit> {
        let policy = &mut self.namespaces.get_mut(namespace)?.policy;
        policy.is_due().then(|| policy.begin_refit())
    }

    pub(super) fn adopt(&mut self, namespace: &str, fitted: Fitted) {
        if let Some(namespace) = self.namespaces.get_mut(namespace) {
            namespace.policy.adopt(fitted);
        }
    }

    pub(super) fn stats(&self) -> Stats {
        let estimates: Vec<Estimate> =
            self.namespaces.values().map(|namespace| namespace.policy.estimate()).collect();
        let verified = estimates.iter().map(|estimate| estimate.verified).sum();
        let disagreed = estimates.iter().map(|estimate| estimate.disagreed).sum();
        Stats {
            embedder: self.embedder.clone(),
            entries: self.entries.len(),
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

    fn learn(&mut self, pending: &Pending, new: &NewAnswer, answer_vector: &[f32]) {
        let (Some(evidence), Some(namespace)) =
            (&pending.evidence, self.namespaces.get_mut(&pending.namespace))
        else {
            return;
        };
        let sources = new.sources.iter().map(String::as_str);
        let mut answer = Answer::new(&new.answer, answer_vector.to_vec(), sources);
        namespace.policy.refresh(&mut answer);
        let members: Vec<(&Answer, f32)> = pending
            .members
            .iter()
            .filter_map(|(id, weight)| self.entries.get(id).map(|kept| (&kept.answer, *weight)))
            .collect();
        if !members.is_empty() {
            namespace.policy.learn(evidence, &answer, &members);
        }
    }

    /// The nearest that have not ended.
    fn near(&mut self, namespace: &str, vector: &[f32]) -> Vec<(u64, f32)> {
        self.expire();
        let Some(namespace) = self.namespaces.get(namespace) else { return Vec::new() };
        let near = namespace.index.nearest(vector, NEIGHBOURS).unwrap_or_default();
        for neighbour in &near {
            if let Some(kept) = self.entries.get_mut(&neighbour.number) {
                namespace.policy.refresh(&mut kept.answer);
            }
        }
        near.into_iter().map(|near| (near.number, near.similarity)).collect()
    }

    fn judge(
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
        let (lookup, position) = (format!("{lookup:016x}"), self.position.clone());
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

    fn count(&mut self, verdict: &'static str) {
        *self.lookups.entry(verdict).or_default() += 1;
    }

    /// Whether a purge that came after the service was asked hits an entry.
    fn is_purged(&self, entry: &Entry) -> bool {
        let after = |at: &String| is_before(&entry.position, at);
        (!self.floor.is_empty() && after(&self.floor))
            || self.purges.iter().any(|(at, purge)| after(at) && purge.hits(entry))
    }

    fn forget(&mut self, id: u64) {
        self.shelf.remove(id);
        let Some(Kept { entry, .. }) = self.entries.remove(&id) else { return };
        let Some(namespace) = self.namespaces.get_mut(&entry.namespace) else { return };
        namespace.index.remove(id);
        if namespace.exact.get(entry.question.trim()) == Some(&id) {
            namespace.exact.remove(entry.question.trim());
        }
        if namespace.index.is_empty() && !namespace.policy.has_learned() {
            let learned = self.namespaces.remove(&entry.namespace).is_some_and(|namespace| namespace.learns);
            self.learners = self.learners.saturating_sub(usize::from(learned));
        }
    }
}

fn explained(judged: &Judgement, threshold: f64) -> (Verdict, String) {
    let guards = judged.guards.iter().map(|guard| guard.name()).collect::<Vec<_>>().join(", ");
    match (judged.verdict, judged.risk) {
        (Judged::Hit, None) => (Verdict::Hit, format!("its cosine is at least {threshold}")),
        (Judged::Hit, Some(_)) => {
            (Verdict::Hit, "the risk is within what the error budget allows".to_owned())
        }
        (Judged::Verify, _) if !guards.is_empty() => {
            (Verdict::Verify, format!("it would serve, but differs in {guards}"))
        }
        (Judged::Verify, _) => {
            (Verdict::Verify, "it would serve; this one was drawn to ask the service".to_owned())
        }
        (Judged::Miss, None) => (Verdict::Miss, format!("no cosine is {threshold} or more")),
        (Judged::Miss, Some(_)) => {
            (Verdict::Miss, "the risk is more than the error budget allows".to_owned())
        }
    }
}

/// A position in the log, in the form that Redis gives it.
fn position(time: u64, number: u64) -> String {
    format!("{time}-{number}")
}

/// Whether a position is before another. One that cannot be read is before all.
fn is_before(one: &str, other: &str) -> bool {
    let parse = |position: &str| {
        let (time, number) = position.split_once('-')?;
        Some((time.parse::<u64>().ok()?, number.parse::<u64>().ok()?))
    };
    parse(one) < parse(other)
}
