//! Leases in Redis, shared by companions.

use std::time::Duration;

use super::super::{Bid, Claim, LeaseId, LeaseState, Unavailable};
use super::{RedisStore, milliseconds};

/// How often whoever waits looks whether a lease has changed.
pub(crate) const LEASE_POLL: Duration = Duration::from_millis(10);

impl RedisStore {
    pub(in super::super) async fn claim(&self, key: &str, bid: Bid) -> Result<Claim, Unavailable> {
        let link = self.link()?;
        let name = self.keys.lease(key);
        let mut call = self.scripts.claim.key(&name);
        call.arg(bid.lease.to_string()).arg(milliseconds(bid.duration));
        let holder: String = self.run_at(&link, &name, &call).await?;
        Ok(match state(Some(&holder)) {
            LeaseState::Held(holder) if holder == bid.lease => Claim::Lead(holder),
            LeaseState::Pass => Claim::Pass,
            LeaseState::Held(_) | LeaseState::Free => Claim::Wait,
        })
    }

    pub(in super::super) async fn release(
        &self,
        key: &str,
        lease: LeaseId,
        pass: Option<Duration>,
    ) -> Result<(), Unavailable> {
        let link = self.link()?;
        let name = self.keys.lease(key);
        let mut call = self.scripts.release.key(&name);
        call.arg(lease.to_string()).arg(pass.map_or(0, milliseconds));
        self.run_at(&link, &name, &call).await
    }

    pub(in super::super) async fn lease(&self, key: &str) -> Result<LeaseState, Unavailable> {
        let link = self.link()?;
        let name = self.keys.lease(key);
        let holder: Option<String> = self.run_at(&link, &name, &redis::Cmd::get(&name)).await?;
        Ok(state(holder.as_deref()))
    }
}

/// What a lease's value says. What is neither a holding nor nothing keeps others from taking it.
fn state(value: Option<&str>) -> LeaseState {
    match value {
        None => LeaseState::Free,
        Some(value) => LeaseId::read(value).map_or(LeaseState::Pass, LeaseState::Held),
    }
}
