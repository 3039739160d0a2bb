//! The store in the companion's own memory.

mod index;
mod leases;
mod survey;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cache_protocol::View;
use invalidation::{Position, Verdict};
use moka::Expiry;
use moka::sync::Cache;

use super::listing::{Page, Selection, listed};
use super::reach::{Met, Reach};
use super::{Found, Lookup, NewEntry, NotFound, Purge, Stored, Unavailable, Usage};
use crate::config::Config;
use crate::invalidation_log::InvalidationLog;
use crate::random;
use index::Index;
use leases::LocalLeases;

/// What an entry takes beside its key, tags and envelope: the cache's own bookkeeping, roughly.
const ENTRY_BYTES: usize = 256;

/// Entries and log in this process's memory, bounded in bytes. Both are gone when the process ends; the next one
/// begins a new epoch.
#[derive(Debug)]
pub(crate) struct EmbeddedStore {
    entries: Cache<Arc<str>, Arc<Kept>>,
    index: Arc<Index>,
    log: InvalidationLog,
    leases: LocalLeases,
}

/// A stored entry; what judges it was read from the envelope when it was stored.
#[derive(Debug)]
struct Kept {
    position: Position,
    tags: Box<[Box<str>]>,
    ttl: Duration,
    fresh_until_ms: u64,
    checksum: u64,
    envelope: Bytes,
}

impl EmbeddedStore {
    /// An empty store in a new epoch.
    pub(super) fn new(config: &Config) -> Self {
        let start = Position { epoch: random::number(), seq: 0 };
        let index = Arc::new(Index::default());
        let indexed = Arc::clone(&index);
        Self {
            index,
            entries: Cache::builder()
                .max_capacity(config.embedded.max_bytes)
                .weigher(|key: &Arc<str>, kept: &Arc<Kept>| kept.weight(key))
                .expire_after(EachItsOwn)
                .eviction_listener(move |key, kept, _| indexed.remove(&key, &kept.tags))
                .build(),
            log: InvalidationLog::new(start, config.invalidation.capacity),
            leases: LocalLeases::default(),
        }
    }

    pub(super) fn log(&self) -> &InvalidationLog {
        &self.log
    }

    pub(super) fn leases(&self) -> &LocalLeases {
        &self.leases
    }

    pub(super) fn lookup(&self, key: &str) -> Lookup {
        let Some(kept) = self.entries.get(key) else {
            return Lookup { position: self.log.position(), found: Err(NotFound::Absent) };
        };
        let (verdict, position) = self.log.judge(key, &kept.tags, kept.position);
        if matches!(verdict, Verdict::Valid | Verdict::Stale) {
            let found = Found {
                is_stale: verdict == Verdict::Stale,
                fresh_until_ms: kept.fresh_until_ms,
                checksum: kept.checksum,
                envelope: kept.envelope.clone(),
            };
            return Lookup { position, found: Ok(found) };
        }
        self.entries.invalidate(key);
        Lookup { position, found: Err(NotFound::Invalidated) }
    }

    pub(super) fn store(&self, entry: NewEntry<'_>) -> Stored {
        let NewEntry { summary, ttl, envelope } = entry;
        // An invalidation that comes between this and the insertion finds the entry by its position at each lookup.
        match self.log.judge(summary.key, &summary.tags, summary.position).0 {
            Verdict::Valid => {}
            Verdict::Invalid | Verdict::Stale => {
                return Stored::Refused("an invalidation came in between, or another epoch began");
            }
            Verdict::Unknown => return Stored::Refused("its position lies ahead of the log"),
        }
        let kept = Kept {
            position: summary.position,
            tags: summary.tags.into_iter().map(Box::from).collect(),
            ttl,
            fresh_until_ms: summary.fresh_until_ms,
            checksum: summary.checksum,
            envelope,
        };
        self.insert(summary.key.into(), Arc::new(kept));
        // Without this the cache would evict in batches of insertions, each of which may be large.
        self.entries.run_pending_tasks();
        Stored::Yes
    }

    /// Puts an entry in, which takes out of the index what it replaces.
    fn insert(&self, key: Arc<str>, kept: Arc<Kept>) {
        self.entries.insert(Arc::clone(&key), Arc::clone(&kept));
        self.index.add(&key, &kept.tags);
        // It may have been evicted before the index knew it.
        if !self.entries.contains_key(&key) {
            self.index.remove(&key, &kept.tags);
        }
    }

    pub(super) fn invalidate(&self, purge: &Purge) -> Result<Position, Unavailable> {
        self.log.append(purge).map_err(|gap| Unavailable { reason: gap.to_string() })
    }

