//! A stream of questions, answered by the cache where its policy allows and by the service otherwise.

use std::collections::HashMap;
use std::fmt::Write;

use anyhow::Result;
use minilm::{Model, Scratch, Tokens};
use semantic_index::Index;
use semantic_policy::{Answer, Neighbour, Policy, Verdict as Judged, upper_bound};

use super::Verdict;
use super::data::{Numbers, Question};

/// Neighbours that a question is judged by.
const NEIGHBOURS: usize = 16;

/// What both policies are set to.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    threshold: f32,
    error_budget: f64,
    shadow_share: f64,
    refit_every: u32,
}

impl Default for Settings {
    /// The companion's defaults.
    fn default() -> Self {
        Self { threshold: 0.95, error_budget: 0.01, shadow_share: 0.03, refit_every: 500 }
    }
}

/// What became of the second half of a stream.
#[derive(Debug, Clone, Copy, Default)]
struct Half {
    requests: u64,
    hits: u64,
    errors: u64,
}

impl Half {
    fn hit_share(self) -> f64 {
        self.hits as f64 / self.requests.max(1) as f64
    }

    fn error_share(self) -> f64 {
        self.errors as f64 / self.requests.max(1) as f64
    }
}

/// What became of a stream.
#[derive(Debug)]
pub struct Outcome {
    /// The stream's name.
    pub name: &'static str,
    seed: u64,
    is_unrelated: bool,
    fixed: Half,
    learned: Half,
    /// What the policy itself says, of hits.
    estimate: semantic_policy::Estimate,
}

/// Makes embeddings, and remembers those of texts that come again.
pub struct Embeddings<'a> {
    model: &'a Model,
    known: HashMap<String, Vec<f32>>,
}

impl<'a> Embeddings<'a> {
    /// By this model.
    pub fn new(model: &'a Model) -> Self {
        Self { model, known: HashMap::new() }
    }

    /// Of texts that come once.
    pub fn once<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Result<Vec<Vec<f32>>> {
        embed(self.model, &texts.collect::<Vec<_>>())
    }

    /// Of texts that may come again.
    pub fn again<'t>(&mut self, texts: impl Iterator<Item = &'t str>) -> Result<Vec<Vec<f32>>> {
        let texts: Vec<&str> = texts.collect();
        let new: Vec<&str> = texts.iter().copied().filter(|text| !self.known.contains_key(*text)).collect();
        for (text, vector) in new.iter().zip(embed(self.model, &new)?) {
            self.known.insert((*text).to_owned(), vector);
        }
        Ok(texts.iter().filter_map(|text| self.known.get(*text).cloned()).collect())
    }
}

/// The embeddings of these texts.
pub fn embed(model: &Model, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
    let mut scratch = Scratch::default();
    let tokens = texts.iter().map(|text| model.tokens(text)).collect::<Result<Vec<Tokens>, _>>()?;
    Ok(tokens
        .chunks(8)
        .flat_map(|some| model.embed(&some.iter().collect::<Vec<_>>(), &mut scratch))
        .collect())
}

/// Plays a stream by both policies. What is scored by intent, neither of them sees.
pub fn play(
    name: &'static str,
    questions: &[Question],
    asked: &[Vec<f32>],
    answers: &[String],
    answered: &[Vec<f32>],
    settings: Settings,
    seed: u64,
) -> Outcome {
    let fixed = play_fixed(questions, asked, settings.threshold);
    let mut policy = Policy::new(semantic_policy::Settings {
        dimensions: asked.first().map_or(0, Vec::len),
        threshold: settings.threshold,
        error_budget: settings.error_budget,
        shadow_share: settings.shadow_share,
        refit_every: settings.refit_every,
    });
    let mut numbers = Numbers::new(seed ^ 0xd1ce);
    let mut index = Index::new(asked.first().map_or(0, Vec::len));
    let parsed: Vec<_> =
        questions.iter().map(|question| semantic_policy::Question::new(&question.text)).collect();
    let mut stored: Vec<Option<Answer>> = vec![None; questions.len()];
    let mut learned = Half::default();
    for (at, question) in questions.iter().enumerate() {
        let near = index.nearest(&asked[at], NEIGHBOURS).unwrap_or_default();
        for neighbour in &near {
            if let Some(answer) = &mut stored[neighbour.number as usize] {
                policy.refresh(answer);
            }
        }
        let neighbours: Vec<Neighbour<'_>> = near
            .iter()
            .filter_map(|found| {
                let number = found.number as usize;
                let answer = stored[number].as_ref()?;
                Some(Neighbour { similarity: found.similarity, question: &parsed[number], answer })
            })
            .collect();
        let judgement = policy.judge(&parsed[at], &asked[at], &neighbours, numbers.share());
        let is_hit = judgement.as_ref().is_some_and(|judgement| judgement.verdict == Judged::Hit);
        let mut answer = Answer::new(&question.text, &answers[at], answered[at].clone(), []);
        policy.refresh(&mut answer);
        if let Some(judgement) = &judgement {
            let members: Vec<(&Answer, f32)> =
                judgement.members.iter().map(|(at, weight)| (neighbours[*at].answer, *weight)).collect();
            let evidence = policy.note(judgement);
            if !is_hit {
                policy.learn(&evidence, &answer, &members);
            }
        }
        if at >= questions.len() / 2 {
            learned.requests += 1;
            learned.hits += u64::from(is_hit);
            if let (true, Some(judgement)) = (is_hit, &judgement) {
                let served = near[judgement.chosen].number as usize;
                learned.errors += u64::from(!is_right(question, &questions[served]));
            }
        }
        if !is_hit && index.insert(at as u64, &asked[at]).is_ok() {
            policy.add(&asked[at], &answer);
            stored[at] = Some(answer);
        }
        if policy.is_due() {
            policy.refit();
        }
    }
    Outcome {
        name,
        seed,
        is_unrelated: name.contains("unrelated"),
        fixed,
        learned,
        estimate: policy.estimate(),
    }
}

