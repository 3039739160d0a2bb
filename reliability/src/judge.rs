//! Which answers came too late to be true.

use std::time::{Duration, Instant};

use crate::load::{Sample, Seen, What};

/// How long an Envoy may serve its own copies when nobody can tell it of a write: its lease.
const LEASE: Duration = Duration::from_secs(1);
/// After what was cut is whole again, how long until an undelivered invalidation is sent anew: one attempt's time-out, and what
/// a busy machine takes.
const DELIVERY: Duration = Duration::from_millis(2_500);

/// When a fault began, and when it was over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

/// Answers that were older than a write that had been acknowledged before they were asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stale {
    /// As old as they may be while nobody can be told of a write that an Envoy let through.
    pub(crate) within: u64,
    /// Older.
    pub(crate) past: u64,
    /// Some of those, in words.
    pub(crate) examples: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    version: u64,
    at: Instant,
    took: Duration,
    /// Whether the companion itself has said that nobody serves what is older.
    by_companion: bool,
}

/// Judges all reads by all writes.
pub(crate) fn stale(samples: &[Sample], fault: Option<Fault>) -> Stale {
    let acknowledged: Vec<Acknowledged> = samples.iter().filter_map(acknowledged).collect();
    let mut stale = Stale::default();
    for sample in samples {
        let Seen::Page { version, .. } = sample.seen else { continue };
        let newer = acknowledged.iter().filter(|write| write.version > version && write.at <= sample.sent);
        let mut newer = newer.peekable();
        let Some(first) = newer.peek().copied() else { continue };
        if newer.all(|write| fault.is_some_and(|fault| is_excused(write, sample.sent, fault))) {
            stale.within += 1;
        } else {
            stale.past += 1;
            if stale.examples.len() < 5 {
                stale.examples.push(in_words(sample, version, first));
            }
        }
    }
    stale
}

fn in_words(read: &Sample, version: u64, write: &Acknowledged) -> String {
    let who = if write.by_companion { "purge" } else { "write" };
    format!(
        "Envoy {} gave version {version} {:?} after a {who} of version {} was acknowledged, which took {:?}",
        read.envoy,
        read.sent.saturating_duration_since(write.at),
        write.version,
        write.took
    )
}

fn acknowledged(sample: &Sample) -> Option<Acknowledged> {
    let Seen::Acknowledged { version } = sample.seen else { return None };
    let by_companion = sample.what == What::Purge;
    Some(Acknowledged { version, at: sample.done, took: sample.took(), by_companion })
}

/// Whether who asked then may not have known of the write: the companion could not be told, the lease was not over yet, or
/// what can be told again has not been.
fn is_excused(write: &Acknowledged, asked: Instant, fault: Fault) -> bool {
    let told_late = fault.until + DELIVERY;
    let untold = !write.by_companion && (fault.from..=told_late).contains(&write.at);
    untold && (asked <= write.at + LEASE || (fault.until..=told_late).contains(&asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, ms: u64, what: What, seen: Seen) -> Sample {
        let now = start + Duration::from_millis(ms);
        Sample { what, envoy: 0, due: now, sent: now, done: now, seen }
    }

    #[test]
    fn what_is_older_than_an_acknowledged_write_is_stale_and_a_fault_excuses_little() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let fault = Fault { from: after(1_000), until: after(10_000) };
        // When which write was acknowledged by whom, when the page before it was read, and what that comes to.
        for (acknowledged, by, read, expected) in [
            (500, What::Write, 400, (0, 0)),
            (500, What::Write, 600, (0, 1)),
            (2_000, What::Write, 2_900, (1, 0)),
            (2_000, What::Write, 3_100, (0, 1)),
            (2_000, What::Write, 10_500, (1, 0)),
            (2_000, What::Write, 13_000, (0, 1)),
            (2_000, What::Purge, 2_900, (0, 1)),
            (13_000, What::Write, 13_100, (0, 1)),
        ] {
            let samples = [
                at(start, acknowledged, by, Seen::Acknowledged { version: 2 }),
                at(start, read, What::Read, Seen::Page { version: 1, is_hit: true }),
                at(start, read, What::Read, Seen::Page { version: 2, is_hit: true }),
            ];
            let seen = stale(&samples, Some(fault));
            assert_eq!((seen.within, seen.past), expected, "{acknowledged} {by:?} {read}");
        }
    }
}
