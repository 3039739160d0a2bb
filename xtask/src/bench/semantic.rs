//! `cargo xtask bench semantic`: how fast questions are embedded and found, and what the semantic cache's decision is worth on
//! streams of real questions.

mod data;
mod first_chunk;
mod hits;
mod origin;
mod record;
mod runtime;
mod speed;
mod stream;
mod vector_sets;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use minilm::{Model, Precision};
use testbed::Tool;
use testbed::artifacts::{self, Artifact};

use super::say;
use data::Question;
use first_chunk::FirstChunk;
use hits::Hits;
use speed::Speed;
use stream::{Outcome, Settings};

/// What to measure of the semantic cache.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Leave out the speed of embedding and finding
    #[arg(long)]
    streams_only: bool,
    /// Leave out the streams
    #[arg(long, conflicts_with = "streams_only")]
    speed_only: bool,
    /// Only what a hit takes through Envoy
    #[arg(long, conflicts_with_all = ["streams_only", "speed_only"])]
    hits_only: bool,
    /// Measure only how soon the first part of an answer comes
    #[arg(long, conflicts_with_all = ["streams_only", "speed_only", "hits_only"])]
    first_chunk_only: bool,
    /// The first seed of the streams' random numbers. With 1 and 2 the policy was developed
    #[arg(long, default_value_t = 11)]
    seed: u64,
    /// Play the streams with so many seeds, one after the other
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Write the results into docs/BENCHMARKS.md
    #[arg(long, conflicts_with_all = ["streams_only", "speed_only", "hits_only", "first_chunk_only"])]
    record: bool,
}

/// Something that has to hold, or is aimed at, and what was found.
#[derive(Debug)]
pub struct Verdict {
    what: String,
    found: String,
    held: bool,
    is_aim: bool,
}

impl Verdict {
    fn line(&self) -> String {
        let word = match (self.held, self.is_aim) {
            (true, false) => "PASS",
            (false, false) => "FAIL",
            (true, true) => "aim met",
            (false, true) => "aim missed",
        };
        format!("{word}  {} ({})", self.what, self.found)
    }
}

/// Runs the benchmark; it fails if a target is missed.
pub fn run(options: &Options) -> Result<ExitCode> {
    let load_average = super::record::load_average()?;
    crate::ensure(&[
        Tool::MiniLm,
        Tool::Python,
        Tool::OnnxRuntime,
        Tool::Onnx,
        Tool::Envoy,
        Tool::RedisServer8,
    ])?;
    let only = options.streams_only || options.speed_only || options.hits_only;
    let first_chunk = if only { None } else { Some(answer_soon()?) };
    if options.first_chunk_only {
        let verdicts = first_chunk.iter().flat_map(FirstChunk::verdicts).collect::<Vec<_>>();
        println!("{}", first_chunk.iter().map(FirstChunk::table).collect::<String>());
        return Ok(told(&verdicts));
    }
    let model = Tool::MiniLm.path()?;
    let folder = model.parent().context("the model is in no folder")?;
    let model = Arc::new(Model::load(folder, Precision::Fast)?);
    say(&format!("embedding by {}", model.kernel().name()));
    let speed = if only && !options.speed_only { None } else { Some(speed::measure(&model, folder)?) };
    let hits = if only && !options.hits_only { None } else { Some(hits::measure()?) };

    let mut outcomes = Vec::new();
    let seeds = if only && !options.streams_only { 0 } else { options.seeds };
    let mut embeddings = stream::Embeddings::new(&model);
    for seed in (0..seeds).map(|number| options.seed + number) {
        for (name, questions) in data::streams(seed)? {
            say(&format!("{name}, seed {seed}: {} questions", questions.len()));
            let outcome = run_stream(name, &mut embeddings, &questions, seed)?;
            say(&outcome.line());
            outcomes.push(outcome);
        }
    }
    outcomes.sort_by_key(|outcome| outcome.name);
    let verdicts: Vec<Verdict> = speed
        .iter()
        .flat_map(Speed::verdicts)
        .chain(first_chunk.iter().flat_map(FirstChunk::verdicts))
        .chain(hits.iter().flat_map(Hits::verdicts))
        .chain(by_stream(&outcomes).iter().flat_map(|outcomes| stream::verdicts(outcomes)))
        .collect();
    let streamed = if outcomes.is_empty() { String::new() } else { stream::table(&outcomes) };
    let table = first_chunk.as_ref().map(FirstChunk::table).unwrap_or_default()
        + &hits.as_ref().map(Hits::table).unwrap_or_default()
        + &streamed;
    println!("{}{table}", speed.as_ref().map(Speed::table).unwrap_or_default());
    let code = told(&verdicts);
    if options.record {
        record::write(load_average, &model, speed.as_ref(), &table, &verdicts)?;
        say(&format!("recorded in {}", super::page::path().display()));
    }
    Ok(code)
}

/// Prints what has to hold; whether it does.
fn told(verdicts: &[Verdict]) -> ExitCode {
    verdicts.iter().for_each(|verdict| println!("{}", verdict.line()));
    let fails = verdicts.iter().any(|verdict| !verdict.held && !verdict.is_aim);
    if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn answer_soon() -> Result<FirstChunk> {
    say("building filters and companion");
    artifacts::build(&[Artifact::Filters, Artifact::Companion])?;
    say("asking an engine, and a companion before it");
    first_chunk::measure()
}

/// The outcomes of each stream.
fn by_stream(outcomes: &[Outcome]) -> Vec<Vec<&Outcome>> {
    outcomes.chunk_by(|one, other| one.name == other.name).map(|some| some.iter().collect()).collect()
}

fn run_stream(
    name: &'static str,
    embeddings: &mut stream::Embeddings<'_>,
    questions: &[Question],
    seed: u64,
) -> Result<Outcome> {
    let answers = origin::answers(questions, seed);
    // The questions come again with the next seed, the answers do not.
    let asked = embeddings.again(questions.iter().map(|question| question.text.as_str()))?;
    let answered = embeddings.once(answers.iter().map(String::as_str))?;
    Ok(stream::play(name, questions, &asked, &answers, &answered, Settings::default(), seed))
}
