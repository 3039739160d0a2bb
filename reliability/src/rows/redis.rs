//! What may happen to Redis.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use testbed::{Way, wait_until};

use crate::Stand;
use crate::stand::Store;

pub(crate) fn kill(stand: &mut Stand) -> Result<()> {
    stand.redis()?.process().context("Redis does not run")?.kill();
    Ok(())
}

pub(crate) fn start(stand: &mut Stand) -> Result<()> {
    stand.redis()?.start_again()
}

pub(crate) fn freeze(stand: &mut Stand) -> Result<()> {
    stand.redis()?.process().context("Redis does not run")?.pause();
    Ok(())
}

pub(crate) fn thaw(stand: &mut Stand) -> Result<()> {
    stand.redis()?.process().context("Redis does not run")?.resume();
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "a row's step")]
pub(crate) fn slow(stand: &mut Stand) -> Result<()> {
    stand.to_redis.set(Way::Late(Duration::from_millis(150)));
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "a row's step")]
pub(crate) fn quick(stand: &mut Stand) -> Result<()> {
    stand.to_redis.set(Way::Pass);
    Ok(())
}

pub(crate) fn fill(stand: &mut Stand) -> Result<()> {
    command(stand, &["CONFIG", "SET", "maxmemory", "1"])?;
    ensure!(stand.redis()?.cli(&["SET", "x", "y"]).is_err(), "a full Redis has taken a key");
    Ok(())
}

pub(crate) fn empty(stand: &mut Stand) -> Result<()> {
    command(stand, &["CONFIG", "SET", "maxmemory", "0"])
}

pub(crate) fn demote(stand: &mut Stand) -> Result<()> {
    // Nobody listens there, so it keeps what it has.
    command(stand, &["REPLICAOF", "127.0.0.1", "1"])
}

pub(crate) fn promote(stand: &mut Stand) -> Result<()> {
    command(stand, &["REPLICAOF", "NO", "ONE"])
}

pub(crate) fn flush(stand: &mut Stand) -> Result<()> {
    command(stand, &["FLUSHALL"])
}

fn command(stand: &mut Stand, command: &[&str]) -> Result<()> {
    let answer = stand.redis()?.cli(command)?;
    ensure!(answer == "OK", "{command:?}: {answer}");
    Ok(())
}

/// Returns once the replica is the master.
pub(crate) fn lose_master(stand: &mut Stand) -> Result<()> {
    let Store::Sentinels(all) = &mut stand.store else { bail!("there are no sentinels") };
    all.server(0).process().context("the master does not run")?.kill();
    let replica = all.server(1);
    let is_master = || replica.cli(&["ROLE"]).is_ok_and(|role| role.starts_with("master"));
    ensure!(wait_until(Duration::from_secs(30), is_master), "no replica was promoted within 30 s");
    Ok(())
}

pub(crate) fn lose_log_master(stand: &mut Stand) -> Result<()> {
    lose_node(stand, |owner, at| owner == at)
}

pub(crate) fn lose_other_master(stand: &mut Stand) -> Result<()> {
    lose_node(stand, |owner, at| owner != at)
}

/// Kills the first of the masters that is chosen by the log's and its own place, and returns once its replica has its keys.
fn lose_node(stand: &mut Stand, is_chosen: impl Fn(usize, usize) -> bool) -> Result<()> {
    let Store::Cluster(cluster) = &mut stand.store else { bail!("there is no cluster") };
    let owner = cluster.owner("{slipstream}")?;
    let lost = (0..3).find(|at| is_chosen(owner, *at)).context("no such master")?;
    // A key of the lost node's: its slots are a third of all.
    let key = (0..1_000).map(|number| format!("key-{number}"));
    let key = key.into_iter().find(|key| cluster.owner(key).is_ok_and(|at| at == lost));
    let key = key.context("no key is the node's")?;
    cluster.node(lost).process().context("the node does not run")?.kill();
    let taken_over = || cluster.owner(&key).is_ok_and(|now| now > 2);
    ensure!(wait_until(Duration::from_secs(30), taken_over), "no replica has taken over within 30 s");
    Ok(())
}
