//! A number that goes up and down, summed over all VMs of a filter.
//!
//! Each VM adds its own changes to Envoy's gauge. What a VM has added is also in a list in Envoy's shared data: if it dies,
//! one of the others finds that it has not been heard of, and takes its share off again.

use crate::abi::{self, CAS_MISMATCH, MetricKind};
use crate::{HostError, monotonic_ns, random};

/// How long a VM may be silent before it counts as dead. One that was only slow finds its share gone, and adds it anew.
const SILENCE_NS: u64 = 10_000_000_000;
/// How often a VM is heard of if nothing changes.
const SIGN_OF_LIFE_NS: u64 = 3_000_000_000;
/// How often the list is read anew because another VM has written to it meanwhile.
const ATTEMPTS: usize = 8;

/// A number that goes up and down. Envoy shows the sum of what all VMs hold, those that died within the last ten seconds
/// included.
#[derive(Debug)]
pub struct Gauge {
    name: String,
    metric: Option<u32>,
    /// Which entry of the list is ours.
    id: u64,
    handed_over: i64,
    heard_at_ns: Option<u64>,
    /// What the list says and Envoy has refused to add.
    owed: i64,
}

/// What a VM has added to the gauge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    id: u64,
    amount: i64,
    heard_at_ns: u64,
}

impl Gauge {
    /// A gauge at 0. `name` is the whole name; labels come first, see [`metric_model::encode_label`].
    pub fn new(name: impl Into<String>) -> Gauge {
        Gauge {
            name: name.into(),
            metric: None,
            id: random::number(),
            handed_over: 0,
            heard_at_ns: None,
            owed: 0,
        }
    }

    /// Sets what this VM holds; to be called on each tick, for it is also the sign that this VM lives. After an error Envoy
    /// shows the value from before, and the next call makes up for it.
    pub fn set(&mut self, value: u64) -> Result<(), HostError> {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        let now_ns = monotonic_ns();
        let is_heard_of = self.heard_at_ns.is_some_and(|at| now_ns.saturating_sub(at) < SIGN_OF_LIFE_NS);
        if value != self.handed_over || !is_heard_of {
            self.enlist(value, now_ns)?;
        }
        self.settle()
    }

    /// Writes our share into the list, and takes out those of the dead.
    fn enlist(&mut self, value: i64, now_ns: u64) -> Result<(), HostError> {
        let key = format!("slipstream.gauge.{}", self.name);
        let mut attempts = 0;
        loop {
            let shared = abi::shared_data(&key)?.unwrap_or_default();
            let mut shares = decode(&shared.bytes);
            let is_listed = shares.iter().any(|share| share.id == self.id);
            let was_silent = self.heard_at_ns.is_none_or(|at| now_ns.saturating_sub(at) >= SILENCE_NS);
            // An entry that went sooner was lost when two VMs began the list at the same time: nobody took it off.
            let before = if is_listed || !was_silent { self.handed_over } else { 0 };
            let mut change = value.saturating_sub(before);
            shares.retain(|share| {
                let is_dead = now_ns.saturating_sub(share.heard_at_ns) >= SILENCE_NS;
                if share.id != self.id && is_dead {
                    change = change.saturating_sub(share.amount);
                }
                share.id != self.id && !is_dead
            });
            shares.push(Share { id: self.id, amount: value, heard_at_ns: now_ns });
            match abi::set_shared_data(&key, &encode(&shares), shared.version) {
                Ok(()) => {
                    self.owed = self.owed.saturating_add(change);
                    (self.handed_over, self.heard_at_ns) = (value, Some(now_ns));
                    return Ok(());
                }
                Err(refused) if refused.status == CAS_MISMATCH && attempts < ATTEMPTS => attempts += 1,
                Err(refused) => return Err(refused),
            }
        }
    }

    fn settle(&mut self) -> Result<(), HostError> {
        let metric = match self.metric {
            Some(metric) => metric,
            None => *self.metric.insert(abi::define_metric(MetricKind::Gauge, &self.name)?),
        };
        if self.owed != 0 {
            abi::increment_metric(metric, self.owed)?;
            self.owed = 0;
        }
        Ok(())
    }
}

impl Drop for Gauge {
    /// A VM that is gone holds nothing.
    fn drop(&mut self) {
        let _ = self.set(0);
    }
}

const SHARE_BYTES: usize = 24;

fn decode(bytes: &[u8]) -> Vec<Share> {
    let shares = bytes.chunks_exact(SHARE_BYTES).filter_map(|bytes| {
        let (id, rest) = bytes.split_first_chunk()?;
        let (amount, heard_at_ns) = rest.split_first_chunk()?;
        Some(Share {
            id: u64::from_le_bytes(*id),
            amount: i64::from_le_bytes(*amount),
            heard_at_ns: u64::from_le_bytes(heard_at_ns.try_into().ok()?),
        })
    });
    shares.collect()
}

fn encode(shares: &[Share]) -> Vec<u8> {
    let bytes =
        |share: &Share| [share.id.to_le_bytes(), share.amount.to_le_bytes(), share.heard_at_ns.to_le_bytes()];
    shares.iter().flat_map(bytes).flatten().collect()
}

#[cfg(test)]
#[path = "gauge_tests.rs"]
mod tests;
