//! Looking at what is stored.

use std::time::Duration;

use cache_protocol::{EntryState, ListedEntry, View};
use invalidation::{InvalidationSet, Position, Record, Target, Verdict, primary_key};

use crate::clock;
use crate::invalidation_log::InvalidationLog;

/// How long a page may take to be found; what there is by then is the page.
pub(super) const LISTING: Duration = Duration::from_millis(500);

/// Which entries to list: those that a purge of this target would hit.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(super) target: Target,
    matching: InvalidationSet,
}

/// Some of the entries that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The entries.
    pub(crate) entries: Vec<ListedEntry>,
    /// Where the next page starts; none after the last.
    pub(crate) cursor: Option<String>,
    /// More may be stored than the pages tell.
    pub(crate) leaves_out: bool,
}

const BEFORE: Position = Position { epoch: 0, seq: 0 };

impl Selection {
    /// What a purge of `target` would hit.
    pub(crate) fn new(target: Target) -> Self {
        let mut matching = InvalidationSet::new(BEFORE, 1);
        // The first record, so there is no gap.
        let _ = matching.apply(Record { seq: 1, target: target.clone(), soft: true });
        Self { target, matching }
    }

    /// Whether an entry under this key with these tags is among them.
    pub(super) fn holds<T: AsRef<str>>(&self, full_key: &str, tags: &[T]) -> bool {
        self.matching.judge(full_key, tags, BEFORE) != Verdict::Valid
    }
}

/// The entry of `envelope_bytes` that starts like this, as it is shown now.
pub(super) fn listed(
    view: &View<'_>,
    start_bytes: usize,
    envelope_bytes: usize,
    log: &InvalidationLog,
) -> ListedEntry {
    let age_ms = view.initial_age_ms.saturating_add(clock::now_ms().saturating_sub(view.response_time_ms));
    let left_ms = i128::from(view.freshness_lifetime_ms) - i128::from(age_ms);
    let (verdict, _) = log.judge(view.key, &view.tags, view.position);
    let state = match verdict {
        Verdict::Valid if left_ms > 0 => EntryState::Fresh,
        Verdict::Valid | Verdict::Stale => EntryState::Stale,
        Verdict::Invalid | Verdict::Unknown => EntryState::Invalidated,
    };
    let content_type = view.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"content-type"));
    let key = primary_key(view.key);
    ListedEntry {
        key: key.to_owned(),
        variant: view.key.get(key.len()..).unwrap_or_default().trim_start_matches('#').to_owned(),
        status: view.status,
        age_seconds: age_ms / 1_000,
        ttl_seconds: i64::try_from(left_ms.div_euclid(1_000)).unwrap_or(i64::MAX),
        tags: view.tags.iter().map(|tag| (*tag).to_owned()).collect(),
        content_type: content_type.map(|(_, value)| String::from_utf8_lossy(value).into_owned()),
        body_bytes: as_u64(envelope_bytes.saturating_sub(start_bytes) + view.body.len()),
        envelope_bytes: as_u64(envelope_bytes),
        position: view.position,
        state,
    }
}

fn as_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
