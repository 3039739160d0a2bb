//! The first level: responses in the VM's own memory.

use crate::stored::Stored;
use quick_cache::Weighter;
use quick_cache::unsync::{Cache, DefaultLifecycle};
use std::hash::RandomState;
use std::rc::Rc;

/// Responses by full key, bounded in bytes. What is used once does not push out what is used often.
///
/// Keys are hashed with the host's randomness: clients choose them, and many that collide would make each search a long
/// one. Seeds made of addresses are no secret in WebAssembly.
pub struct L1(Option<Cache<String, Rc<Stored>, ByBytes, RandomState>>);

#[derive(Clone)]
struct ByBytes;

impl Weighter<String, Rc<Stored>> for ByBytes {
    fn weight(&self, _: &String, stored: &Rc<Stored>) -> u64 {
        stored.weight()
    }
}

/// What the tables are laid out for; they grow past it.
const EXPECTED_ENTRY_BYTES: u64 = 8 << 10;

impl L1 {
    /// A cache of `max_bytes`; none at 0.
    pub fn new(max_bytes: u64) -> L1 {
        let expected = (max_bytes / EXPECTED_ENTRY_BYTES).max(16) as usize;
        let cache =
            || Cache::with(expected, max_bytes, ByBytes, RandomState::new(), DefaultLifecycle::default());
        L1((max_bytes > 0).then(cache))
    }

    /// Whether it stores anything at all.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// What is stored under a full key.
    pub fn find(&self, key: &str) -> Option<Rc<Stored>> {
        self.0.as_ref()?.get(key).cloned()
    }

    /// Stores a response under its key.
    pub fn insert(&mut self, stored: Rc<Stored>) {
        if let Some(cache) = &mut self.0 {
            cache.insert(stored.entry.key.clone(), stored);
        }
    }

    /// Drops what is stored under a full key.
    pub fn remove(&mut self, key: &str) {
        if let Some(cache) = &mut self.0 {
            cache.remove(key);
        }
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        if let Some(cache) = &mut self.0 {
            cache.clear();
        }
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, Cache::weight)
    }

    /// Responses it holds.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, Cache::len)
    }
}

#[cfg(test)]
mod hit_ratio;

#[cfg(test)]
mod tests {
    use super::*;
    use cache_protocol::Entry;
    use invalidation::Position;

    pub(super) fn stored(key: String, bytes: usize) -> Rc<Stored> {
        Rc::new(Stored::new(Entry {
            key,
            position: Position { epoch: 1, seq: 0 },
            response_time_ms: 0,
            initial_age_ms: 0,
            freshness_lifetime_ms: 1_000,
            status: 200,
            tags: vec!["tag".into()],
            headers: vec![(b"content-type".to_vec(), b"application/json".to_vec())],
            body: vec![b'x'; bytes],
        }))
    }

    #[test]
    fn the_budget_holds_whatever_comes() {
        let mut l1 = L1::new(1 << 20);
        for n in 0..10_000 {
            l1.insert(stored(format!("GET h/{n}#identity"), (n * 37) % 50_000));
            assert!(l1.bytes() <= 1 << 20, "{} bytes after {n}", l1.bytes());
        }
        assert!(l1.len() > 10);
    }

    #[test]
    fn a_scan_of_responses_used_once_leaves_the_hot_ones() {
        let mut l1 = L1::new(1 << 20);
        let hot: Vec<String> = (0..20).map(|n| format!("GET h/hot/{n}#gzip")).collect();
        for key in &hot {
            l1.insert(stored(key.clone(), 10_000));
        }
        for _ in 0..5 {
            assert!(hot.iter().all(|key| l1.find(key).is_some()));
        }
        for n in 0..5_000 {
            l1.insert(stored(format!("GET h/scan/{n}#gzip"), 10_000));
        }
        let left = hot.iter().filter(|key| l1.find(key).is_some()).count();
        assert!(left >= 18, "{left} of 20 left");
    }

    #[test]
    fn no_budget_stores_nothing() {
        let mut l1 = L1::new(0);
        l1.insert(stored("GET h/#gzip".into(), 1));
        assert!(l1.find("GET h/#gzip").is_none());
        assert_eq!((l1.bytes(), l1.len()), (0, 0));
    }
}
