//! Questions about this project's documentation, as streams through Envoy: by the documents, and by the semantic cache.

use std::time::Duration;

use anyhow::{Context, Result};
use testbed::event_source::Heard;
use testbed::{Client, EventSource, Request, wait_until};

use super::check::Check;
use super::measure::percentile_ms;
use super::stack::Stack;

/// What is asked, and in which other words.
const QUESTIONS: [(&str, &str); 8] = [
    ("How do I purge cached responses by tag?", "how do I purge cached responses by tag"),
    ("What happens when Redis is down?", "what happens when Redis is down"),
    ("How stale may a query cache be?", "how stale may a query cache be"),
    ("How does the semantic cache decide what to serve?", "how does the semantic cache decide what to serve"),
    ("Which responses are compressed as they come?", "which responses are compressed as they come"),
    ("How large should the pool of PgBouncer be?", "how large should the pool of PgBouncer be"),
    ("What do the guards of the semantic cache see?", "what do the guards of the semantic cache see"),
    ("Which metrics does the companion have?", "which metrics does the companion have"),
];
/// How often each is asked again.
const AGAIN: usize = 10;

/// Times of one kind of answer.
#[derive(Debug, Default)]
pub struct Times {
    first_chunk: Vec<Duration>,
    whole: Vec<Duration>,
}

/// What was heard.
#[derive(Debug, Default)]
pub struct Answers {
    uncached: Times,
    cached: Times,
    wrong: Option<String>,
}

/// Asks all questions, and all of them again.
pub fn ask(stack: &Stack) -> Result<Answers> {
    let client = Client::new();
    let hear = |question: &str| {
        let body = serde_json::json!({ "question": question });
        EventSource::open_by(&client, Request::post_json(stack.front.url("/query/stream"), &body))?.hear()
    };
    let mut answers = Answers::default();
    let mut first = Vec::new();
    for (question, _) in QUESTIONS {
        let heard = hear(question)?;
        answers.uncached.add(&heard)?;
        if heard.json("done")["found"] != true || heard.json("sources")["sources"][0]["source"].is_null() {
            answers.wrong.get_or_insert_with(|| format!("nothing was found for {question:?}"));
        }
        first.push(heard.text());
    }
    for ((question, other_words), text) in QUESTIONS.iter().zip(first) {
        // An answer is kept after it was given.
        wait_until(Duration::from_secs(5), || {
            hear(question).is_ok_and(|heard| heard.json("done")["cached"] == true)
        });
        for time in 0..AGAIN {
            let heard = hear(if time % 2 == 0 { question } else { other_words })?;
            if heard.json("done")["cached"] == true {
                answers.cached.add(&heard)?;
                // Other words may have got an answer of their own, when the service was asked to learn from it.
                if time % 2 == 0 && heard.text() != text {
                    answers.wrong.get_or_insert_with(|| format!("another answer to {question:?}"));
                }
            }
        }
    }
    Ok(answers)
}

impl Times {
    fn add(&mut self, heard: &Heard) -> Result<()> {
        let time = |kind: &str| heard.first(kind).map(|(at, _)| *at);
        self.first_chunk.push(time("chunk").with_context(|| format!("no chunk in {heard:?}"))?);
        self.whole.push(time("done").with_context(|| format!("no end in {heard:?}"))?);
        Ok(())
    }
}

impl Answers {
    /// What has to hold.
    pub fn check(&self) -> Check {
        let expected = QUESTIONS.len() * AGAIN;
        // In other words a question is served only if the semantic cache is sure; the same words always are.
        let passed = self.wrong.is_none() && self.cached.whole.len() >= expected / 2;
        let hits = format!("{} of {expected} answers from the semantic cache", self.cached.whole.len());
        Check::new(
            "questions about the documentation are answered, and the same when asked again",
            passed,
            self.wrong.clone().unwrap_or(hits),
        )
    }

    /// Prints a row for each kind.
    pub fn print(&self) {
        println!("\nQuestions about the documentation, as streams through Envoy, one at a time\n");
        println!("{:32}  {:^17}  {:^17}", "", "first chunk, ms", "whole answer, ms");
        println!("{:32}  {:>8} {:>8}  {:>8} {:>8}", "", "p50", "p99", "p50", "p99");
        for (name, times) in
            [("POST /query/stream", &self.uncached), ("… by the semantic cache", &self.cached)]
        {
            let cell = |times: &Vec<Duration>, share: f64| {
                let mut times = times.clone();
                times.sort_unstable();
                if times.is_empty() {
                    "–".to_owned()
                } else {
                    format!("{:.2}", percentile_ms(&times, share))
                }
            };
            println!(
                "{name:32}  {:>8} {:>8}  {:>8} {:>8}",
                cell(&times.first_chunk, 0.5),
                cell(&times.first_chunk, 0.99),
                cell(&times.whole, 0.5),
                cell(&times.whole, 0.99)
            );
        }
    }
}
