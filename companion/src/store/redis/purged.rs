//! What a purge hit in Redis: how many entries, and their removal. The purge holds without either.

use cache_protocol::{POSITION_END, stated_position};
use invalidation::{Position, Target, path_tags};
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};
use std::collections::HashSet;
use tokio::time::Instant;

use super::super::reach::{Met, Reach};
use super::super::{COUNTING, Purge};
use super::keys::{Keys, escaped};
use super::scripts::Scripts;

/// Keys that one command handles: some 2 ms of Redis' time at most.
const SLICE: usize = 1_000;

/// Entries under one index, or under none.
#[derive(Debug, Default)]
struct Group {
    index: Option<String>,
    full_keys: Vec<String>,
}

/// What was found of what a purge hit.
#[derive(Debug, Default)]
struct Findings {
    groups: Vec<Group>,
    counted: HashSet<String>,
    index_was_cut: bool,
}

/// Counts what a purge hit, within [`COUNTING`], and has what a hard one hit removed by and by.
pub(super) async fn count(
    mut connection: MultiplexedConnection,
    keys: &Keys,
    scripts: &Scripts,
    purge: &Purge,
    reach: &Reach,
) -> Met {
    let mut findings = Findings::default();
    let finding = findings.look_up(&mut connection, keys, purge, reach);
    let complete = matches!(tokio::time::timeout_at(Instant::now() + COUNTING, finding).await, Ok(Ok(())));
    let entries = u64::try_from(findings.counted.len()).unwrap_or(u64::MAX);
    let met = Met { entries, at_least: !complete || findings.index_was_cut };
    if !purge.soft {
        tokio::spawn(remove(
            connection,
            keys.clone(),
            scripts.unlink.clone(),
            findings.groups,
            reach.before(),
        ));
    }
    met
}

impl Findings {
    async fn look_up(
        &mut self,
        connection: &mut MultiplexedConnection,
        keys: &Keys,
        purge: &Purge,
        reach: &Reach,
    ) -> RedisResult<()> {
        for index in indexes(keys, &purge.targets) {
            let mut full_keys: Vec<String> =
                redis::cmd("ZRANGE").arg(&index).arg(0).arg(-1).query_async(connection).await?;
            // Stands for those that were dropped.
            let length = full_keys.len();
            full_keys.retain(|full_key| !full_key.is_empty());
            self.index_was_cut |= full_keys.len() < length;
            self.take(connection, keys, reach, Some(index), full_keys).await?;
        }
        let Some(pattern) = scanned(keys, &purge.targets) else { return Ok(()) };
        let mut cursor: u64 = 0;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(SLICE);
            let (next, responses): (u64, Vec<Vec<u8>>) = scan.query_async(connection).await?;
            let full_keys = responses
                .iter()
                .filter_map(|response| keys.full_key(response))
                .filter(|full_key| reach.names::<&str>(full_key, &[]))
                .map(str::to_owned)
                .collect();
            self.take(connection, keys, reach, None, full_keys).await?;
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// Counts those that are stored, and were before the purge.
    async fn take(
        &mut self,
        connection: &mut MultiplexedConnection,
        keys: &Keys,
        reach: &Reach,
        index: Option<String>,
        full_keys: Vec<String>,
    ) -> RedisResult<()> {
        for slice in full_keys.chunks(SLICE) {
            let mut pipeline = redis::pipe();
            for full_key in slice {
                pipeline.cmd("GETRANGE").arg(keys.response(full_key)).arg(0).arg(POSITION_END - 1);
            }
            let heads: Vec<Vec<u8>> = pipeline.query_async(connection).await?;
            let hit = slice.iter().zip(heads).filter(|(_, head)| {
                stated_position(head).is_some_and(|position| reach.is_later_than(position))
            });
            self.counted.extend(hit.map(|(full_key, _)| full_key.clone()));
            self.groups.push(Group { index: index.clone(), full_keys: slice.to_vec() });
        }
        Ok(())
    }
}

/// The indexes of the entries that keys and tags name.
pub(super) fn indexes(keys: &Keys, targets: &[Target]) -> Vec<String> {
    let mut indexes = Vec::new();
    for target in targets {
        match target {
            Target::Key(key) => {
                indexes.push(keys.index_of_key(key));
                indexes.extend(path_tags(key).map(|tag| keys.index_of_tag(&tag)));
            }
            Target::Tag(tag) => indexes.push(keys.index_of_tag(tag)),
            Target::Prefix(_) | Target::Glob(_) | Target::All => {}
        }
    }
    indexes
}

/// What to scan for, in Redis' own patterns: what the other targets name is within it.
pub(super) fn scanned(keys: &Keys, targets: &[Target]) -> Option<String> {
    let mut patterns = targets.iter().filter_map(|target| match target {
        Target::Key(_) | Target::Tag(_) => None,
        Target::Prefix(prefix) => Some(format!("{}*", escaped(prefix))),
        Target::Glob(pattern) => {
            Some(format!("{}*", pattern.split('*').map(escaped).collect::<Vec<_>>().join("*")))
        }
        Target::All => Some("*".to_owned()),
    });
    let first = patterns.next()?;
    let pattern = if patterns.next().is_none() { first } else { "*".to_owned() };
    Some(keys.responses_like(&pattern))
}

/// Removes what was found, slice by slice. What is left behind by a fault can never be served, and ends by itself.
async fn remove(
    mut connection: MultiplexedConnection,
    keys: Keys,
    unlink: Script,
    groups: Vec<Group>,
    before: Position,
) -> RedisResult<()> {
    for Group { index, full_keys } in groups {
        let mut call = unlink.prepare_invoke();
        call.arg(before.epoch.to_le_bytes().as_slice()).arg(before.seq).arg(index.unwrap_or_default());
        for full_key in &full_keys {
            call.key(keys.response(full_key)).arg(full_key);
        }
        call.invoke_async::<()>(&mut connection).await?;
    }
    Ok(())
}
