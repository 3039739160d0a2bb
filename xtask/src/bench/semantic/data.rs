//! The streams of questions.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use testbed::workspace_root;

/// A question and what it is about. Whoever has the same intent is served by the same answer; nobody else is.
#[derive(Debug, Clone)]
pub struct Question {
    /// What was asked.
    pub text: String,
    /// What it is about; none: nothing that anybody else asks.
    pub intent: Option<String>,
}

/// Seeded numbers: SplitMix64.
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// Starts them.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next, any.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Below a number.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Brings things into a random order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            things.swap(at, self.below(at + 1));
        }
    }
}

/// Questions of the third stream that ask for two things at a time.
const DOUBLE: usize = 5_000;

/// Banking77; CLINC150 with what is out of scope; and questions of which hardly two are about the same.
pub fn streams(seed: u64) -> Result<Vec<(&'static str, Vec<Question>)>> {
    let (mut banking, mut clinc) = (banking()?, clinc()?);
    for questions in [&mut banking, &mut clinc] {
        Numbers::new(seed).shuffle(questions);
    }
    let mut unrelated = unrelated(&clinc, &banking, seed);
    Numbers::new(seed).shuffle(&mut unrelated);
    Ok(vec![("Banking77", banking), ("CLINC150 + out of scope", clinc), ("mostly unrelated", unrelated)])
}

fn banking() -> Result<Vec<Question>> {
    let text = read("banking77-train.csv")?;
    // A question may hold commas and quotes, and then it stands in quotes; an intent never does.
    let mut questions = Vec::new();
    let mut rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    while let Some((line, after)) = csv_line(rest) {
        let (question, intent) = line.rsplit_once(',').with_context(|| format!("no intent in {line:?}"))?;
        let question = question.trim().trim_matches('"').replace("\"\"", "\"");
        questions.push(Question { text: question.trim().to_owned(), intent: Some(intent.trim().to_owned()) });
        rest = after;
    }
    Ok(questions)
}

/// A line that may go on over ends of lines within quotes, and what comes after it.
fn csv_line(text: &str) -> Option<(&str, &str)> {
    let mut is_quoted = false;
    let end = text.char_indices().find(|(_, sign)| {
        is_quoted ^= *sign == '"';
        *sign == '\n' && !is_quoted
    });
    match end {
        Some((at, _)) => text.split_at_checked(at).map(|(line, rest)| (line, rest.trim_start_matches('\n'))),
        None if text.trim().is_empty() => None,
        None => Some((text, "")),
    }
}

fn clinc() -> Result<Vec<Question>> {
    let parts: serde_json::Value = serde_json::from_str(&read("clinc150-train.json")?)?;
    let parts = parts.as_object().context("clinc150-train.json is no object")?;
    let pairs: Vec<(String, String)> = parts
        .values()
        .map(|part| serde_json::from_value::<Vec<(String, String)>>(part.clone()))
        .collect::<Result<Vec<_>, _>>()?
        .concat();
    let question =
        |(text, intent): (String, String)| Question { text, intent: (intent != "oos").then_some(intent) };
    Ok(pairs.into_iter().map(question).collect())
}

/// All that is out of scope, up to three questions of each intent of both sets, and many that ask for two things at a time, of
/// two intents: these are like many others, and their answer is nobody else's.
fn unrelated(clinc: &[Question], banking: &[Question], seed: u64) -> Vec<Question> {
    let mut seen = BTreeMap::<String, usize>::new();
    let mut rare = |question: &&Question| match &question.intent {
        None => true,
        Some(intent) => {
            let count = seen.entry(intent.clone()).or_default();
            *count += 1;
            *count <= 3
        }
    };
    let mut some: Vec<Question> = clinc.iter().chain(banking).filter(&mut rare).cloned().collect();
    let mut numbers = Numbers::new(seed ^ 0xd0b1e);
    while some.len() < DOUBLE {
        let of = if numbers.share() < 0.5 { clinc } else { banking };
        let (one, other) = (&of[numbers.below(of.len())], &of[numbers.below(of.len())]);
        if one.intent != other.intent {
            let text = format!("{} and {}", one.text.trim_end_matches(['.', '?', ' ']), other.text);
            some.push(Question { text, intent: None });
        }
    }
    some
}

fn read(name: &str) -> Result<String> {
    let path = workspace_root().join("tests/data").join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}
