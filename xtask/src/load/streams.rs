//! The time to each event of streamed answers, which k6 cannot measure: it knows a response as a whole.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::{EventSource, Request};

/// How often each question is asked: the first time the engine answers, later the cache.
const ROUNDS: usize = 5;
const QUESTIONS: [&str; 4] = [
    "What+is+a+lease%3F",
    "What+does+a+soft+purge+do%3F",
    "How+are+histograms+kept%3F",
    "Why+is+a+hit+cheap%3F",
];
/// What the reference system promised for the first part of an answer.
const FIRST_CHUNK: Duration = Duration::from_millis(100);

/// Asks, and prints when which event came, apart for answers of the engine and of the cache.
pub fn print(url: &str) -> Result<()> {
    let mut times: BTreeMap<(bool, String), Vec<Duration>> = BTreeMap::new();
    for round in 0..ROUNDS {
        for question in QUESTIONS {
            let stream = EventSource::open(Request::get(format!("{url}?q={question}")))?;
            ensure!(stream.status == 200, "{url}?q={question}: status {}", stream.status);
            let heard = stream.hear()?;
            ensure!(
                heard.first("done").is_some(),
                "{question}: the answer broke off after {:?}",
                heard.kinds()
            );
            for kind in ["start", "chunk", "done"] {
                if let Some((at, _)) = heard.first(kind) {
                    times.entry((round > 0, kind.to_owned())).or_default().push(*at);
                }
            }
        }
    }
    println!("\n{:24}{:12}{:>8}{:>10}{:>10}", "STREAMED ANSWERS", "EVENT", "COUNT", "P50 MS", "MAX MS");
    for ((again, kind), times) in &mut times {
        times.sort_unstable();
        let at = |index: usize| times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1_000.0);
        let who = if *again { "asked before" } else { "not asked before" };
        println!(
            "{who:24}{kind:12}{:8}{:10.2}{:10.2}",
            times.len(),
            at(times.len() / 2),
            at(times.len() - 1)
        );
    }
    println!("Of the reference system: the first chunk within {} ms.", FIRST_CHUNK.as_millis());
    Ok(())
}
