//! Purges the responses that were built from rows that changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use invalidation::Target;
use tokio::sync::Notify;

use super::CaptureMetrics;
use crate::http::{Service, record_and_wait};
use crate::store::Purge;

/// How long after a purge that failed the next one is tried.
const RETRY: Duration = Duration::from_millis(100);

/// One table, and the tag of the responses that are built from its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapping {
    table: String,
    tag: String,
}

impl Mapping {
    /// Reads `TABLE=TAG`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (table, tag) = text.split_once('=')?;
        let (table, tag) = (table.trim(), tag.trim());
        (!table.is_empty() && !tag.is_empty()).then(|| Self { table: table.to_owned(), tag: tag.to_owned() })
    }

    /// The tag.
    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    /// Whether a table of this schema and name is meant.
    pub(super) fn is_of(&self, schema: &str, name: &str) -> bool {
        is_named(&self.table, schema, name)
    }
}

/// Whether `NAME`, `SCHEMA.NAME` or `SCHEMA.*` means a table.
pub(super) fn is_named(pattern: &str, schema: &str, name: &str) -> bool {
    match pattern.split_once('.') {
        Some((own, "*")) => own == schema,
        Some((own, table)) => own == schema && table == name,
        None => pattern == name,
    }
}

/// The tags that wait to be purged. A tag is purged once for all changes that came while the last purge was under way, and
/// once more a while later: a service's query cache may know of a change a little later than the purge, and a response
/// that is built from it meanwhile is stored after the purge.
#[derive(Debug)]
pub(super) struct TagPurger {
    waiting: Mutex<BTreeSet<String>>,
    wake: Notify,
    /// How much later; zero: never.
    again: Duration,
}

/// The tags that are purged once more, and when.
#[derive(Debug, Default)]
struct Again(BTreeMap<String, Instant>);

impl Again {
    /// Takes out what is due.
    fn due(&mut self, now: Instant) -> BTreeSet<String> {
        let due = self.0.extract_if(.., |_, at| *at <= now);
        due.map(|(tag, _)| tag).collect()
    }

    /// When the next is due.
    fn next(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }
}

impl TagPurger {
    /// With nothing to purge, and everything once more after this time, unless it is zero.
    pub(super) fn new(again: Duration) -> Self {
        Self { waiting: Mutex::default(), wake: Notify::new(), again }
    }

    /// Purges these tags as soon as can be.
    pub(super) fn purge(&self, tags: impl IntoIterator<Item = String>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let before = waiting.len();
        waiting.extend(tags);
        if waiting.len() > before {
            self.wake.notify_one();
        }
    }

    /// Purges what comes, until it is dropped.
    pub(super) async fn run(&self, service: &Service, metrics: &CaptureMetrics) {
        let mut again = Again::default();
        loop {
            let changed = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            let mut tags = again.due(Instant::now());
            tags.extend(changed.iter().cloned());
            if tags.is_empty() {
                match again.next() {
                    // Woken or not, it is looked again.
                    Some(next) => drop(tokio::time::timeout_at(next.into(), self.wake.notified()).await),
                    None => self.wake.notified().await,
                }
                continue;
            }
            let targets = tags.iter().cloned().map(Target::Tag).collect();
            match record_and_wait(service, Purge { targets, soft: false }).await {
                Ok(_) => {
                    metrics.purged(tags.len());
                    if !self.again.is_zero() {
                        let at = Instant::now() + self.again;
                        again.0.extend(changed.into_iter().map(|tag| (tag, at)));
                    }
                }
                Err(error) => {
                    metrics.purge_failed();
                    tracing::warn!(%error, ?tags, "the responses built from changed rows are not purged yet");
                    self.purge(tags);
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_purged_once_more_is_due_when_its_time_has_come() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut again = Again::default();
        assert_eq!(again.next(), None);
        again.0.extend([("a".to_owned(), at(1)), ("b".to_owned(), at(2))]);
        // Changed again before that: the last change counts.
        again.0.insert("a".to_owned(), at(3));
        assert_eq!((again.next(), again.due(at(1))), (Some(at(2)), BTreeSet::new()));
        assert_eq!(again.due(at(2)), BTreeSet::from(["b".to_owned()]));
        assert_eq!(again.due(at(9)), BTreeSet::from(["a".to_owned()]));
        assert_eq!(again.next(), None);
    }

    #[test]
    fn tables_are_named_with_and_without_their_schema() {
        for (pattern, schema, name, is) in [
            ("items", "shop", "items", true),
            ("shop.items", "shop", "items", true),
            ("shop.*", "shop", "items", true),
            ("other.items", "shop", "items", false),
            ("item", "shop", "items", false),
            ("other.*", "shop", "items", false),
        ] {
            assert_eq!(is_named(pattern, schema, name), is, "{pattern}");
        }
        let mapping = Mapping::parse("shop.items = items").unwrap();
        assert!(mapping.is_of("shop", "items") && mapping.tag() == "items");
        for wrong in ["items", "=items", "items=", ""] {
            assert_eq!(Mapping::parse(wrong), None, "{wrong}");
        }
    }
}
