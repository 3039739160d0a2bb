//! The load driver: clients that ask as fast as they are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::connection::{Connection, Reply};
use super::measure::{Phase, Sample};
use super::mix::{self, Call, Endpoint};

/// Whom to ask, and how often.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The phase's name.
    pub name: &'static str,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// How many requests in all.
    pub requests: usize,
    /// After how many requests the mix begins again.
    pub round: usize,
    /// How many clients.
    pub clients: u32,
}

/// Sends the mix and measures it. Each write is read back at once, over another connection; a list without it fails.
pub async fn run(target: Target, items: u32) -> Result<Phase> {
    let next = Arc::new(AtomicUsize::new(0));
    let progress = tokio::spawn(show_progress(target, Arc::clone(&next)));
    let start = Instant::now();
    let clients: Vec<_> =
        (0..target.clients).map(|_| tokio::spawn(client(target, items, Arc::clone(&next)))).collect();
    let mut samples = Vec::with_capacity(target.requests);
    let mut failure = None;
    for client in clients {
        let (own, first) = client.await.context("a client of the load driver gave up")?;
        samples.extend(own);
        failure = failure.or(first);
    }
    let duration = start.elapsed();
    progress.abort();
    clear_line();
    let rate = samples.len() as f64 / duration.as_secs_f64();
    super::say(&format!("{}: {} requests, {rate:.0} a second", target.name, samples.len()));
    Ok(Phase::new(target.name, duration, samples, failure))
}

async fn client(target: Target, items: u32, next: Arc<AtomicUsize>) -> (Vec<Sample>, Option<String>) {
    let mut connection = Connection::new(target.port);
    let mut samples = Vec::new();
    let mut failure = None;
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= target.requests {
            return (samples, failure);
        }
        let call = mix::call(index % target.round, items);
        let start = Instant::now();
        let reply = connection.exchange(&call).await;
        let latency = start.elapsed();
        let verdict = match &reply {
            Ok(reply) => judge(&call, reply, target.port).await,
            Err(error) => Err(anyhow::anyhow!("{error:#}")),
        };
        if let Err(error) = &verdict {
            failure.get_or_insert_with(|| format!("{} in {}: {error:#}", call.target, target.name));
        }
        samples.push(sample(&call, latency, reply.ok(), verdict.is_ok()));
    }
}

fn sample(call: &Call, latency: Duration, reply: Option<Reply>, good: bool) -> Sample {
    let header = |name: &str| reply.as_ref().and_then(|reply| reply.headers.get(name)?.to_str().ok());
    let body_bytes = reply.as_ref().map_or(0, |reply| reply.body.len() as u64);
    Sample {
        endpoint: call.endpoint,
        latency,
        wire_bytes: reply.as_ref().map_or(0, |reply| reply.wire_bytes),
        body_bytes,
        plain_bytes: header("x-original-size").and_then(|size| size.parse().ok()).unwrap_or(body_bytes),
        hit: header("x-cache") == Some("HIT"),
        good,
    }
}

async fn judge(call: &Call, reply: &Reply, port: u16) -> Result<()> {
    let expected = if call.endpoint == Endpoint::Create { 201 } else { 200 };
    ensure!(reply.status == expected, "status {} instead of {expected}", reply.status);
    ensure!(!reply.body.is_empty(), "an empty body");
    if call.endpoint == Endpoint::Create {
        let made: Value = serde_json::from_slice(&reply.body).context("the new item is not JSON")?;
        read_back(&made, port).await?;
    }
    Ok(())
}

/// Reads the newest items over a new connection, which may be another worker's, and expects the new item among them.
async fn read_back(made: &Value, port: u16) -> Result<()> {
    let target = "/api/items?page_size=20".to_owned();
    let call = Call { endpoint: Endpoint::List, target: target.clone(), body: None };
    let reply = Connection::new(port).exchange(&call).await?;
    let list = testbed::Response { status: reply.status, headers: reply.headers, body: reply.body.to_vec() };
    let list: Value = serde_json::from_slice(&list.decoded()?)?;
    let listed =
        list["items"].as_array().is_some_and(|items| items.iter().any(|item| item["id"] == made["id"]));
    ensure!(listed, "STALE: {target} lacks item {} just after it was made", made["id"]);
    Ok(())
}

async fn show_progress(target: Target, next: Arc<AtomicUsize>) {
    use std::io::IsTerminal;
    let terminal = std::io::stderr().is_terminal();
    let mut ticks = tokio::time::interval(Duration::from_secs(if terminal { 1 } else { 10 }));
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let done = next.load(Ordering::Relaxed).min(target.requests);
        let line = format!("demo: {}: {done} of {} requests", target.name, target.requests);
        if terminal { eprint!("\r{line}") } else { eprintln!("{line}") }
    }
}

fn clear_line() {
    use std::io::IsTerminal;
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}
