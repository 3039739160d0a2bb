//! How fast texts are embedded and found.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use minilm::{Kernel, Model, Precision, Scratch};
use semantic_index::{Index, cosine};

use super::Verdict;
use super::data::{self, Numbers};
use super::runtime::Runtime;
use super::vector_sets;
use crate::bench::say;

/// Questions that each kernel embeds for its time.
const TIMED: usize = 300;
/// Questions that are looked up.
const QUERIES: usize = 1_000;
/// Vectors of the largest index.
const MOST: usize = 100_000;
/// Vectors of the smaller one.
const SOME: usize = 10_000;
/// Real questions among them.
const REAL: usize = 12_000;
/// How often faster than ONNX Runtime the encoder has to be.
const TIMES: f64 = 2.5;

/// What was measured, times in milliseconds.
#[derive(Debug)]
pub struct Speed {
    /// By kernel: the median for 14 tokens, for 60 tokens; none where no text is as long.
    kernels: Vec<(Kernel, f64, f64)>,
    /// Cosine of pairs against f32: largest and mean error.
    cosine_error: (f64, f64),
    /// For 14 and for 60 tokens, in turns: the encoder's median, that of ONNX Runtime in f32.
    compared: Vec<(usize, f64, f64)>,
    /// How far ONNX Runtime's embeddings are from f32 here at most, by cosine.
    runtime_error: f64,
    /// By size of the index: the median, and how often the nearest was found.
    lookups: Vec<(usize, f64, f64)>,
    /// The same of Redis' vector sets, for the smaller size.
    in_redis: (usize, f64, f64),
}

/// Measures it.
pub fn measure(model: &Model, folder: &Path) -> Result<Speed> {
    let (name, questions) = data::streams(1)?.swap_remove(1);
    say(&format!("timing kernels on {name}"));
    let texts: Vec<&str> = questions.iter().map(|question| question.text.as_str()).collect();
    let (short, long) = (of_length(model, &texts, 14), of_length(model, &texts, 60));
    let mut kernels = Vec::new();
    let mut exact: Option<Vec<Vec<f32>>> = None;
    let mut cosine_error = (0.0, 0.0);
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_there()) {
        let timed = Model::load_with(folder, kernel)?;
        // What is slow is timed less often.
        let times = if kernel == Kernel::Portable { TIMED / 10 } else { TIMED };
        kernels.push((kernel, median_ms(&timed, &short, times)?, median_ms(&timed, &long, times)?));
        let embeddings = super::stream::embed(&timed, texts.get(..TIMED).context("too few questions")?)?;
        match &exact {
            None => exact = Some(embeddings),
            Some(exact) if kernel == model.kernel() => cosine_error = compare(exact, &embeddings),
            Some(_) => {}
        }
    }
    say("comparing with ONNX Runtime");
    let (compared, runtime_error) = compare_with_runtime(model, folder, &[(14, &short), (60, &long)])?;
    say(&format!("filling an index with {MOST} vectors"));
    let (_, banking) = data::streams(1)?.swap_remove(0);
    let banking = banking.iter().map(|question| question.text.as_str()).take(REAL / 2);
    let real: Vec<&str> = banking.chain(texts.iter().copied().take(REAL / 2 + QUERIES)).collect();
    let vectors = many(model, &real)?;
    let lookups = [SOME, MOST].into_iter().map(|size| look_up(&vectors, size)).collect::<Result<_>>()?;
    say(&format!("filling a vector set of Redis with {SOME}"));
    let (Some(stored), Some(queries)) = (vectors.get(..SOME), vectors.get(MOST..)) else {
        bail!("too few vectors")
    };
    let (time, recall) = vector_sets::measure(stored, queries)?;
    Ok(Speed { kernels, cosine_error, compared, runtime_error, lookups, in_redis: (SOME, time, recall) })
}

/// The median time for one of so many of these texts, cutting it into tokens included.
fn median_ms(model: &Model, texts: &[String], times: usize) -> Result<f64> {
    let mut scratch = Scratch::default();
    let took = texts.iter().take(times).map(|text| Ok(timed(model, text, &mut scratch)?.0));
    median(took.collect::<Result<_>>()?).context("no text of this length")
}

/// Texts of so many tokens. Of short questions, longer texts are made.
fn of_length(model: &Model, texts: &[&str], tokens: usize) -> Vec<String> {
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
    (0..texts.len()).filter_map(joined).take(TIMED).collect()
}

/// How long a text takes in milliseconds, and its embedding.
fn timed(model: &Model, text: &str, scratch: &mut Scratch) -> Result<(f64, Vec<f32>)> {
    let start = Instant::now();
    let tokens = model.tokens(text)?;
    let embedding = model.embed(&[&tokens], scratch).pop();
    let took = start.elapsed().as_secs_f64() * 1_000.0;
    Ok((took, embedding.context("no embedding")?))
}

