//! What is learned from the service's own answers.

use semantic_policy::{Answer, Fitted, Refit};

use super::entry::{Entry, NewAnswer, Stored};
use super::pending::Pending;
use super::state::State;
use crate::{clock, random};

impl State {
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
            position: new.position.unwrap_or_else(|| self.purges.position().to_owned()),
        };
        if ttl == 0 {
            return (Stored::Yes, None);
        }
        if self.purges.hit(&entry) {
            return (Stored::Invalidated, None);
        }
        self.stores += 1;
        (Stored::Yes, Some(entry))
    }

    /// What is to be fitted anew, if enough was learned since the last time.
    pub(super) fn begin_refit(&mut self, namespace: &str) -> Option<Refit> {
        let policy = &mut self.namespaces.get_mut(namespace)?.policy;
        policy.is_due().then(|| policy.begin_refit())
    }

    /// Decides by what was fitted from now on.
    pub(super) fn adopt(&mut self, namespace: &str, fitted: Fitted) {
        if let Some(namespace) = self.namespaces.get_mut(namespace) {
            namespace.policy.adopt(fitted);
        }
    }

    fn learn(&mut self, pending: &Pending, new: &NewAnswer, answer_vector: &[f32]) {
        let (Some(evidence), Some(namespace)) =
            (&pending.evidence, self.namespaces.get_mut(&pending.namespace))
        else {
            return;
        };
        let sources = new.sources.iter().map(String::as_str);
        let mut answer = Answer::new(&new.question, &new.answer, answer_vector.to_vec(), sources);
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
}
