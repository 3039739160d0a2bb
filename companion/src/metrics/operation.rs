//! Operations on the store, and what they come to.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounter, IntCounterVec};

use super::SECONDS;
use super::exemplars::{AllExemplars, Timer};
use crate::store::Claim;
use crate::trace;

/// The histogram of how long operations take.
pub(super) const DURATION: &str = "slipstream_store_operation_duration_seconds";

/// How an operation on the store went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A lookup found a valid entry.
    Hit,
    /// A lookup found an entry that a soft invalidation has hit.
    Stale,
    /// A lookup found nothing.
    Miss,
    /// A lookup found an entry that was invalidated.
    Invalidated,
    /// A lookup found an entry that cannot be read.
    Damaged,
    /// An entry was stored.
    Stored,
    /// A store came too late: an invalidation was faster, or another epoch began.
    Refused,
    /// An invalidation was recorded.
    Recorded,
    /// The store did not answer.
    Error,
}

impl Outcome {
    const ALL: [Self; 9] = [
        Self::Hit,
        Self::Stale,
        Self::Miss,
        Self::Invalidated,
        Self::Damaged,
        Self::Stored,
        Self::Refused,
        Self::Recorded,
        Self::Error,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Miss => "miss",
            Self::Invalidated => "invalidated",
            Self::Damaged => "damaged",
            Self::Stored => "stored",
            Self::Refused => "refused",
            Self::Recorded => "recorded",
            Self::Error => "error",
        }
    }
}

/// What became of a wish to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaseOutcome {
    /// It got the lease.
    Lead,
    /// Another had it.
    Wait,
    /// There was none to get, or waiting for it took too long.
    Pass,
    /// A lease that others waited for ended without a store: it ran out, or was released at another companion.
    Expired,
    /// The store did not answer.
    Error,
}

impl LeaseOutcome {
    pub(super) const ALL: [Self; 5] = [Self::Lead, Self::Wait, Self::Pass, Self::Expired, Self::Error];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Wait => "wait",
            Self::Pass => "pass",
            Self::Expired => "expired",
            Self::Error => "error",
        }
    }
}

impl From<Claim> for LeaseOutcome {
    fn from(claim: Claim) -> Self {
        match claim {
            Claim::Lead(_) => Self::Lead,
            Claim::Wait => Self::Wait,
            Claim::Pass => Self::Pass,
        }
    }
}

/// One operation on the store: how often it had each outcome, and how long it took.
#[derive(Debug)]
pub(crate) struct Operation {
    outcomes: Vec<(Outcome, IntCounter)>,
    name: &'static str,
    store: &'static str,
    duration: Timer,
}

impl Operation {
    /// An operation of this name on this store. Every label set exists from the start, at 0: a counter born at its first
    /// count has no rate.
    pub(super) fn new(
        operations: &IntCounterVec,
        durations: &HistogramVec,
        exemplars: &mut AllExemplars,
        store: &'static str,
        name: &'static str,
    ) -> Result<Self, prometheus::Error> {
        let counter = |outcome: Outcome| {
            operations
                .get_metric_with_label_values(&[store, name, outcome.label()])
                .map(|counter| (outcome, counter))
        };
        let duration = Timer::new(durations.get_metric_with_label_values(&[store, name])?, &SECONDS);
        // By the labels' values in the order of the labels' names.
        exemplars
            .insert((DURATION.to_owned(), vec![name.to_owned(), store.to_owned()]), duration.exemplars());
        let outcomes = Outcome::ALL.into_iter().map(counter).collect::<Result<_, _>>()?;
        Ok(Self { outcomes, name, store, duration })
    }

    /// One more operation, which took this long.
    pub(crate) fn record(&self, outcome: Outcome, took: Duration) {
        self.duration.observe(took);
        trace::did(
            self.name,
            took,
            [("db.system.name", self.store), ("slipstream.outcome", outcome.label())],
        );
        for (_, counter) in self.outcomes.iter().filter(|(counted, _)| *counted == outcome) {
            counter.inc();
        }
    }

    /// How many operations had this outcome.
    pub(crate) fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes
            .iter()
            .filter(|(counted, _)| *counted == outcome)
            .map(|(_, counter)| counter.get())
            .sum()
    }
}
