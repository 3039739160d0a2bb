//! Purges the responses that were built from rows that changed.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

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

/// The tags that wait to be purged. A tag is purged once for all changes that came while the last purge was under way.
#[derive(Debug, Default)]
pub(super) struct TagPurger {
    waiting: Mutex<BTreeSet<String>>,
    wake: Notify,
}

impl TagPurger {
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
        loop {
            let tags = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if tags.is_empty() {
                self.wake.notified().await;
                continue;
            }
            let targets = tags.iter().cloned().map(Target::Tag).collect();
            match record_and_wait(service, Purge { targets, soft: false }).await {
                Ok(_) => metrics.purged(tags.len()),
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