    /// Counts what a purge hit that was recorded up to `recorded`, and removes it if it was a hard one.
    pub(super) async fn count_met(&self, purge: &Purge, recorded: Position) -> Met {
        let reach = Reach::new(purge, recorded);
        let (entries, soft) = (self.entries.clone(), purge.soft);
        let named = self.index.find(&purge.targets);
        let counting = tokio::task::spawn_blocking(move || survey::count_met(&entries, named, &reach, soft));
        counting.await.unwrap_or(Met { entries: 0, at_least: true })
    }

    /// At most `limit` entries of a selection by their keys, from those after `cursor` on.
    pub(super) async fn list(
        &self,
        selection: Selection,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<Page, Unavailable> {
        let entries = self.entries.clone();
        let finding = tokio::task::spawn_blocking(move || {
            survey::first_after(&entries, &selection, limit, cursor.as_deref())
        });
        let (found, is_last) = finding.await.map_err(|error| Unavailable { reason: error.to_string() })?;
        let cursor = found.last_key_value().map(|(key, _)| key.to_string()).filter(|_| !is_last);
        let entries = found
            .values()
            .filter_map(|kept| {
                let view = View::decode(&kept.envelope).ok()?;
                Some(listed(&view, kept.envelope.len(), kept.envelope.len(), &self.log))
            })
            .collect();
        Ok(Page { entries, cursor, leaves_out: false })
    }

    pub(super) fn usage(&self) -> Usage {
        self.entries.run_pending_tasks();
        Usage { entries: self.entries.entry_count(), bytes: self.entries.weighted_size() }
    }
}

impl Kept {
    fn weight(&self, key: &str) -> u32 {
        let tags: usize = self.tags.iter().map(|tag| tag.len() + size_of::<Box<str>>() + Index::BYTES).sum();
        u32::try_from(ENTRY_BYTES + Index::BYTES + key.len() + tags + self.envelope.len()).unwrap_or(u32::MAX)
    }
}

/// Every entry lives as long as was asked for it, counted from its latest store.
struct EachItsOwn;

impl Expiry<Arc<str>, Arc<Kept>> for EachItsOwn {
    fn expire_after_create(&self, _: &Arc<str>, kept: &Arc<Kept>, _: Instant) -> Option<Duration> {
        Some(kept.ttl)
    }

    fn expire_after_update(
        &self,
        _: &Arc<str>,
        kept: &Arc<Kept>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.ttl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cache_protocol::Summary;
    use invalidation::Target;

    fn store(store: &EmbeddedStore, key: &str, bytes: usize, ttl: Duration) -> Stored {
        let summary =
            Summary { key, position: store.log.position(), tags: vec!["t"], fresh_until_ms: 0, checksum: 0 };
        store.store(NewEntry { summary, ttl, envelope: Bytes::from(vec![0; bytes]) })
    }

    #[test]
    fn memory_stays_within_its_bound() {
        let mut config = Config::default();
        config.embedded.max_bytes = 100_000;
        let small = EmbeddedStore::new(&config);
        for number in 0..500 {
            let stored = store(&small, &format!("GET a/{number}#gzip"), 900, Duration::from_secs(60));
            assert_eq!(stored, Stored::Yes);
            assert!(small.entries.weighted_size() <= 100_000);
        }
        let usage = small.usage();
        assert!(usage.entries > 50 && usage.bytes > 60_000, "{usage:?}");
    }

    #[test]
    fn the_index_ends_with_its_entries() {
        let mut config = Config::default();
        config.embedded.max_bytes = 100_000;
        let small = EmbeddedStore::new(&config);
        for number in 0..500 {
            store(&small, &format!("GET a/{number}#gzip"), 900, Duration::from_secs(60));
        }
        // A name for each entry that is left, and one for their tag.
        assert_eq!(small.index.len() as u64, small.usage().entries + 1);
        let targets = vec![Target::Tag("t".into())];
        assert_eq!(small.index.find(&targets).unwrap().len() as u64, small.usage().entries);
        store(&small, "GET a/499#gzip", 900, Duration::from_millis(1));
        small.entries.invalidate_all();
        small.entries.run_pending_tasks();
        assert_eq!(small.index.len(), 0);
    }

    #[test]
    fn an_entry_ends_with_its_own_time() {
        let entries = EmbeddedStore::new(&Config::default());
        store(&entries, "short", 1, Duration::from_millis(300));
        store(&entries, "long", 1, Duration::from_secs(60));
        store(&entries, "renewed", 1, Duration::from_millis(300));
        store(&entries, "renewed", 1, Duration::from_secs(60));
        assert!(entries.lookup("short").found.is_ok());
        std::thread::sleep(Duration::from_millis(350));
        assert_eq!(entries.lookup("short").found, Err(NotFound::Absent));
        assert!(entries.lookup("long").found.is_ok());
        assert!(entries.lookup("renewed").found.is_ok());
    }
}
