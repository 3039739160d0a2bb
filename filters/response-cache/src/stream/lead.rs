//! Being the one who looks up and fetches, while others wait.

use crate::flights::Landed;
use crate::lookup::Fetching;
use crate::plugin::ResponseCache;
use slipstream_host::{Moment, random};
use std::rc::Rc;

/// The leadership of a lookup and a fetch that others may be waiting for: in this worker, and under a lease of the
/// companion's in all. Whatever becomes of the request, they are told.
pub(super) struct Lead {
    plugin: Rc<ResponseCache>,
    key: String,
    lease: String,
    /// Whether the lease is held here, as far as is known.
    is_held: bool,
    how: Landed,
}

/// How long the companion has nobody wait for a key whose answers are not stored, in milliseconds.
const PASS_MS: u64 = 10_000;

impl Lead {
    /// Leads this worker.
    pub(super) fn new(plugin: Rc<ResponseCache>, key: String) -> Lead {
        let lease = format!("{:016x}", random::number());
        Lead { plugin, key, lease, is_held: false, how: Landed::Lost }
    }

    /// Leads the other workers and proxies too, under a lease that is held already.
    pub(super) fn under(plugin: Rc<ResponseCache>, key: String, lease: String) -> Lead {
        Lead { plugin, key, lease, is_held: true, how: Landed::Lost }
    }

    /// The key that others wait for.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The lease that a lookup asks for.
    pub(super) fn lease(&self) -> &str {
        &self.lease
    }

    /// The companion has been asked for the lease. Until it says otherwise, it may have given it: if its answer is lost, or
    /// the client goes before it comes, others wait.
    pub(super) fn asked(&mut self) {
        self.is_held = true;
    }

    /// The companion has answered.
    pub(super) fn answered(&mut self, fetching: Fetching) {
        self.is_held = fetching == Fetching::Lead;
    }

    /// Has something else end the lease, if it is held.
    pub(super) fn take_lease(&mut self) -> Option<String> {
        std::mem::take(&mut self.is_held).then(|| self.lease.clone())
    }

    /// Tells the others in this worker how it has ended.
    pub(super) fn land(mut self, how: Landed) {
        self.how = how;
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.plugin.flights.borrow_mut().land(&self.key, &self.how, Moment::now().ms());
        if let Some(lease) = self.take_lease() {
            let pass_ms = matches!(self.how, Landed::NotStorable).then_some(PASS_MS);
            self.plugin.release(&self.key, lease, pass_ms);
        }
    }
}
