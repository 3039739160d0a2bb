//! Leases in Redis, shared by companions.

use std::time::Duration;

use super::super::{Claim, LeaseId, LeaseState, Unavailable};
use super::RedisStore;

/// How often whoever waits looks whether a lease has changed.
pub(crate) const LEASE_POLL: Duration = Duration::from_millis(10);

impl RedisStore {
    pub(in super::super) async fn claim(&self, key: &str, lease: Duration) -> Result<Claim, Unavailable> {
        let link = self.link()?;
        let id = LeaseId::fresh();
        let mut call = self.scripts.claim.prepare_invoke();
        call.key(self.keys.lease(key)).arg(id.to_string()).arg(milliseconds(lease));
        let holder: String = self.run(&link, async |connection| call.invoke_async(connection).await).await?;
        Ok(match state(Some(&holder)) {
            LeaseState::Held(holder) if holder == id => Claim::Lead(id),
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
        let mut call = self.scripts.release.prepare_invoke();
        call.key(self.keys.lease(key)).arg(lease.to_string()).arg(pass.map_or(0, milliseconds));
        self.run(&link, async |connection| call.invoke_async::<()>(connection).await).await
    }

    pub(in super::super) async fn lease(&self, key: &str) -> Result<LeaseState, Unavailable> {
        let link = self.link()?;
        let command = redis::Cmd::get(self.keys.lease(key));
        let holder: Option<String> =
            self.run(&link, async |connection| command.query_async(connection).await).await?;
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

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
