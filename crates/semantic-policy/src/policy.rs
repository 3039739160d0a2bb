//! The decision, and what it learns from.

use std::collections::VecDeque;

use crate::answers::{AGREEMENT, Answer, Comparator};
use crate::bound::{lower_bound, upper_bound};
use crate::features::{Features, Near, expected, look};
use crate::guards::Guard;
use crate::linear_map::{Maps, Moments};
use crate::logistic::{Example, Logistic};
use crate::text::Question;

/// Examples that are kept.
const EXAMPLES: usize = 6_000;
/// How many, and how many agreements among them, it takes to learn from.
const LEAST: (usize, usize) = (200, 30);
/// The last so many requests say how much may be served.
const RECENT: usize = 2_000;
/// From so many on; before, the examples stand in.
const RECENT_LEAST: usize = 400;
/// The share of the budget that is planned for: what was learned from is never quite what comes.
const PLANNED: f64 = 0.8;
/// No answer is served that is wrong more probably.
const NEVER_ABOVE: f64 = 0.25;
/// An example that was drawn counts for those that were not, but not for more than so many.
const MOST_WEIGHT: f64 = 4.0;
/// Verified hits that the estimate looks back on.
const VERIFIED: usize = 1_000;
/// What a guard sees is no longer verified each time once this share of it agreed, with 95 % confidence.
const TRUST: f64 = 0.9;

/// How a policy decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Numbers of an embedding.
    pub dimensions: usize,
    /// The cosine from which a neighbour's answer is served before anything was learned, 0 to 1.
    pub threshold: f32,
    /// The share of all requests that may get a wrong answer, 0 to 1. 0: nothing is learned, the threshold alone decides.
    pub error_budget: f64,
    /// The share of would-be hits that are sent to the service all the same, 0 to 1.
    pub shadow_share: f64,
    /// After so many requests what was learned is fitted anew.
    pub refit_every: u32,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The chosen neighbour's answer serves.
    Hit,
    /// It would, but the service is to be asked, to see whether it agrees.
    Verify,
    /// No stored answer serves.
    Miss,
}

/// A stored question that is near a new one.
#[derive(Debug)]
pub struct Neighbour<'a> {
    /// The cosine of their embeddings.
    pub similarity: f32,
    /// The stored question.
    pub question: &'a Question,
    /// The answer to it.
    pub answer: &'a Answer,
}

/// A decision, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// What is to be done.
    pub verdict: Verdict,
    /// The place among the neighbours of the one whose answer it is about.
    pub chosen: usize,
    /// The guards that see a difference to that one's question.
    pub guards: Vec<Guard>,
    /// How probably its answer is wrong; none before anything was learned.
    pub risk: Option<f64>,
    /// What this risk may be.
    pub risk_limit: f64,
    /// What the decision was made by.
    pub features: Features,
    /// The places of the neighbours whose answers agree with the chosen one's, and how much each counts.
    pub members: Vec<(usize, f32)>,
    /// How probably such a request goes to the service, 0 to 1.
    drawn: f64,
    would_hit: bool,
}

/// What is kept of a judgement until the service has answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    features: Features,
    guards: Vec<Guard>,
    drawn: f64,
    would_hit: bool,
    /// Whether it would be served if no guard saw anything.
    is_verified: bool,
}

/// What is known of the answers that were served.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Would-be hits that the service was asked about.
    pub verified: u64,
    /// Those whose answer the service did not agree with.
    pub disagreed: u64,
    /// The share of wrong answers among hits.
    pub false_hits: f64,
    /// What this share is below with 95 % confidence.
    pub upper_bound: f64,
}

#[derive(Debug, Clone)]
struct Labelled {
    features: Features,
    agrees: bool,
    weight: f64,
}

/// Decides for one namespace, and learns.
#[derive(Debug)]
pub struct Policy {
    settings: Settings,
    comparator: Comparator,
    moments: Option<Box<Moments>>,
    maps: Option<Box<Maps>>,
    version: u64,
    score: Option<Logistic>,
    risk_limit: f64,
    /// Halved when the service disagrees too often, and slowly taken back.
    caution: f64,
    examples: VecDeque<Labelled>,
    recent: VecDeque<f64>,
    verified: VecDeque<bool>,
    guarded: [(u64, u64); Guard::ALL.len()],
    since_fit: u32,
}

