//! How fast texts are embedded and found.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use minilm::{Kernel, Model, Scratch};
use semantic_index::Index;

use super::Verdict;
use super::data::{self, Numbers};
use crate::bench::say;

/// Questions that each kernel embeds for its time.
const TIMED: usize = 300;
/// Questions that are looked up.
const QUERIES: usize = 200;
/// Vectors of the largest index.
const MOST: usize = 100_000;

/// What was measured, times in milliseconds.
#[derive(Debug)]
pub struct Speed {
    /// By kernel: the median for 14 tokens, for 60 tokens; none where no text is as long.
    kernels: Vec<(Kernel, f64, f64)>,
    /// Cosine of pairs against f32: largest and mean error.
    cosine_error: (f64, f64),
    /// By size of the index: the median, and how often the nearest was found.
    lookups: Vec<(usize, f64, f64)>,
}

/// Measures it.
pub fn measure(model: &Model, folder: &Path) -> Result<Speed> {
    let (name, questions) = data::streams(1)?.swap_remove(1);
    say(&format!("timing kernels on {name}"));
    let texts: Vec<&str> = questions.iter().map(|question| question.text.as_str()).collect();
    let mut kernels = Vec::new();
    let mut exact: Option<Vec<Vec<f32>>> = None;
    let mut cosine_error = (0.0, 0.0);
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_there()) {
        let timed = Model::load_with(folder, kernel)?;
        kernels.push((kernel, median_ms(&timed, &texts, 14)?, median_ms(&timed, &texts, 60)?));
        let embeddings = super::stream::embed(&timed, texts.get(..TIMED).context("too few questions")?)?;
        match &exact {
            None => exact = Some(embeddings),
            Some(exact) if kernel == model.kernel() => cosine_error = compare(exact, &embeddings),
            Some(_) => {}
        }
    }
    say(&format!("filling an index with {MOST} questions"));
    let vectors = many(model, &texts)?;
    let lookups = [10_000, MOST].into_iter().map(|size| look_up(&vectors, size)).collect::<Result<_>>()?;
    Ok(Speed { kernels, cosine_error, lookups })
}

/// The median time for one text of so many tokens, cutting it into tokens included. Of short questions, longer texts are made.
fn median_ms(model: &Model, texts: &[&str], tokens: usize) -> Result<f64> {
    let mut scratch = Scratch::default();
    let mut times = Vec::new();
    let joined = |start: usize| {
        let mut text = String::new();
        for more in texts.iter().cycle().skip(start) {
            text = format!("{text} {more}");
            match model.tokens(&text).map(|tokens| tokens.count()) {
                Ok(count) if count < tokens => {}
                Ok(count) if count == tokens => return Some(text),
                _ => return None,
            }
        }
        None
    };
    for text in (0..texts.len()).filter_map(joined).take(TIMED) {
        let start = Instant::now();
        let tokens = model.tokens(&text)?;
        let embedding = model.embed(&[&tokens], &mut scratch);
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
        ensure!(embedding.len() == 1, "no embedding");
    }
    median(times).with_context(|| format!("no text of {tokens} tokens"))
}

/// Vectors of real questions, and, when these are used up, of two of them in one text.
fn many(model: &Model, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
    let mut numbers = Numbers::new(3);
    let pairs = (texts.len()..MOST + QUERIES).map(|_| {
        let (one, two) = (texts[numbers.below(texts.len())], texts[numbers.below(texts.len())]);
        format!("{one} {two}")
    });
    let pairs: Vec<String> = pairs.collect();
    let all: Vec<&str> = texts.iter().copied().chain(pairs.iter().map(String::as_str)).collect();
    let mut vectors = super::stream::embed(model, &all)?;
    numbers.shuffle(&mut vectors);
    Ok(vectors)
}

fn look_up(vectors: &[Vec<f32>], size: usize) -> Result<(usize, f64, f64)> {
    let (stored, queries) = (vectors.get(..size), vectors.get(MOST..));
    let (Some(stored), Some(queries)) = (stored, queries) else { bail!("too few vectors") };
    let mut index = Index::new(stored.first().map_or(0, Vec::len));
    for (number, vector) in stored.iter().enumerate() {
        index.insert(number as u64, vector)?;
    }
    let (mut times, mut right) = (Vec::new(), 0);
    for query in queries {
        let start = Instant::now();
        let found = index.nearest(query, 16)?;
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
        let best = stored.iter().map(|vector| dot(vector, query)).fold(f32::MIN, f32::max);
        right += usize::from(found.first().is_some_and(|found| (found.similarity - best).abs() < 1e-5));
    }
    let recall = right as f64 / queries.len() as f64;
    Ok((size, median(times).context("nothing was looked up")?, recall))
}

fn compare(exact: &[Vec<f32>], other: &[Vec<f32>]) -> (f64, f64) {
    let (mut largest, mut sum, mut count) = (0.0_f64, 0.0, 0.0);
    for (at, (a, b)) in exact.iter().zip(other).enumerate() {
        for (c, d) in exact.iter().zip(other).skip(at + 1) {
            let error = f64::from((dot(a, c) - dot(b, d)).abs());
            largest = largest.max(error);
            sum += error;
            count += 1.0;
        }
    }
    (largest, sum / count)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn median(mut times: Vec<f64>) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

impl Speed {
    fn of(&self, wanted: impl Fn(Kernel) -> bool) -> Option<f64> {
        self.kernels.iter().rev().find(|(kernel, ..)| wanted(*kernel)).map(|(_, short, _)| *short)
    }

    /// What has to hold of it.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let verdict = |what: &str, found: String, held: bool| Verdict {
            what: what.to_owned(),
            found,
            held,
            is_aim: false,
        };
        let mut verdicts = Vec::new();
        if let Some(short) = self.of(Kernel::in_bytes) {
            verdicts.push(verdict("14 tokens ≤ 1.2 ms by VNNI", format!("{short:.2} ms"), short <= 1.2));
            let (largest, mean) = self.cosine_error;
            let found = format!("{largest:.3}, mean {mean:.4}");
            verdicts.push(verdict("error of a pair's cosine ≤ .02", found, largest <= 0.02));
        }
        if let Some((_, time, recall)) = self.lookups.last() {
            verdicts.push(verdict("lookup among 100,000 ≤ 0.3 ms", format!("{time:.3} ms"), *time <= 0.3));
            verdicts.push(verdict("recall@1 ≥ .995", format!("{recall:.4}"), *recall >= 0.995));
        }
        verdicts
    }

    /// All of it, as tables in Markdown.
    pub fn table(&self) -> String {
        let mut rows = BTreeMap::new();
        for (number, (kernel, short, long)) in self.kernels.iter().enumerate() {
            rows.insert(number, format!("| {} | {short:.2} | {long:.2} |\n", kernel.name()));
        }
        let kernels: String = rows.into_values().collect();
        let lookup =
            |(size, time, recall): &(usize, f64, f64)| format!("| {size} | {time:.3} | {recall:.4} |\n");
        let lookups: String = self.lookups.iter().map(lookup).collect();
        format!(
            "| kernel, one text at a time, one thread | 14 tokens, p50 ms | 60 tokens, p50 ms |\n|---|--:|--:|\n{kernels}\n\
             | vectors in the index | 16 nearest, p50 ms | recall@1 |\n|--:|--:|--:|\n{lookups}\n"
        )
    }
}
