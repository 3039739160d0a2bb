//! What those who ask are told.

use std::collections::BTreeMap;

use serde::Serialize;

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

/// What is counted of a lookup that could not be judged: embedder or store were away. To who asked it is a miss.
pub(crate) const UNAVAILABLE: &str = "unavailable";

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
    /// Those in this companion's memory.
    pub(crate) entries: usize,
    /// Those that can be found in Redis; none where this companion's memory has all.
    pub(crate) indexed: Option<u64>,
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
