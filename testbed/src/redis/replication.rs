//! Whether replicas get what their masters are told.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Redis;
use crate::wait_until;

const PATIENCE: Duration = Duration::from_secs(20);
/// Among so many keys are some of each master's slots.
const PROBES: u32 = 1_000;

/// Waits until what these masters are told arrives at these replicas, which have nothing yet.
///
/// That a replica's link is up does not say so: a master that learns of the first copy's arrival before its child has
/// ended sends nothing more until it is told again, a second later. A replica that took over before would be empty.
pub(super) fn wait_until_replicated(masters: &[Redis], replicas: &[Redis]) -> Result<()> {
    let have = |size: &str| {
        let has = |replica: &Redis| replica.cli(&["DBSIZE"]).is_ok_and(|now| now == size);
        wait_until(PATIENCE, || replicas.iter().all(has))
    };
    let probes = masters.iter().map(probe).collect::<Result<Vec<_>>>()?;
    ensure!(have("1"), "what is written does not arrive at the replicas");
    for (master, probe) in masters.iter().zip(probes) {
        master.cli(&["DEL", &probe])?;
    }
    ensure!(have("0"), "what is deleted stays at the replicas");
    Ok(())
}

/// Writes a key that this master takes, and tells which.
fn probe(master: &Redis) -> Result<String> {
    let mut keys = (0..PROBES).map(|number| format!("probe:{number}"));
    let taken = keys.find(|key| master.cli(&["SET", key, ""]).is_ok());
    taken.with_context(|| format!("the Redis at {} takes no key", master.port()))
}
