//! The decision, before and after it has learned.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use semantic_policy::{Answer, Neighbour, Policy, Question, Settings, Verdict};

const DIMENSIONS: usize = 48;
const TOPICS: usize = 30;

fn settings() -> Settings {
    Settings {
        dimensions: DIMENSIONS,
        threshold: 0.95,
        error_budget: 0.01,
        shadow_share: 0.03,
        refit_every: 250,
    }
}

/// Seeded numbers.
struct Numbers(u64);

impl Numbers {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A direction near another.
    fn near(&mut self, centre: &[f32], spread: f32) -> Vec<f32> {
        let noise = spread / (centre.len() as f32).sqrt() * 1.732;
        let vector: Vec<f32> = centre.iter().map(|x| x + noise * (2.0 * self.share() as f32 - 1.0)).collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter().map(|x| x / length).collect()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

struct Stored {
    topic: usize,
    vector: Vec<f32>,
    question: Question,
    answer: Answer,
}

/// Hits and wrong hits in the second half of a stream about some topics.
fn play(policy: &mut Policy, requests: usize, spread: f32) -> (usize, usize) {
    let mut numbers = Numbers(5);
    let centres: Vec<Vec<f32>> = (0..2 * TOPICS).map(|_| numbers.near(&[0.0; DIMENSIONS], 1.0)).collect();
    let mut stored: Vec<Stored> = Vec::new();
    let (mut hits, mut wrong) = (0, 0);
    for number in 0..requests {
        // Some ask what nobody else asks.
        let is_alone = numbers.share() < 0.2;
        let topic = if is_alone { TOPICS + number } else { (numbers.share() * TOPICS as f64) as usize };
        let vector = match centres.get(topic).filter(|_| !is_alone) {
            Some(centre) => numbers.near(centre, spread),
            None => numbers.near(&[0.0; DIMENSIONS], 1.0),
        };
        let question = Question::new("a question about something");
        let mut near: Vec<(f32, usize)> =
            stored.iter().enumerate().map(|(at, stored)| (dot(&stored.vector, &vector), at)).collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        near.truncate(16);
        for (_, at) in &near {
            policy.refresh(&mut stored[*at].answer);
        }
        let neighbours: Vec<Neighbour<'_>> = near
            .iter()
            .map(|(similarity, at)| Neighbour {
                similarity: *similarity,
                question: &stored[*at].question,
                answer: &stored[*at].answer,
            })
            .collect();
        let judgement = policy.judge(&question, &vector, &neighbours, numbers.share());
        let is_hit = judgement.as_ref().is_some_and(|judgement| judgement.verdict == Verdict::Hit);
        let text = format!("topic{topic} word{} say{}", topic * 7, (numbers.share() * 4.0) as usize);
        let said = match centres.get(TOPICS + topic).filter(|_| !is_alone) {
            Some(centre) => numbers.near(centre, 0.5),
            None => numbers.near(&[0.0; DIMENSIONS], 1.0),
        };
        let mut answer = Answer::new("", &text, said, []);
        policy.refresh(&mut answer);
        if let Some(judgement) = &judgement {
            let evidence = policy.note(judgement);
            if is_hit {
                let is_wrong = stored[near[judgement.chosen].1].topic != topic;
                hits += usize::from(number >= requests / 2);
                wrong += usize::from(number >= requests / 2 && is_wrong);
            } else {
                let members: Vec<(&Answer, f32)> =
                    judgement.members.iter().map(|(at, weight)| (neighbours[*at].answer, *weight)).collect();
                policy.learn(&evidence, &answer, &members);
            }
        }
        if !is_hit {
            policy.add(&vector, &answer);
            stored.push(Stored { topic, vector, question, answer });
        }
        if policy.is_due() {
            policy.refit();
        }
    }
    (hits, wrong)
}

#[test]
fn it_learns_what_the_threshold_does_not_see() {
    let mut learning = Policy::new(settings());
    let (hits, wrong) = play(&mut learning, 2_000, 0.6);
    let mut fixed = Policy::new(Settings { error_budget: 0.0, ..settings() });
    let (fixed_hits, _) = play(&mut fixed, 2_000, 0.6);
    assert!(learning.has_learned() && !fixed.has_learned());
    assert!(hits >= 3 * fixed_hits.max(100), "{hits} hits, {fixed_hits} by the threshold");
    assert!(wrong <= 10, "{wrong} wrong of 1,000 requests");
    let estimate = learning.estimate();
    assert!(estimate.verified > 0 && estimate.upper_bound >= estimate.false_hits, "{estimate:?}");
}

#[test]
fn it_starts_with_the_threshold_and_the_guards() {
    let policy = Policy::new(settings());
    let vector = vec![1.0 / (DIMENSIONS as f32).sqrt(); DIMENSIONS];
    let answer = Answer::new("what is it", "an answer", vector.clone(), ["doc"]);
    for (similarity, asked, stored, draw, verdict) in [
        (0.96, "what is it", "what is it", 0.5, Verdict::Hit),
        (0.94, "what is it", "what is it", 0.5, Verdict::Miss),
        // Drawn to be verified.
        (0.96, "what is it", "what is it", 0.01, Verdict::Verify),
        (0.999, "on 28 June", "on 29 June", 0.5, Verdict::Verify),
        (0.999, "sell to india from canada", "sell to canada from india", 0.5, Verdict::Verify),
        (0.999, "it works", "it never works", 0.5, Verdict::Verify),
    ] {
        let stored = Question::new(stored);
        let neighbours = [Neighbour { similarity, question: &stored, answer: &answer }];
        let judged = policy.judge(&Question::new(asked), &vector, &neighbours, draw).unwrap();
        assert_eq!(judged.verdict, verdict, "{similarity} {asked}");
    }
    assert_eq!(policy.judge(&Question::new("x"), &vector, &[], 0.5), None);
}

#[test]
fn a_guard_is_trusted_once_the_service_has_agreed_often_enough() {
    let mut policy = Policy::new(Settings { shadow_share: 0.0, ..settings() });
    let vector = vec![1.0 / (DIMENSIONS as f32).sqrt(); DIMENSIONS];
    let answer = Answer::new("a timer", "always the same answer", vector.clone(), []);
    let (stored, asked) = (Question::new("a timer for 5 minutes"), Question::new("a timer for 10 minutes"));
    let neighbours = [Neighbour { similarity: 0.99, question: &stored, answer: &answer }];
    let mut verified = 0;
    while verified < 100 {
        let judged = policy.judge(&asked, &vector, &neighbours, 0.5).unwrap();
        if judged.verdict == Verdict::Hit {
            break;
        }
        let evidence = policy.note(&judged);
        assert!(policy.learn(&evidence, &answer, &[(&answer, 1.0)]));
        verified += 1;
    }
    // 29 agreements of 29 are 90 % with 95 % confidence.
    assert_eq!(verified, 29);
    let other = Answer::new("a timer", "something else entirely", vec![0.0; DIMENSIONS], []);
    for _ in 0..5 {
        let judged = policy.judge(&asked, &vector, &neighbours, 0.0).unwrap();
        let evidence = policy.note(&judged);
        policy.learn(&evidence, &other, &[(&answer, 1.0)]);
    }
    assert_eq!(policy.judge(&asked, &vector, &neighbours, 0.5).unwrap().verdict, Verdict::Verify);
}