/// Embeds the same texts here and by ONNX Runtime, in turns, so that what else the machine does weighs on both. The time here
/// includes cutting into tokens; ONNX Runtime is handed these.
fn compare_with_runtime(
    model: &Model,
    folder: &Path,
    texts: &[(usize, &[String])],
) -> Result<(Vec<(usize, f64, f64)>, f64)> {
    let exact = Model::load(folder, Precision::Full)?;
    let mut runtime = Runtime::start(folder)?;
    let (mut scratch, mut error) = (Scratch::default(), 0.0_f64);
    let mut compared = Vec::new();
    for (tokens, texts) in texts {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for (number, text) in texts.iter().enumerate() {
            let (took, _) = timed(model, text, &mut scratch)?;
            let cut = model.tokens(text)?;
            let (took_there, embedding) = runtime.embed(&cut)?;
            // The first runs find nothing in the processor's caches.
            if number >= 10 {
                ours.push(took);
                theirs.push(took_there);
            }
            let right = timed(&exact, text, &mut scratch)?.1;
            error = error.max(f64::from(1.0 - cosine(&right, &embedding)));
        }
        let (Some(ours), Some(theirs)) = (median(ours), median(theirs)) else { bail!("too few texts") };
        compared.push((*tokens, ours, theirs));
    }
    ensure!(error < 1e-4, "ONNX Runtime computes something else: cosine 1 - {error:.6}");
    Ok((compared, error))
}

/// Vectors of real questions, and mixtures of two of them, with noise, for the rest. What is looked up are real questions that
/// are not among them.
fn many(model: &Model, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
    let mut numbers = Numbers::new(3);
    let mut vectors = super::stream::embed(model, texts)?;
    numbers.shuffle(&mut vectors);
    let queries = vectors.split_off(vectors.len().saturating_sub(QUERIES));
    let real = vectors.len();
    while vectors.len() < MOST {
        let (one, other) = (&vectors[numbers.below(real)], &vectors[numbers.below(real)]);
        let share = 0.5 + 0.45 * numbers.share() as f32;
        // A quarter of the vector's length.
        let noise = 0.25 * (12.0 / one.len() as f32).sqrt();
        let mixed: Vec<f32> = one
            .iter()
            .zip(other)
            .map(|(a, b)| a * share + b * (1.0 - share) + noise * (numbers.share() as f32 - 0.5))
            .collect();
        let length = cosine(&mixed, &mixed).sqrt();
        vectors.push(mixed.iter().map(|number| number / length).collect());
    }
    numbers.shuffle(&mut vectors);
    Ok([vectors, queries].concat())
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
        let best = stored.iter().map(|vector| cosine(vector, query)).fold(f32::MIN, f32::max);
        right += usize::from(found.first().is_some_and(|found| (found.similarity - best).abs() < 1e-5));
    }
    let recall = right as f64 / queries.len() as f64;
    Ok((size, median(times).context("nothing was looked up")?, recall))
}

fn compare(exact: &[Vec<f32>], other: &[Vec<f32>]) -> (f64, f64) {
    let (mut largest, mut sum, mut count) = (0.0_f64, 0.0, 0.0);
    for (at, (a, b)) in exact.iter().zip(other).enumerate() {
        for (c, d) in exact.iter().zip(other).skip(at + 1) {
            let error = f64::from((cosine(a, c) - cosine(b, d)).abs());
            largest = largest.max(error);
            sum += error;
            count += 1.0;
        }
    }
    (largest, sum / count)
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
            if let Some((_, ours, theirs)) = self.compared.first() {
                let what = format!("14 tokens ≥ {TIMES} × as fast as ONNX Runtime f32");
                let found = format!("{:.2} ×: {ours:.2} against {theirs:.2} ms", theirs / ours);
                verdicts.push(verdict(&what, found, theirs / ours >= TIMES));
            }
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
        let compared: String = self
            .compared
            .iter()
            .map(|(tokens, ours, theirs)| {
                format!("| {tokens} | {ours:.2} | {theirs:.2} | {:.2} |\n", theirs / ours)
            })
            .collect();
        let compared = format!(
            "| tokens, one thread, in turns | the encoder, p50 ms | ONNX Runtime f32, p50 ms | × |\n|--:|--:|--:|--:|\n{compared}\n\
             ONNX Runtime's embeddings are those of f32 here to within {:.7} of the cosine.\n",
            self.runtime_error
        );
        let lookup =
            |(size, time, recall): &(usize, f64, f64)| format!("| {size} | {time:.3} | {recall:.4} |\n");
        let lookups: String = self.lookups.iter().map(lookup).collect();
        let in_redis = format!("| in Redis: {}", lookup(&self.in_redis).trim_start_matches("| "));
        format!(
            "| kernel, one text at a time, one thread | 14 tokens, p50 ms | 60 tokens, p50 ms |\n|---|--:|--:|\n{kernels}\n{compared}\n\
             | vectors in the index | 16 nearest, p50 ms | recall@1 |\n|--:|--:|--:|\n{lookups}{in_redis}\n"
        )
    }
}
