//! What processes take, and what is counted in them.

use std::fs;

use anyhow::{Context, Result};
use testbed::{Client, Request};

use super::Level;
use crate::stand::Stand;

/// The processes that are looked at, in the order of their figures.
pub(super) const PROCESSES: [&str; 4] = ["the first Envoy", "the second Envoy", "the companion", "Redis"];

/// Bytes of memory that each process has resident.
pub(super) fn resident(stand: &mut Stand) -> Result<Vec<u64>> {
    stand.pids()?.iter().map(|pid| status(*pid, "VmRSS:").map(|kib| kib * 1024)).collect()
}

/// A number of `/proc/PID/status`.
fn status(pid: u32, field: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let value = text.lines().find_map(|line| line.strip_prefix(field));
    let number = value.and_then(|value| value.split_whitespace().next()?.parse().ok());
    number.with_context(|| format!("{path} has no {field}"))
}

/// What is counted while nobody asks for anything.
#[derive(Debug)]
pub(super) struct Counts {
    descriptors: Vec<u64>,
    threads: Vec<u64>,
    connections: u64,
    followers: u64,
    waiters: u64,
    tasks: u64,
    redis_clients: u64,
    leases: u64,
}

impl Counts {
    pub(super) fn of(stand: &mut Stand) -> Result<Counts> {
        let pids = stand.pids()?;
        let open = |pid: &u32| {
            let path = format!("/proc/{pid}/fd");
            Ok(fs::read_dir(&path).with_context(|| format!("cannot read {path}"))?.count() as u64)
        };
        let text = Client::new().send(Request::get(stand.companion.url("/metrics")))?.text();
        let metric = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            value
                .and_then(|value| value.parse().ok())
                .with_context(|| format!("the companion has no metric {name}"))
        };
        let (connections, followers) = (metric("slipstream_connections")?, metric("slipstream_followers")?);
        let (waiters, tasks) = (metric("slipstream_lease_waiters")?, metric("slipstream_tasks")?);
        let redis = stand.redis()?;
        let clients = redis.cli(&["INFO", "clients"])?;
        let clients = clients.lines().find_map(|line| line.trim().strip_prefix("connected_clients:"));
        let keys = redis.cli(&["KEYS", "slipstream:lease:*"])?;
        Ok(Counts {
            descriptors: pids.iter().map(open).collect::<Result<_>>()?,
            threads: pids.iter().map(|pid| status(*pid, "Threads:")).collect::<Result<_>>()?,
            connections,
            followers,
            waiters,
            tasks,
            redis_clients: clients.and_then(|count| count.parse().ok()).context("Redis counts no clients")?,
            leases: keys.lines().filter(|key| !key.is_empty()).count() as u64,
        })
    }

    /// Both, side by side. Envoy keeps connections to its clients and the service, of which there are as many as ever were at work
    /// at a time: of these, twice as many as clients may have come.
    pub(super) fn compare(before: &Counts, after: &Counts, clients: f64) -> Vec<Level> {
        let level = |name: String, before: u64, after: u64, more: f64| {
            let before = before as f64;
            Level { name, before, after: after as f64, bound: before + more }
        };
        let mut levels = Vec::new();
        for (at, name) in PROCESSES.iter().enumerate() {
            let both = |counts: fn(&Counts) -> &Vec<u64>| {
                [before, after].map(|side| counts(side).get(at).copied().unwrap_or(0))
            };
            let more = if at < 2 { 2.0 * clients } else { 2.0 };
            let [first, last] = both(|counts| &counts.descriptors);
            levels.push(level(format!("descriptors of {name}"), first, last, more));
            let [first, last] = both(|counts| &counts.threads);
            levels.push(level(format!("threads of {name}"), first, last, 1.0));
        }
        levels.push(level(
            "connections to the companion".to_owned(),
            before.connections,
            after.connections,
            2.0,
        ));
        levels.push(level("connections to Redis".to_owned(), before.redis_clients, after.redis_clients, 0.0));
        levels.push(level("followers of the log".to_owned(), before.followers, after.followers, 0.0));
        levels.push(level(
            "requests that wait for another's fetch".to_owned(),
            before.waiters,
            after.waiters,
            0.0,
        ));
        // Each connection is one, and its long poll may be another.
        levels.push(level(
            "tasks of the companion, timers among them".to_owned(),
            before.tasks,
            after.tasks,
            4.0,
        ));
        levels.push(level("leases in Redis".to_owned(), before.leases, after.leases, 0.0));
        levels
    }
}
