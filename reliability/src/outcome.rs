//! What came of a fault, and the table of all.

use std::time::Duration;

use crate::judge::Stale;
use crate::row::{Row, Service};

/// What clients saw of a fault.
#[derive(Debug)]
pub struct Outcome {
    /// The fault's name, and what was done.
    pub row: Row,
    /// Requests in all.
    pub sent: u64,
    /// Those that got no answer, or an error.
    pub failed: u64,
    /// Answers that the service would not have given.
    pub wrong: u64,
    pub(crate) stale: Stale,
    /// The 99th percentile of reads past the cache, before the fault, and while it lasted.
    pub p99_plain: Option<Duration>,
    /// Likewise, through the cache before the fault.
    pub p99_before: Option<Duration>,
    /// Likewise, while it lasted.
    pub p99_during: Option<Duration>,
    /// The slowest write, at any time.
    pub slowest_write: Option<Duration>,
    /// How long after the fault's end the last of the Envoys had its first hit; nothing if one had none.
    pub recovered: Option<Duration>,
    /// Filters that died.
    pub deaths: usize,
    /// Some of what went wrong, in words.
    pub examples: Vec<String>,
    /// The slowest reads while it lasted, in words.
    pub slowest_reads: Vec<String>,
}

impl Outcome {
    /// Answers that were older than they may be.
    pub fn stale(&self) -> u64 {
        self.stale.past
    }

    /// What is amiss, whatever the machine was busy with.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.failed > 0 && self.row.service == Service::Lives {
            complaints.push(format!("{} of {} requests failed", self.failed, self.sent));
        }
        if self.wrong > 0 {
            complaints.push(format!("{} answers were wrong", self.wrong));
        }
        if self.stale.past > 0 {
            let (past, examples) = (self.stale.past, self.stale.examples.join("; "));
            complaints.push(format!("{past} answers were stale past the bound: {examples}"));
        }
        if self.recovered.is_none() {
            complaints.push("there were no hits after it".to_owned());
        }
        if self.deaths > 0 && self.row.service != Service::LosesWhatIsUnderWay {
            complaints.push(format!("{} filters died", self.deaths));
        }
        if !complaints.is_empty() {
            complaints.extend(self.examples.iter().cloned());
        }
        complaints
    }

    /// That reads took longer than twice as long as without a cache, and a lookup's time-out, if they did. A machine that
    /// is busy with something else can be the reason.
    pub fn slowness(&self, lookup_timeout: Duration) -> Option<String> {
        let (bound, during) = (self.p99_plain? * 2 + lookup_timeout, self.p99_during?);
        (during > bound).then(|| {
            let slowest = self.slowest_reads.join("; ");
            format!("the 99th percentile of reads is {during:.0?}, and may be {bound:.0?}: {slowest}")
        })
    }

    /// The line of the table.
    pub fn line(&self) -> String {
        let Outcome { row, sent, failed, wrong, stale, .. } = self;
        let ms = |time: Option<Duration>| match time {
            None => "–".to_owned(),
            Some(time) => format!("{:.0}", time.as_secs_f64() * 1_000.0),
        };
        let recovered =
            self.recovered.map_or("never".to_owned(), |time| format!("{:.1}", time.as_secs_f64()));
        let deaths = match self.deaths {
            0 => String::new(),
            deaths => format!(" ({deaths} times)"),
        };
        format!(
            "| `{}`: {}{deaths} | {sent} | {failed} | {wrong} | {} | {} | {} | {} | {} | {} | {recovered} |\n",
            row.name,
            row.fault,
            stale.past,
            stale.within,
            ms(self.p99_plain),
            ms(self.p99_before),
            ms(self.p99_during),
            ms(self.slowest_write),
        )
    }
}

/// The table of these, in Markdown.
pub fn table(outcomes: &[Outcome]) -> String {
    let head = "| fault | requests | failed | wrong | stale past the bound | stale within it | p99 without cache, ms | p99 before, ms \
                | p99 during, ms | slowest write, ms | first hits after, s |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";
    outcomes.iter().fold(head.to_owned(), |table, outcome| table + &outcome.line())
}
