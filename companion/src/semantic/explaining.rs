//! Why a question would be answered as it would be.

use semantic_policy::{Guard, Judgement, Question, Verdict as Judged};

use super::found::{Explanation, Near, Verdict};
use super::state::State;

/// Of a neighbour's answer, so many characters are shown.
const SHOWN: usize = 200;

impl State {
    /// What a lookup would come to. `candidates` are as for a lookup.
    pub(super) fn explain(
        &mut self,
        namespace: &str,
        question: &str,
        vector: &[f32],
        candidates: Option<&[u64]>,
    ) -> Explanation {
        let near = self.near(namespace, vector, candidates);
        let judged = self.judge(namespace, question, vector, &near);
        let asked = Question::new(question);
        let neighbour = |(at, (id, similarity)): (usize, &(u64, f32))| {
            let kept = self.kept(*id)?;
            let (agrees, chosen) = judged.as_ref().map_or((false, false), |judged| {
                (judged.members.iter().any(|(member, _)| *member == at), judged.chosen == at)
            });
            Some(Near {
                similarity: *similarity,
                question: kept.entry.question.clone(),
                answer: kept.entry.answer.chars().take(SHOWN).collect(),
                guards: names(&Guard::between(&asked, &kept.question)),
                agrees,
                chosen,
            })
        };
        let neighbours = near.iter().enumerate().filter_map(neighbour).collect();
        let (verdict, reason) = match &judged {
            _ if self.same(namespace, question).is_some() => {
                (Verdict::Exact, "the very same question was answered before".to_owned())
            }
            None => (Verdict::Miss, "nothing is stored in this namespace".to_owned()),
            Some(judged) => explained(judged, self.settings.similarity_threshold.get()),
        };
        let risk = judged.as_ref().and_then(|judged| judged.risk);
        Explanation {
            verdict,
            reason,
            guards: judged.as_ref().map(|judged| names(&judged.guards)).unwrap_or_default(),
            risk,
            risk_limit: risk.and(judged.as_ref()).map(|judged| judged.risk_limit),
            neighbours,
        }
    }
}

fn names(guards: &[Guard]) -> Vec<&'static str> {
    guards.iter().map(|guard| guard.name()).collect()
}

fn explained(judged: &Judgement, threshold: f64) -> (Verdict, String) {
    let guards = names(&judged.guards).join(", ");
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
