//! A long run: what has grown at its end that should not have.

mod levels;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::judge;
use crate::load::{Load, Pace, Sample, Seen};
use crate::stand::Stand;
use levels::{Counts, resident};

/// How much load: so much that a leak of a hundredth of the requests would be seen after five minutes.
const PACE: Pace = Pace { rate: 100, clients: CLIENTS, write_every: 200 };
const CLIENTS: usize = 32;
/// Load before anything is counted, so that connections and buffers are there.
const FIRST: Duration = Duration::from_secs(10);
/// How many of the answers that should not have come are told of.
const EXAMPLES: usize = 20;
/// What nobody asks for any more is gone by then.
const SETTLE: Duration = Duration::from_secs(8);
const LOOK: Duration = Duration::from_secs(1);
/// How much more memory there may be at the end than after warm-up.
const GROWTH: f64 = 0.05;

/// Something that was looked at twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// What it is, such as `descriptors of the companion`.
    pub name: String,
    /// How much there was after warm-up; MiB for memory.
    pub before: f64,
    /// How much there was at the end.
    pub after: f64,
    /// How much there may be at the end.
    pub bound: f64,
}

impl Level {
    /// Whether it has grown too much.
    pub fn is_past(&self) -> bool {
        self.after > self.bound
    }
}

/// What a long run has come to.
#[derive(Debug, Default)]
pub struct Report {
    /// Requests in all.
    pub sent: u64,
    /// Those that failed.
    pub failed: u64,
    /// Answers that the service would not have given.
    pub wrong: u64,
    /// Answers older than an acknowledged write.
    pub stale: u64,
    /// Writes through an Envoy whose invalidation the companion did not acknowledge: not in time, or because Redis was away.
    pub undelivered: u64,
    /// Some of all these, in words.
    pub examples: Vec<String>,
    /// Everything that was looked at.
    pub levels: Vec<Level>,
}

impl Report {
    /// What is amiss.
    pub fn complaints(&self) -> Vec<String> {
        let counted = [("failed", self.failed), ("wrong", self.wrong), ("stale", self.stale)];
        let bad = counted.iter().filter(|(_, count)| *count > 0);
        let bad = bad.map(|(what, count)| format!("{count} of {} requests: {what}", self.sent));
        let bad = bad.chain(self.examples.iter().cloned());
        let grown = self.levels.iter().filter(|level| level.is_past());
        let grown = grown.map(|level| {
            format!(
                "{}: {:.1} after warm-up, {:.1} at the end, expected {:.1} at most",
                level.name, level.before, level.after, level.bound
            )
        });
        bad.chain(grown).collect()
    }

    /// The tables, in Markdown.
    pub fn table(&self) -> String {
        let head = format!(
            "{} requests: {} failed, {} wrong, {} stale; {} writes were answered before their invalidation was acknowledged.\n\n\
             | | after warm-up | at the end | at most |\n|---|--:|--:|--:|\n",
            self.sent, self.failed, self.wrong, self.stale, self.undelivered
        );
        self.levels.iter().fold(head, |table, Level { name, before, after, bound }| {
            let digits = usize::from(name.starts_with("memory"));
            table + &format!("| {name} | {before:.digits$} | {after:.digits$} | {bound:.digits$} |\n")
        })
    }

    fn judge(&mut self, samples: &[Sample]) {
        let count = |is: fn(&Seen) -> bool| samples.iter().filter(|sample| is(&sample.seen)).count() as u64;
        self.sent += samples.len() as u64;
        self.failed += count(|seen| matches!(seen, Seen::Failed(_) | Seen::Refused));
        self.wrong += count(|seen| matches!(seen, Seen::Wrong(_)));
        let stale = judge::stale(samples, None);
        self.stale += stale.past;
        let words = samples.iter().filter_map(|sample| match &sample.seen {
            Seen::Failed(what) | Seen::Wrong(what) => Some(what.clone()),
            Seen::Refused => {
                Some(format!("the companion did not acknowledge a purge within {:?}", sample.took()))
            }
            _ => None,
        });
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(stale.examples.into_iter().chain(words).take(room));
    }
}

/// Keeps a constant load for so long, a quarter of which is for warming up, and compares.
///
/// # Errors
/// If a part does not start, ends, or cannot be looked at.
pub fn soak(stand: &mut Stand, time: Duration, mut progress: impl FnMut(&str)) -> Result<Report> {
    let mut report = Report::default();
    let load = start(stand);
    thread::sleep(FIRST);
    report.judge(&load.finish());
    thread::sleep(SETTLE);
    let before = Counts::of(stand)?;

    let (start_of_load, load) = (Instant::now(), start(stand));
    let mut memory: Vec<(Duration, Vec<u64>)> = Vec::new();
    let mut samples = Vec::new();
    while start_of_load.elapsed() < time {
        thread::sleep(LOOK);
        memory.push((start_of_load.elapsed(), resident(stand)?));
        // So many that nothing under way at one end is judged without the writes before it.
        if load.len() > 50_000 {
            samples.append(&mut load.take());
            judge_oldest(&mut report, &mut samples);
            stand.forget();
        }
        if memory.len().is_multiple_of(60) {
            progress(&format!("{} of {} minutes", memory.len() / 60, time.as_secs() / 60));
        }
    }
    samples.append(&mut load.finish());
    report.judge(&samples);
    thread::sleep(SETTLE);
    let after = Counts::of(stand)?;
    report.undelivered = stand.undelivered()?;

    let warm = time / 4;
    let window = time / 8;
    let highest = |from: Duration, until: Duration, at: usize| {
        let within = memory.iter().filter(|(when, _)| (from..until).contains(when));
        within.filter_map(|(_, bytes)| bytes.get(at)).max().copied().unwrap_or(0) as f64 / 1_048_576.0
    };
    ensure!(memory.len() >= 16, "{time:?} is too short to compare anything, expected a minute at least");
    for (at, name) in levels::PROCESSES.iter().enumerate() {
        let first = highest(warm, warm + window, at);
        let last = highest(time - window, time + LOOK * 10, at);
        let name = format!("memory of {name}, MiB");
        report.levels.push(Level { name, before: first, after: last, bound: first * (1.0 + GROWTH) });
    }
    report.levels.extend(Counts::compare(&before, &after, CLIENTS as f64));
    Ok(report)
}

fn start(stand: &Stand) -> Load {
    Load::start(&stand.targets("/api/items"), &stand.truth, PACE)
}

/// Judges all but the newest, which the writes to come may overtake, and forgets them but for those writes.
fn judge_oldest(report: &mut Report, samples: &mut Vec<Sample>) {
    report.judge(samples);
    let newest = samples
        .iter()
        .filter(|sample| matches!(sample.seen, Seen::Acknowledged { .. }))
        .max_by_key(|sample| sample.done);
    let newest: Vec<Sample> = newest.cloned().into_iter().collect();
    report.sent -= newest.len() as u64;
    *samples = newest;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_grown_too_much_is_named() {
        let level =
            |after| Level { name: "memory of Redis, MiB".to_owned(), before: 10.0, after, bound: 10.5 };
        let report =
            Report { sent: 9, failed: 1, levels: vec![level(10.5), level(10.6)], ..Report::default() };
        let complaints = report.complaints();
        assert_eq!(complaints[0], "1 of 9 requests: failed");
        assert_eq!(
            complaints[1],
            "memory of Redis, MiB: 10.0 after warm-up, 10.6 at the end, expected 10.5 at most"
        );
        assert_eq!(complaints.len(), 2);
        assert!(report.table().ends_with("| memory of Redis, MiB | 10.0 | 10.6 | 10.5 |\n"));
    }
}