/// Serves the nearest if its cosine is at least the threshold.
fn play_fixed(questions: &[Question], asked: &[Vec<f32>], threshold: f32) -> Half {
    let mut index = Index::new(asked.first().map_or(0, Vec::len));
    let mut half = Half::default();
    for (at, question) in questions.iter().enumerate() {
        let nearest = index.nearest(&asked[at], 1).unwrap_or_default();
        let hit = nearest.first().filter(|nearest| nearest.similarity >= threshold);
        if at >= questions.len() / 2 {
            half.requests += 1;
            if let Some(hit) = hit {
                half.hits += 1;
                half.errors += u64::from(!is_right(question, &questions[hit.number as usize]));
            }
        }
        if hit.is_none() {
            // The embeddings are all as long as the first.
            let _ = index.insert(at as u64, &asked[at]);
        }
    }
    half
}

fn is_right(question: &Question, served: &Question) -> bool {
    question.intent.is_some() && question.intent == served.intent || question.text == served.text
}

impl Outcome {
    /// What came of it, in short.
    pub fn line(&self) -> String {
        let Half { requests, hits, errors } = self.learned;
        format!(
            "of {requests} requests {hits} hits, {errors} of them wrong; {} by fixed .95",
            self.fixed.hits
        )
    }
}

/// What has to hold of one stream over all its seeds.
pub fn verdicts(outcomes: &[&Outcome]) -> Vec<Verdict> {
    let Some(Outcome { name, is_unrelated, .. }) = outcomes.first() else { return Vec::new() };
    let all = |of: &dyn Fn(&Outcome) -> f64| outcomes.iter().map(|outcome| of(outcome)).collect::<Vec<_>>();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    let errors = all(&|outcome| outcome.learned.error_share() * 100.0);
    let (most, count) = (errors.iter().copied().fold(0.0, f64::max), outcomes.len());
    let sum = |of: &dyn Fn(&Half) -> u64| outcomes.iter().map(|outcome| of(&outcome.learned)).sum::<u64>();
    let (wrong, requests) = (sum(&|half| half.errors), sum(&|half| half.requests));
    let bound = upper_bound(wrong, requests) * 100.0;
    let held = |what: String, found: String, held: bool| Verdict { what, found, held, is_aim: false };
    let errors = held(
        format!("{name}: errors ≤ 1 % of the requests, with each of {count} seeds"),
        format!(
            "mean {:.2} %, worst {most:.2} %; {wrong} of all {requests}, 95 % upper bound {bound:.2} %",
            mean(&errors)
        ),
        most <= 1.0,
    );
    if *is_unrelated {
        return vec![errors];
    }
    let times = |outcome: &Outcome| outcome.learned.hit_share() / outcome.fixed.hit_share().max(1e-9);
    let together = sum(&|half| half.hits) as f64
        / outcomes.iter().map(|outcome| outcome.fixed.hits).sum::<u64>().max(1) as f64;
    let hits = all(&|outcome| outcome.learned.hit_share() * 100.0);
    vec![
        held(
            format!("{name}: hits ≥ 3 × fixed .95, of all {count} seeds together"),
            format!("{together:.2} ×, worst seed {:.2} ×", least(&all(&times))),
            together >= 3.0,
        ),
        errors,
        Verdict {
            what: format!("{name}: 70 % hits"),
            found: format!("mean {:.1} %, worst {:.1} %", mean(&hits), least(&hits)),
            held: mean(&hits) >= 70.0,
            is_aim: true,
        },
    ]
}

/// All outcomes, as a table in Markdown.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text = "| second half of the stream | seed | fixed .95: hits / errors | learned: hits / errors (95 % upper bound) | its own estimate of false hits |\n|---|--:|--:|--:|--:|\n".to_owned();
    for Outcome { name, seed, fixed, learned, estimate, .. } in outcomes {
        let percent = |share: f64| share * 100.0;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {name}, {} requests | {seed} | {:.1} / {:.2} % | {:.1} / {:.2} % ({:.2} %) | {} of {} verified disagreed: {:.1} % of hits, at most {:.1} % |",
            learned.requests,
            percent(fixed.hit_share()),
            percent(fixed.error_share()),
            percent(learned.hit_share()),
            percent(learned.error_share()),
            percent(upper_bound(learned.errors, learned.requests)),
            estimate.disagreed,
            estimate.verified,
            percent(estimate.false_hits),
            percent(estimate.upper_bound),
        );
    }
    text + "\n"
}