impl Policy {
    /// One that has learned nothing.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            comparator: Comparator::new(),
            moments: None,
            maps: None,
            version: 0,
            score: None,
            risk_limit: 0.0,
            caution: 1.0,
            examples: VecDeque::new(),
            recent: VecDeque::new(),
            verified: VecDeque::new(),
            guarded: [(0, 0); Guard::ALL.len()],
            since_fit: 0,
        }
    }

    /// Whether it has learned enough to decide by more than the threshold.
    pub fn has_learned(&self) -> bool {
        self.score.is_some()
    }

    /// Brings a stored answer up to date with what was learned; before it is judged or learned from.
    pub fn refresh(&self, answer: &mut Answer) {
        answer.refresh(self.version, self.maps.as_deref());
    }

    /// Judges a question by its nearest neighbours, the nearest first; 16 are good. `draw` is a number of chance from 0 to 1.
    /// None without neighbours.
    pub fn judge(
        &self,
        question: &Question,
        embedding: &[f32],
        neighbours: &[Neighbour<'_>],
        draw: f64,
    ) -> Option<Judgement> {
        let near: Vec<Near<'_>> = neighbours
            .iter()
            .map(|Neighbour { similarity, question, answer }| Near {
                similarity: *similarity,
                question,
                answer,
            })
            .collect();
        let expected = expected(self.maps.as_deref(), embedding);
        let sight = look(&self.comparator, expected.as_deref(), question, &near)?;
        let risk = self.score.as_ref().map(|score| 1.0 - score.chance(&sight.features));
        let limit = self.risk_limit * self.caution;
        let similarity = near.get(sight.chosen)?.similarity;
        let fits = match risk {
            Some(risk) => risk <= limit,
            None => sight.chosen == 0 && similarity >= self.settings.threshold,
        };
        let is_trusted = sight.guards.iter().all(|guard| self.trusts(*guard));
        let share = self.settings.shadow_share;
        let drawn = match (fits, is_trusted, risk) {
            (true, true, None) => (2.0 * share).min(1.0),
            // The doubtful ones more often.
            (true, true, Some(risk)) => {
                (2.0 * share * risk / limit.max(1e-6)).clamp(share / 2.0, (3.3 * share).min(1.0))
            }
            (true, false, _) | (false, ..) => 1.0,
        };
        let verdict = match (fits, is_trusted && draw >= drawn) {
            (true, true) => Verdict::Hit,
            (true, false) => Verdict::Verify,
            (false, _) => Verdict::Miss,
        };
        Some(Judgement {
            verdict,
            chosen: sight.chosen,
            guards: sight.guards,
            risk,
            risk_limit: limit,
            features: sight.features,
            members: sight.members,
            drawn,
            would_hit: fits,
        })
    }

    /// Notes that a request was judged so; what it takes to learn from it.
    pub fn note(&mut self, judgement: &Judgement) -> Evidence {
        self.since_fit = self.since_fit.saturating_add(1);
        if let Some(risk) = judgement.risk {
            push(&mut self.recent, risk, RECENT);
        }
        Evidence {
            features: judgement.features,
            guards: judgement.guards.clone(),
            drawn: judgement.drawn,
            would_hit: judgement.would_hit && judgement.drawn < 1.0,
            is_verified: judgement.would_hit,
        }
    }

    /// Learns from the service's own answer to what was judged. `members` are the stored answers that the judgement names as
    /// its members, with their weights. Both must have been refreshed. Returns whether the service agrees.
    pub fn learn(&mut self, evidence: &Evidence, answer: &Answer, members: &[(&Answer, f32)]) -> bool {
        let weights: f32 = members.iter().map(|(_, weight)| weight).sum();
        let likeness = |(member, weight): &(&Answer, f32)| self.comparator.likeness(answer, member) * weight;
        let agrees = weights > 0.0 && members.iter().map(likeness).sum::<f32>() / weights > AGREEMENT;
        if evidence.would_hit {
            push(&mut self.verified, agrees, VERIFIED);
        }
        if evidence.is_verified {
            for (guard, (agreed, seen)) in Guard::ALL.iter().zip(&mut self.guarded) {
                if evidence.guards.contains(guard) {
                    *agreed += u64::from(agrees);
                    *seen += 1;
                    if *seen > 1_000 {
                        (*agreed, *seen) = (*agreed / 2, *seen / 2);
                    }
                }
            }
        }
        let weight = (1.0 / evidence.drawn.max(1e-6)).min(MOST_WEIGHT);
        push(&mut self.examples, Labelled { features: evidence.features, agrees, weight }, EXAMPLES);
        agrees
    }

    /// Notes a pair of question and answer that is stored.
    pub fn add(&mut self, embedding: &[f32], answer: &Answer) {
        self.comparator.add(answer);
        if self.settings.error_budget > 0.0 {
            let dimensions = self.settings.dimensions;
            self.moments
                .get_or_insert_with(|| Box::new(Moments::new(dimensions)))
                .add(embedding, &answer.embedding);
        }
    }

    /// Whether [`Policy::refit`] has something to do.
    pub fn is_due(&self) -> bool {
        let agreements = self.examples.iter().filter(|example| example.agrees).count();
        self.settings.error_budget > 0.0
            && self.since_fit >= self.settings.refit_every
            && self.examples.len() >= LEAST.0
            && agreements >= LEAST.1
    }

    /// Fits what was learned anew, at once. Takes tenths of a second; see [`Policy::begin_refit`].
    pub fn refit(&mut self) {
        let fitted = self.begin_refit().run();
        self.adopt(fitted);
    }

    /// What a refit works on, so that it can be done elsewhere while this policy goes on deciding.
    pub fn begin_refit(&mut self) -> Refit {
        self.since_fit = 0;
        Refit {
            moments: self.moments.clone(),
            examples: self.examples.iter().cloned().collect(),
            recent: if self.recent.len() >= RECENT_LEAST {
                self.recent.iter().copied().collect()
            } else {
                Vec::new()
            },
            planned: self.settings.error_budget * PLANNED,
        }
    }

    /// Decides by what was fitted from now on.
    pub fn adopt(&mut self, fitted: Fitted) {
        if let Some(maps) = fitted.maps {
            self.maps = Some(maps);
            self.version += 1;
        }
        if let Some((score, risk_limit)) = fitted.score {
            self.score = Some(score);
            self.risk_limit = risk_limit;
            self.heed_verified();
        }
    }

    /// What verified hits say of the served ones.
    pub fn estimate(&self) -> Estimate {
        let verified = self.verified.len() as u64;
        let disagreed = self.verified.iter().filter(|agrees| !**agrees).count() as u64;
        let false_hits = if verified == 0 { 0.0 } else { disagreed as f64 / verified as f64 };
        Estimate { verified, disagreed, false_hits, upper_bound: upper_bound(disagreed, verified) }
    }

    /// Becomes more careful while verified hits show, with 95 % confidence, that more than the budget is wrong.
    fn heed_verified(&mut self) {
        let recent = || self.verified.iter().rev().take(200);
        let disagreed = recent().filter(|agrees| !**agrees).count() as u64;
        let is_too_much = lower_bound(disagreed, recent().count() as u64) > self.settings.error_budget * 2.0;
        self.caution =
            if is_too_much { (self.caution * 0.5).max(0.05) } else { (self.caution * 1.25).min(1.0) };
    }

    fn trusts(&self, guard: Guard) -> bool {
        let mut known = Guard::ALL.iter().zip(&self.guarded);
        known.any(|(known, (agreed, seen))| *known == guard && lower_bound(*agreed, *seen) >= TRUST)
    }
}

