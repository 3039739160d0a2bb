//! Being the one who looks up and fetches, while others wait.

use crate::flights::Landed;
use crate::plugin::ResponseCache;
use slipstream_host::now_ms;
use std::rc::Rc;

/// The leadership of a lookup and a fetch that others may be waiting for: in this worker, and under a lease of the
/// companion's in all. Whatever becomes of the request, they are told.
pub(super) struct Lead {
    plugin: Rc<ResponseCache>,
    key: String,
    lease: Option<String>,
    how: Landed,
}

/// How long the companion has nobody wait for a key whose answers are not stored, in milliseconds.
const PASS_MS: u64 = 10_000;

impl Lead {
    pub(super) fn new(plugin: Rc<ResponseCache>, key: String) -> Lead {
        Lead { plugin, key, lease: None, how: Landed::Lost }
    }

    /// Leads the other workers and proxies too.
    pub(super) fn under(mut self, lease: String) -> Lead {
        self.lease = Some(lease);
        self
    }

    /// The key that others wait for.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Has what is stored next end the lease.
    pub(super) fn take_lease(&mut self) -> Option<String> {
        self.lease.take()
    }

    /// Tells the others in this worker how it has ended.
    pub(super) fn land(mut self, how: Landed) {
        self.how = how;
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.plugin.flights.borrow_mut().land(&self.key, &self.how, now_ms());
        if let Some(lease) = &self.lease {
            let pass_ms = matches!(self.how, Landed::NotStorable).then_some(PASS_MS);
            self.plugin.companion.borrow().release(&self.key, lease, pass_ms);
        }
    }
}
