//! What was judged, until the service has answered.

use std::collections::{HashMap, VecDeque};

use semantic_policy::Evidence;

/// Judgements that are kept; the oldest goes first.
const MOST: usize = 10_000;

/// A judgement that can be learned from.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) namespace: String,
    pub(super) question: String,
    pub(super) vector: Vec<f32>,
    pub(super) evidence: Option<Evidence>,
    /// Entries whose answers agree with the chosen one's, and how much each counts.
    pub(super) members: Vec<(u64, f32)>,
}

/// Judgements by their number.
#[derive(Debug, Default)]
pub(super) struct Judgements {
    kept: HashMap<u64, Pending>,
    order: VecDeque<u64>,
}

impl Judgements {
    pub(super) fn add(&mut self, number: u64, pending: Pending) {
        if self.order.len() >= MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.kept.remove(&oldest);
        }
        self.order.push_back(number);
        self.kept.insert(number, pending);
    }

    pub(super) fn get(&self, number: u64) -> Option<&Pending> {
        self.kept.get(&number)
    }

    /// Each can be learned from once.
    pub(super) fn take(&mut self, number: u64) -> Option<Pending> {
        self.kept.remove(&number)
    }
}