/// What a refit works on.
#[derive(Debug)]
pub struct Refit {
    moments: Option<Box<Moments>>,
    examples: Vec<Labelled>,
    recent: Vec<f64>,
    planned: f64,
}

/// What came of a refit.
#[derive(Debug)]
pub struct Fitted {
    maps: Option<Box<Maps>>,
    /// The score, and the risk that it may name.
    score: Option<(Logistic, f64)>,
}

impl Refit {
    /// Does it. Takes tenths of a second.
    pub fn run(self) -> Fitted {
        let maps = self.moments.as_ref().and_then(|moments| moments.fit()).map(Box::new);
        let examples: Vec<Example<'_>> = self
            .examples
            .iter()
            .map(|Labelled { features, agrees, weight }| Example {
                features,
                is_true: *agrees,
                weight: *weight,
            })
            .collect();
        let score = Logistic::fit(&examples).map(|score| {
            let mut risks = self.recent;
            if risks.is_empty() {
                risks = examples.iter().map(|example| 1.0 - score.chance(example.features)).collect();
            }
            risks.sort_by(f64::total_cmp);
            (score, limit_within(&risks, self.planned))
        });
        Fitted { maps, score }
    }
}

/// The largest risk that, if all up to it are served, keeps the wrong ones within a share of all. `risks` ascend.
fn limit_within(risks: &[f64], share: f64) -> f64 {
    let most = share * risks.len() as f64;
    let mut sum = 0.0;
    let fitting = risks.iter().take_while(|risk| {
        sum += **risk;
        sum <= most
    });
    fitting.last().copied().unwrap_or(0.0).min(NEVER_ABOVE)
}

fn push<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(item);
}
