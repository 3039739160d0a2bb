//! What is seen of a question among its neighbours.

use crate::answers::{Answer, Comparator, dot};
use crate::guards::Guard;
use crate::linear_map::Maps;
use crate::text::Question;

/// How many features there are.
pub const FEATURES: usize = 18;
/// How much further away a neighbour must be to count a third as much.
const REACH: f32 = 0.08;
/// The answer that is served comes from one of so many.
const SERVED_FROM: usize = 8;

/// A number for each feature.
pub type Features = [f64; FEATURES];

/// A stored question near the new one; see [`crate::Neighbour`].
pub(crate) struct Near<'a> {
    pub(crate) similarity: f32,
    pub(crate) question: &'a Question,
    pub(crate) answer: &'a Answer,
}

/// What the neighbours come to.
pub(crate) struct Sight {
    /// Whose answer would be served.
    pub(crate) chosen: usize,
    /// Whose answers agree with it, and how much each counts.
    pub(crate) members: Vec<(usize, f32)>,
    pub(crate) guards: Vec<Guard>,
    pub(crate) features: Features,
}

/// Looks at the neighbours, the nearest first. None if there are none.
pub(crate) fn look(
    comparator: &Comparator,
    expected: Option<&[f32]>,
    question: &Question,
    neighbours: &[Near<'_>],
) -> Option<Sight> {
    let nearest = neighbours.first()?.similarity;
    let weights: Vec<f32> =
        neighbours.iter().map(|near| ((near.similarity - nearest) / REACH).exp()).collect();
    let all: f32 = weights.iter().sum();
    let agreement: Vec<Vec<f32>> = neighbours
        .iter()
        .enumerate()
        .map(|(at, near)| {
            let with = |(other, far): (usize, &Near<'_>)| {
                if other == at { 1.0 } else { comparator.agreement(near.answer, far.answer) }
            };
            neighbours.iter().enumerate().map(with).collect()
        })
        .collect();
    let vote = |row: &Vec<f32>| {
        row.iter().zip(&weights).map(|(agreement, weight)| agreement * weight).sum::<f32>() / all
    };
    let votes: Vec<f32> = agreement.iter().map(vote).collect();
    let rank = |at: usize| {
        votes.get(at).copied().unwrap_or(0.0) + 1e-3 * neighbours.get(at).map_or(0.0, |near| near.similarity)
    };
    let chosen =
        (0..neighbours.len().min(SERVED_FROM)).max_by(|a, b| rank(*a).total_cmp(&rank(*b)).then(b.cmp(a)))?;
    let (row, served) = (agreement.get(chosen)?, neighbours.get(chosen)?);
    let is_member = |at: usize| row.get(at).is_some_and(|agreement| *agreement >= 0.5);
    let farthest = neighbours.last()?.similarity;
    let others = || neighbours.iter().enumerate().filter(|(at, _)| !is_member(*at)).map(|(_, near)| near);
    let nearest_other = others().map(|near| near.similarity).reduce(f32::max).unwrap_or(farthest - 0.1);
    let (fit, fit_margin) = expected.map_or((0.0, 0.0), |expected| {
        let fits = |near: &Near<'_>| near.answer.centred().map_or(0.0, |answer| dot(expected, answer));
        let members: Vec<f32> = neighbours
            .iter()
            .enumerate()
            .filter(|(at, _)| is_member(*at))
            .map(|(_, near)| fits(near))
            .collect();
        let mean = members.iter().sum::<f32>() / members.len().max(1) as f32;
        let least = neighbours.iter().map(fits).fold(1.0, f32::min);
        (mean, mean - others().map(fits).reduce(f32::max).unwrap_or(least - 0.1))
    });
    let first_ones = row.len().min(SERVED_FROM);
    let share = row.iter().take(SERVED_FROM).sum::<f32>() / first_ones.max(1) as f32;
    let eighth = neighbours.get(SERVED_FROM - 1).or(neighbours.last())?.similarity;
    let guards = Guard::between(question, served.question);
    let sees = |wanted: &[Guard]| f32::from(u8::from(guards.iter().any(|guard| wanted.contains(guard))));
    let (similarity, vote) = (served.similarity, votes.get(chosen).copied()?);
    let features = [
        similarity,
        nearest,
        vote,
        share,
        similarity - nearest_other,
        fit,
        fit_margin,
        eighth,
        sees(&[Guard::Numbers]),
        sees(&[Guard::Dates]),
        sees(&[Guard::Entities]),
        sees(&[Guard::Negation]),
        sees(&[Guard::Antonyms]),
        sees(&[Guard::Order]),
        shared_words(question, served.question),
        similarity * vote,
        vote * vote,
        similarity * similarity,
    ]
    .map(f64::from);
    let members = weights.iter().copied().enumerate().filter(|(at, _)| is_member(*at)).collect();
    Some(Sight { chosen, members, guards, features })
}

/// The answer that the maps expect to a question.
pub(crate) fn expected(maps: Option<&Maps>, embedding: &[f32]) -> Option<Vec<f32>> {
    maps.map(|maps| maps.expected_answer(embedding))
}

fn shared_words(a: &Question, b: &Question) -> f32 {
    let shared = a.set.intersection(&b.set).count();
    let all = a.set.len() + b.set.len() - shared;
    if all == 0 { 1.0 } else { shared as f32 / all as f32 }
}
