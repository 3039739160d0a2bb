//! A constant load of reads, writes and purges, and what came of each.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use testbed::{Arrival, Caller, OpenLoop};

use crate::stand::TOKEN;
use crate::truth::Truth;

/// The longest that a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Pages that are asked for: few, so that there are hits between writes.
const PAGES: u64 = 16;
/// What all requests name, so that both Envoys have the same keys.
const HOST: &str = "shop.example";

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A page.
    Read,
    /// A write through an Envoy, whose filter invalidates.
    Write,
    /// A write that no Envoy saw, and a purge at the companion.
    Purge,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// No answer, or one that no service has given.
    Failed(String),
    /// Another answer than the service would have given, at any time.
    Wrong(String),
    /// The page of this version.
    Page { version: u64, is_hit: bool },
    /// This write is acknowledged.
    Acknowledged { version: u64 },
    /// The companion did not take the purge, so it promises nothing.
    Refused,
}

/// A request and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) what: What,
    /// Which Envoy was asked.
    pub(crate) envoy: usize,
    /// When it came.
    pub(crate) due: Instant,
    /// When it was sent.
    pub(crate) sent: Instant,
    /// When it was answered.
    pub(crate) done: Instant,
    pub(crate) seen: Seen,
}

impl Sample {
    /// How long the client waited, from when the request came.
    pub(crate) fn took(&self) -> Duration {
        self.done.saturating_duration_since(self.due)
    }
}

/// Where the load goes.
#[derive(Debug, Clone)]
pub(crate) struct Targets {
    /// The Envoys' ports.
    pub(crate) envoys: [u16; 2],
    /// The companion itself.
    pub(crate) companion: SocketAddr,
    /// The path of the pages, and of writes.
    pub(crate) path: &'static str,
}

/// How much load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Requests a second.
    pub(crate) rate: u32,
    /// Clients that send them.
    pub(crate) clients: usize,
    /// Each so manieth request is a write, and each so manieth a purge; 0: none.
    pub(crate) write_every: u64,
}

/// A load that goes on until it is dropped.
#[derive(Debug)]
pub(crate) struct Load {
    samples: Arc<Mutex<Vec<Sample>>>,
    running: OpenLoop,
}

impl Load {
    pub(crate) fn start(targets: &Targets, truth: &Arc<dyn Truth>, pace: Pace) -> Load {
        let samples = Arc::new(Mutex::new(Vec::new()));
        let running = OpenLoop::start(pace.rate, pace.clients, || {
            let samples = Arc::clone(&samples);
            let mut client = Client::new(targets.clone(), Arc::clone(truth), pace.write_every);
            move |arrival: Arrival| {
                let sample = client.ask(arrival);
                lock(&samples).push(sample);
            }
        });
        Load { samples, running }
    }

    /// All so far, in the order of their ends.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        lock(&self.samples).clone()
    }

    /// How many there are so far.
    pub(crate) fn len(&self) -> usize {
        lock(&self.samples).len()
    }

    /// All since the last call.
    pub(crate) fn take(&self) -> Vec<Sample> {
        std::mem::take(&mut lock(&self.samples))
    }

    /// Ends it, and returns all, with what was under way.
    pub(crate) fn finish(self) -> Vec<Sample> {
        drop(self.running);
        std::mem::take(&mut lock(&self.samples))
    }
}

fn lock(samples: &Mutex<Vec<Sample>>) -> MutexGuard<'_, Vec<Sample>> {
    samples.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A number that follows from this one and looks like chance.
fn shuffled(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32
}

struct Client {
    envoys: [Caller; 2],
    companion: Caller,
    targets: Targets,
    truth: Arc<dyn Truth>,
    write_every: u64,
}

impl Client {
    fn new(targets: Targets, truth: Arc<dyn Truth>, write_every: u64) -> Client {
        let envoys = targets.envoys.map(|port| Caller::new(([127, 0, 0, 1], port).into(), PATIENCE));
        let companion = Caller::new(targets.companion, PATIENCE);
        Client { envoys, companion, targets, truth, write_every }
    }

    fn ask(&mut self, Arrival { number, due }: Arrival) -> Sample {
        let sent = Instant::now();
        let every = self.write_every;
        let (what, turn) = match number.checked_rem(every) {
            Some(0) => (What::Purge, number / every),
            Some(rest) if rest == every / 2 => (What::Write, number / every),
            // Shuffled, so that no Envoy and no page always comes right after a write.
            _ => (What::Read, shuffled(number)),
        };
        let envoy = (turn % 2) as usize;
        let seen = match what {
            What::Read => self.read(envoy, turn / 2 % PAGES),
            What::Write => self.write(envoy),
            What::Purge => Ok(self.purge()),
        };
        Sample { what, envoy, due, sent, done: Instant::now(), seen: seen.unwrap_or_else(Seen::Failed) }
    }

    fn read(&mut self, envoy: usize, page: u64) -> Result<Seen, String> {
        let target = format!("{}?{}", self.targets.path, self.truth.query(page));
        let coding = if page.is_multiple_of(2) { "gzip" } else { "identity" };
        let headers = [("host", HOST), ("accept-encoding", coding)];
        let response = self.envoys[envoy].get(&target, &headers).map_err(|error| format!("{error:#}"))?;
        let text = response.decoded().map(|body| String::from_utf8_lossy(&body).into_owned());
        let is_hit = response.header("x-cache").is_some_and(|value| value == "HIT");
        if response.status != 200 {
            return Err(format!("{target}: {} {}", response.status, text.unwrap_or_default()));
        }
        let version = text.map_err(|error| error.to_string());
        let version = version.and_then(|text| self.truth.version_of(&target, &text));
        Ok(version.map_or_else(Seen::Wrong, |version| Seen::Page { version, is_hit }))
    }

    fn write(&mut self, envoy: usize) -> Result<Seen, String> {
        let response = self.envoys[envoy].post(self.targets.path, &[("host", HOST)], self.truth.post());
        let response = response.map_err(|error| format!("POST: {error:#}"))?;
        match (response.status, self.truth.written(&response.text())) {
            (201, Some(version)) => Ok(Seen::Acknowledged { version }),
            _ => Err(format!("POST: {} {}", response.status, response.text())),
        }
    }

    fn purge(&mut self) -> Seen {
        let Some(version) = self.truth.write_past_envoy() else { return Seen::Refused };
        let token = format!("Bearer {TOKEN}");
        let headers = [("host", HOST), ("authorization", &token)];
        let answer = self.companion.post("/v1/invalidations", &headers, r#"{"tags": ["items"]}"#);
        let is_acknowledged = answer.is_ok_and(|answer| answer.status == 200);
        if is_acknowledged { Seen::Acknowledged { version } } else { Seen::Refused }
    }
}
