//! The rounds: every case once a round, one after the other.

use std::time::Duration;

use anyhow::{Context, Result};

use super::cases::Case;
use super::cpu::CpuTime;
use super::load::{Load, Wrk};
use super::stack::Stack;
use super::statistics::Spread;
use super::{say, verify};

/// Long enough for V8 to have compiled what is hot.
const WARM_UP_SECONDS: u64 = 1;

/// One round of one case.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Requests a second.
    pub rate: f64,
    /// The median of the latency, in milliseconds.
    pub p50_ms: f64,
    /// What 99 of 100 requests stay below, in milliseconds.
    pub p99_ms: f64,
    /// The proxy's CPU time per request, in microseconds.
    pub cpu_us: f64,
    /// For how much of its running time the proxy also waited for its processor: others were there too.
    pub waited: f64,
}

/// All rounds of one case.
#[derive(Debug)]
pub struct Measured {
    /// The case.
    pub case: &'static Case,
    /// A sample for each round, in their order.
    pub samples: Vec<Sample>,
    /// Bytes of an answer's body on the wire.
    pub body_bytes: usize,
}

impl Measured {
    /// The median over the rounds of one figure, and its spread. None before the first round.
    pub fn spread(&self, figure: fn(&Sample) -> f64) -> Option<Spread> {
        Spread::of(self.samples.iter().map(figure))
    }

    /// The spread over the rounds of what `compare` makes of this case's CPU time and the other's of the same round.
    pub fn compared(&self, other: &Measured, compare: fn(f64, f64) -> f64) -> Option<Spread> {
        let pairs = self.samples.iter().zip(&other.samples);
        Spread::of(pairs.map(|(own, other)| compare(own.cpu_us, other.cpu_us)))
    }
}

/// Runs all rounds.
pub fn all(stack: &Stack, cases: &[&'static Case], rounds: usize, seconds: u64) -> Result<Vec<Measured>> {
    let wrk = Wrk::new(&stack.other_cpus)?;
    let mut measured = Vec::new();
    say("warming up");
    for case in cases {
        let warm_up = || {
            let body_bytes = verify::answer(stack, case, "first")?;
            load(stack, &wrk, case, "warm", WARM_UP_SECONDS)?;
            Ok::<usize, anyhow::Error>(body_bytes)
        };
        let body_bytes = warm_up().with_context(|| not_what_it_claims(case))?;
        measured.push(Measured { case, samples: Vec::new(), body_bytes });
    }
    rest(stack)?;
    for round in 1..=rounds {
        for measured in &mut measured {
            let case = measured.case;
            let sample = sample(stack, &wrk, measured, round, seconds)
                .with_context(|| not_what_it_claims(case))
                .with_context(|| format!("round {round}"))?;
            say(&format!(
                "round {round}/{rounds}  {:16} {:8.0} req/s  {:7.2} µs CPU a request{}",
                case.name,
                sample.rate,
                sample.cpu_us,
                if sample.waited > NOISY { "  (noisy)" } else { "" },
            ));
            measured.samples.push(sample);
        }
    }
    Ok(measured)
}

/// Waits until the filters have handed over what they counted during the warm-up, and tells what Envoy does meanwhile:
/// the ticks and polls of all cases' filters, which every case's number has a share of.
fn rest(stack: &Stack) -> Result<()> {
    let time = Duration::from_millis(1_500);
    let before = CpuTime::of(stack.envoy.pid())?;
    std::thread::sleep(time);
    let spent = CpuTime::of(stack.envoy.pid())? - before;
    let share = spent.running_ns as f64 / time.as_nanos() as f64 * 100.0;
    say(&format!("Envoy at rest takes {share:.2} % of its processor"));
    Ok(())
}

/// From which share of waiting on a round counts as noisy. Envoy's own threads wait for each other a little.
pub const NOISY: f64 = 0.05;

fn not_what_it_claims(case: &Case) -> String {
    format!("case {} is not what it claims ({})", case.name, case.what)
}

fn sample(stack: &Stack, wrk: &Wrk, measured: &Measured, round: usize, seconds: u64) -> Result<Sample> {
    let case = measured.case;
    verify::answer(stack, case, &format!("check{round}"))?;
    let before = verify::before(stack, case)?;
    let pid = stack.proxy_pid(case);
    let start = CpuTime::of(pid)?;
    let seen = load(stack, wrk, case, &format!("round{round}"), seconds)?;
    let spent = CpuTime::of(pid)? - start;
    verify::after(stack, case, &before, &seen, measured.body_bytes)?;
    Ok(Sample {
        rate: seen.requests as f64 / seen.seconds,
        p50_ms: seen.p50_ms,
        p99_ms: seen.p99_ms,
        cpu_us: spent.running_ns as f64 / 1e3 / seen.requests as f64,
        waited: spent.waiting_ns as f64 / spent.running_ns.max(1) as f64,
    })
}

fn load(stack: &Stack, wrk: &Wrk, case: &Case, unique: &str, seconds: u64) -> Result<super::load::Seen> {
    wrk.run(&Load {
        base: &stack.url(case)?,
        path: &case.path(),
        coding: case.coding,
        unique: case.new_urls.then_some(unique),
        seconds,
    })
}
