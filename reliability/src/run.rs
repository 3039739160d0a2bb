//! Brings a fault about under load, heals it, and sees what came of it.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testbed::wait_until;

use crate::judge::{self, Fault};
use crate::load::{Load, Pace, Sample, Seen, What};
use crate::{Outcome, Row, Stand};

/// How much load, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Requests a second.
    pub rate: u32,
    /// Clients that send them.
    pub clients: usize,
    /// One request in so many is a write, and another a purge.
    pub write_every: u64,
    /// How long requests go past the cache before, to compare with; none if that is not of interest.
    pub plain: Duration,
    /// How long all is well before the fault, how long that lasts, and how long the load goes on when there are hits again.
    pub before: Duration,
    /// See `before`.
    pub during: Duration,
    /// See `before`.
    pub after: Duration,
}

impl Effort {
    /// What `docs/RELIABILITY.md` records.
    pub const LONG: Effort = Effort {
        rate: 200,
        clients: 64,
        write_every: 400,
        plain: Duration::from_secs(3),
        before: Duration::from_secs(3),
        during: Duration::from_secs(6),
        after: Duration::from_secs(3),
    };
    /// Enough to see that nothing fails.
    pub const SHORT: Effort = Effort {
        rate: 60,
        clients: 32,
        write_every: 120,
        plain: Duration::ZERO,
        before: Duration::from_millis(500),
        during: Duration::from_secs(2),
        after: Duration::from_millis(500),
    };
}

/// How long to wait for hits.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tries one fault on a stand of its kind. A stand can be used for several.
///
/// # Errors
/// If a part does not start, or the fault cannot be brought about or healed. What clients saw is no error.
pub fn run(stand: &mut Stand, row: &Row, effort: &Effort) -> Result<Outcome> {
    let deaths_before = stand.deaths();
    let plain = (!effort.plain.is_zero() && stand.has_plain_pages()).then(|| {
        let pace = Pace { rate: effort.rate, clients: effort.clients, write_every: 0 };
        let load = Load::start(&stand.targets("/plain"), &stand.truth, pace);
        std::thread::sleep(effort.plain);
        load.samples()
    });
    let pace = Pace { rate: effort.rate, clients: effort.clients, write_every: effort.write_every };
    let load = Load::start(&stand.targets("/api/items"), &stand.truth, pace);
    let start = Instant::now();
    ensure!(wait_until(PATIENCE, || hits(&load, start).is_some()), "no hits within {PATIENCE:?}");
    let well = Instant::now();
    std::thread::sleep(effort.before);

    let from = Instant::now();
    (row.inject)(stand).with_context(|| format!("cannot bring {} about", row.name))?;
    let happened = Instant::now();
    std::thread::sleep(effort.during);
    (row.heal)(stand).with_context(|| format!("cannot heal {}", row.name))?;
    let healed = Instant::now();
    let until = if row.is_moment { happened } else { healed };
    wait_until(PATIENCE, || hits(&load, until).is_some());
    std::thread::sleep(effort.after);
    let recovered = hits(&load, until).map(|at| at.saturating_duration_since(until));
    let samples = load.finish();

    let between = |from: Instant, until: Instant| {
        samples.iter().filter(move |sample| sample.due >= from && sample.due < until)
    };
    let plain = plain.unwrap_or_default();
    let all = || samples.iter().chain(&plain);
    let failed = |sample: &&Sample| matches!(sample.seen, Seen::Failed(_));
    let wrong = |sample: &&Sample| matches!(sample.seen, Seen::Wrong(_));
    Ok(Outcome {
        row: *row,
        sent: all().count() as u64,
        failed: all().filter(failed).count() as u64,
        wrong: all().filter(wrong).count() as u64,
        stale: judge::stale(&samples, Some(Fault { from, until })),
        p99_plain: p99(plain.iter()),
        p99_before: p99(between(well, from)),
        p99_during: p99(between(from, healed)),
        slowest_write: all().filter(|sample| sample.what == What::Write).map(Sample::took).max(),
        recovered,
        deaths: stand.deaths() - deaths_before,
        examples: all().filter_map(|sample| complaint(sample, start)).take(5).collect(),
        slowest_reads: slowest_reads(between(from, healed), from),
    })
}

/// When the last of the Envoys had its first hit of those asked for from then on; nothing if one had none.
fn hits(load: &Load, from: Instant) -> Option<Instant> {
    let samples = load.samples();
    let first = |envoy: usize| {
        let is_hit = |sample: &&Sample| {
            sample.envoy == envoy
                && sample.sent >= from
                && matches!(sample.seen, Seen::Page { is_hit: true, .. })
        };
        samples.iter().filter(is_hit).map(|sample| sample.done).min()
    };
    Some(first(0)?.max(first(1)?))
}

fn p99<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<Duration> {
    let reads = samples.filter(|sample| sample.what == What::Read);
    let mut times: Vec<Duration> = reads.map(Sample::took).collect();
    times.sort_unstable();
    times.get((times.len() * 99).div_ceil(100).saturating_sub(1)).copied()
}

fn slowest_reads<'a>(samples: impl Iterator<Item = &'a Sample>, fault: Instant) -> Vec<String> {
    let mut reads: Vec<&Sample> = samples.filter(|sample| sample.what == What::Read).collect();
    reads.sort_unstable_by_key(|read| Reverse(read.took()));
    let in_words = |read: &&Sample| {
        let after = read.due.saturating_duration_since(fault).as_secs_f64();
        format!("{:.0?} {after:.3} s into the fault at Envoy {}, {:?}", read.took(), read.envoy, read.seen)
    };
    reads.iter().take(5).map(in_words).collect()
}

fn complaint(sample: &Sample, start: Instant) -> Option<String> {
    let (Seen::Failed(what) | Seen::Wrong(what)) = &sample.seen else { return None };
    let at = sample.sent.saturating_duration_since(start).as_secs_f64();
    Some(format!("after {at:.3} s, Envoy {}: {what}", sample.envoy))
}
