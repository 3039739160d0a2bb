//! How much of a popular trace L1 answers, beside a cache that forgets what was used longest ago.

use super::L1;
use super::tests::stored;
use std::collections::{BTreeMap, HashMap};

/// Distinct popular responses, and the exponent of their popularity: that of web traffic.
const POPULAR: usize = 20_000;
const EXPONENT: f64 = 0.9;
const REQUESTS: usize = 400_000;
/// After so many requests comes a scan of so many responses that nobody asks for again.
const SCAN_EVERY: usize = 20_000;
const SCAN: usize = 4_000;
const BODY_BYTES: usize = 2_000;
/// A twentieth of what is popular.
const BUDGET: u64 = 1_000 * 3_000;

/// Numbers of responses in the order in which they are asked for; the same each time.
fn trace(with_scans: bool) -> Vec<usize> {
    let weights: Vec<f64> = (1..=POPULAR).map(|rank| (rank as f64).powf(-EXPONENT)).collect();
    let mut sum = 0.0;
    let cumulative: Vec<f64> = weights
        .iter()
        .map(|weight| {
            sum += weight;
            sum
        })
        .collect();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut scanned = POPULAR;
    let mut trace = Vec::new();
    for request in 0..REQUESTS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let at = (random >> 11) as f64 / (1_u64 << 53) as f64 * sum;
        trace.push(cumulative.partition_point(|reached| *reached < at));
        if with_scans && request % SCAN_EVERY == SCAN_EVERY - 1 {
            trace.extend(scanned..scanned + SCAN);
            scanned += SCAN;
        }
    }
    trace
}

/// Hits among the requests for what is popular.
fn ratio(trace: &[usize], mut is_hit: impl FnMut(usize) -> bool) -> f64 {
    let hits = trace.iter().filter(|number| is_hit(**number) && **number < POPULAR).count();
    hits as f64 / trace.iter().filter(|number| **number < POPULAR).count() as f64
}

fn of_l1(trace: &[usize]) -> f64 {
    let mut l1 = L1::new(BUDGET);
    ratio(trace, |number| {
        let key = format!("GET h/{number}#gzip:r");
        let is_hit = l1.find(&key).is_some();
        if !is_hit {
            l1.insert(stored(key, BODY_BYTES));
        }
        is_hit
    })
}

fn of_lru(trace: &[usize]) -> f64 {
    let each = stored("GET h/10000#gzip:r".to_owned(), BODY_BYTES).weight();
    let room = (BUDGET / each) as usize;
    let (mut used, mut by_use, mut now) = (HashMap::new(), BTreeMap::new(), 0_u64);
    ratio(trace, |number| {
        now += 1;
        let before = used.insert(number, now);
        before.map(|before| by_use.remove(&before));
        by_use.insert(now, number);
        if by_use.len() > room {
            let (_, oldest) = by_use.pop_first().unwrap();
            used.remove(&oldest);
        }
        before.is_some()
    })
}

#[test]
fn more_than_one_that_forgets_what_was_used_longest_ago_above_all_when_scanned() {
    let (popular, scanned) = (trace(false), trace(true));
    let [l1, lru] = [of_l1(&popular), of_lru(&popular)];
    let [l1_scanned, lru_scanned] = [of_l1(&scanned), of_lru(&scanned)];
    println!("popular alone: {l1:.3}, least recently used {lru:.3}");
    println!("with scans:    {l1_scanned:.3}, least recently used {lru_scanned:.3}");
    assert!(l1 > lru + 0.03, "{l1:.3} and {lru:.3}");
    assert!(l1_scanned > lru_scanned + 0.04, "{l1_scanned:.3} and {lru_scanned:.3}");
    assert!(l1_scanned > l1 - 0.02, "scans cost {l1:.3} - {l1_scanned:.3}");
}
