//! The label sets that all VMs of a filter in this process have made.

use std::collections::{HashMap, HashSet};

use metric_model::Registry;
use xxhash_rust::xxh3::xxh3_64;

use crate::abi::{self, CAS_MISMATCH};

/// A registry in Envoy's shared data: a list of hashes for each group. What is in it stays, as Envoy's metrics do.
///
/// While Envoy refuses the calls, each VM has the cap for itself.
#[derive(Debug, Default)]
pub struct SharedLabelSets {
    /// What is known of each group's list.
    known: HashMap<usize, HashSet<u64>>,
}

/// How often a list is read anew because another VM has written to it meanwhile.
const ATTEMPTS: usize = 8;

impl Registry for SharedLabelSets {
    fn admit(&mut self, group: usize, key: &[u8], max: usize) -> bool {
        let hash = xxh3_64(key);
        let known = self.known.entry(group).or_default();
        if known.contains(&hash) {
            return true;
        }
        // Lists do not shrink, so nobody need be asked: what exceeds the cap costs no call.
        if known.len() >= max {
            return false;
        }
        for _ in 0..ATTEMPTS {
            match enlist(group, hash, max, known) {
                Ok(admitted) => return admitted,
                Err(refused) if refused.status == CAS_MISMATCH => {}
                Err(_) => break,
            }
        }
        known.insert(hash);
        true
    }
}

fn enlist(group: usize, hash: u64, max: usize, known: &mut HashSet<u64>) -> Result<bool, crate::HostError> {
    let name = format!("slipstream.label-sets.{group}");
    let shared = abi::shared_data(&name)?.unwrap_or_default();
    // What this VM has made is put back should two lists have been begun at the same time.
    known.extend(
        shared.bytes.chunks_exact(8).filter_map(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?))),
    );
    if known.contains(&hash) {
        return Ok(true);
    }
    if known.len() >= max {
        return Ok(false);
    }
    let all: Vec<u8> = known.iter().chain([&hash]).flat_map(|hash| hash.to_le_bytes()).collect();
    abi::set_shared_data(&name, &all, shared.version)?;
    known.insert(hash);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double::{Host, with};

    #[test]
    fn the_cap_is_one_for_all() {
        with(|host| *host = Host::default());
        let mut workers = [SharedLabelSets::default(), SharedLabelSets::default()];
        let mut admit = |worker: usize, key: &[u8]| workers[worker].admit(1, key, 3);
        assert!(admit(0, b"a") && admit(1, b"b") && admit(0, b"c"));
        for key in [b"d", b"e"] {
            assert!(!admit(0, key) && !admit(1, key));
        }
        for key in [b"a", b"b", b"c"] {
            assert!(admit(0, key) && admit(1, key), "{key:?}");
        }
        assert!(workers[0].admit(2, b"d", 3), "each group has its own");
    }

    #[test]
    fn without_the_host_each_has_its_own() {
        for call in ["get_shared_data", "set_shared_data"] {
            with(|host| *host = Host::default());
            with(|host| host.failing.insert(call));
            let mut worker = SharedLabelSets::default();
            assert!(
                worker.admit(1, b"a", 2) && worker.admit(1, b"b", 2) && !worker.admit(1, b"c", 2),
                "{call}"
            );
        }
    }
}
