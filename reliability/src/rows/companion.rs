//! What may happen to the companion.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{Client, Request};

use crate::Stand;
use crate::stand::TOKEN;

pub(crate) fn kill(stand: &mut Stand) -> Result<()> {
    stand.companion.process().kill();
    Ok(())
}

pub(crate) fn start(stand: &mut Stand) -> Result<()> {
    stand.start_companion()
}

pub(crate) fn freeze(stand: &mut Stand) -> Result<()> {
    stand.companion.process().pause();
    Ok(())
}

pub(crate) fn thaw(stand: &mut Stand) -> Result<()> {
    stand.companion.process().resume();
    Ok(())
}

pub(crate) fn restart(stand: &mut Stand) -> Result<()> {
    stand.companion.process().stop_within(Duration::from_secs(10));
    stand.start_companion()
}

/// Lets it take no more memory, and gives it so much at a time that it needs more.
pub(crate) fn starve(stand: &mut Stand) -> Result<()> {
    limit(stand, "--as=1:")?;
    let url = stand.companion.url("/v1/responses");
    let senders = (0..8).map(|number| {
        let url = url.clone();
        thread::spawn(move || {
            let client = Client::with_timeout(Duration::from_secs(2));
            for _ in 0..4 {
                let key = format!("GET shop.example/large?{number}#identity:large");
                let request = Request::new("PUT", &url).header("slipstream-key", key);
                let request = request.header("authorization", format!("Bearer {TOKEN}"));
                let request = request.header("slipstream-ttl-ms", "60000").body(vec![number; 1_000_000]);
                // It may die of it: that is what this is for.
                let _ = client.send(request);
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        let _ = sender.join();
    }
    Ok(())
}

pub(crate) fn feed(stand: &mut Stand) -> Result<()> {
    if stand.companion.process().exit_status()?.is_some() {
        return stand.start_companion();
    }
    limit(stand, "--as=unlimited:")
}

fn limit(stand: &Stand, limit: &str) -> Result<()> {
    // With a colon, the limit may be taken back.
    let pid = stand.companion.pid().to_string();
    let status = Command::new("prlimit").args(["--pid", &pid, limit]).status();
    let status = status.context("cannot run prlimit (util-linux)")?;
    ensure!(status.success(), "prlimit {limit} failed");
    Ok(())
}
