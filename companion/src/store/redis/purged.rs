//! What a purge hit in Redis: how many entries, and their removal. The purge holds without either.

use std::collections::HashSet;

use cache_protocol::{POSITION_END, stated_position};
use invalidation::{Position, Target, path_tags};
use redis::{RedisResult, cmd, pipe};
use tokio::time::Instant;

use super::super::reach::{Met, Reach};
use super::super::{COUNTING, Purge};
use super::connection::Connection;
use super::keys::{Keys, escaped};
use super::link::Link;
use super::scripts::Scripts;

/// Keys that one command or pipeline handles: some 2 ms of Redis' time at most.
const SLICE: usize = 1_000;

/// What an index says of an entry: its full key, and when it ends.
type Member = (String, String);

/// What was found of what a purge hit.
#[derive(Debug, Default)]
struct Findings {
    /// Full keys of entries that may be hit.
    found: Vec<String>,
    /// Those of entries that are.
    counted: HashSet<String>,
    indexed: Vec<(String, Vec<Member>)>,
    /// A server was away, or an index was cut.
    is_partial: bool,
}

/// Counts what a purge hit, within [`COUNTING`], and has what a hard one hit removed by and by.
pub(super) async fn count(link: Link, keys: &Keys, scripts: &Scripts, purge: &Purge, reach: &Reach) -> Met {
    let mut findings = Findings::default();
    let finding = findings.look_up(&link, keys, purge, reach);
    let in_time = tokio::time::timeout_at(Instant::now() + COUNTING, finding).await.is_ok();
    let entries = u64::try_from(findings.counted.len()).unwrap_or(u64::MAX);
    let met = Met { entries, at_least: !in_time || findings.is_partial };
    if !purge.soft {
        let Findings { found, indexed, .. } = findings;
        let (keys, scripts, before) = (keys.clone(), scripts.clone(), reach.before());
        tokio::spawn(async move {
            unlink(&link, &keys, &scripts, found, before).await;
            drop_from_indexes(&link, &scripts, indexed).await;
        });
    }
    met
}

impl Findings {
    /// Goes on where a server does not answer: what others have counts.
    async fn look_up(&mut self, link: &Link, keys: &Keys, purge: &Purge, reach: &Reach) {
        for index in indexes(keys, &purge.targets) {
            let read = self.read_index(link, keys, reach, index).await;
            self.is_partial |= read.is_none();
        }
        let Some(pattern) = scanned(keys, &purge.targets) else { return };
        for server in link.everywhere() {
            let scanned = match server {
                Some(server) => self.scan(link, server, keys, reach, &pattern).await.ok(),
                None => None,
            };
            self.is_partial |= scanned.is_none();
        }
    }

    async fn read_index(&mut self, link: &Link, keys: &Keys, reach: &Reach, index: String) -> Option<()> {
        let mut range = cmd("ZRANGE");
        range.arg(&index).arg(0).arg(-1).arg("WITHSCORES");
        let mut members: Vec<Member> = range.query_async(&mut link.at(&index)?).await.ok()?;
        // Stands for those that were dropped.
        let length = members.len();
        members.retain(|(full_key, _)| !full_key.is_empty());
        self.is_partial |= members.len() < length;
        let full_keys = members.iter().map(|(full_key, _)| full_key.clone()).collect();
        self.indexed.push((index, members));
        self.take(link, keys, reach, full_keys).await;
        Some(())
    }

    async fn scan(
        &mut self,
        link: &Link,
        mut server: Connection,
        keys: &Keys,
        reach: &Reach,
        pattern: &str,
    ) -> RedisResult<()> {
        let mut cursor: u64 = 0;
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(SLICE);
            let (next, responses): (u64, Vec<Vec<u8>>) = scan.query_async(&mut server).await?;
            let full_keys = responses
                .iter()
                .filter_map(|response| keys.full_key(response))
                .filter(|full_key| reach.names::<&str>(full_key, &[]))
                .map(str::to_owned)
                .collect();
            self.take(link, keys, reach, full_keys).await;
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// Counts those that are stored, and were before the purge.
    async fn take(&mut self, link: &Link, keys: &Keys, reach: &Reach, full_keys: Vec<String>) {
        for (server, full_keys) in link.by_server(full_keys, |full_key| keys.response(full_key)) {
            let Some(mut server) = server else {
                self.is_partial = true;
                continue;
            };
            for slice in full_keys.chunks(SLICE) {
                let mut pipeline = pipe();
                for full_key in slice {
                    pipeline.cmd("GETRANGE").arg(keys.response(full_key)).arg(0).arg(POSITION_END - 1);
                }
                let heads: RedisResult<Vec<Vec<u8>>> = pipeline.query_async(&mut server).await;
                self.is_partial |= heads.is_err();
                let hit = slice.iter().zip(heads.unwrap_or_default()).filter(|(_, head)| {
                    stated_position(head).is_some_and(|position| reach.is_later_than(position))
                });
                self.counted.extend(hit.map(|(full_key, _)| full_key.clone()));
            }
            self.found.extend(full_keys);
        }
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
async fn unlink(link: &Link, keys: &Keys, scripts: &Scripts, found: Vec<String>, before: Position) {
    for (server, full_keys) in link.by_server(found, |full_key| keys.response(full_key)) {
        let Some(mut server) = server else { continue };
        for slice in full_keys.chunks(SLICE) {
            let mut pipeline = pipe();
            pipeline.load_script(&scripts.unlink).ignore();
            for full_key in slice {
                let mut call = scripts.unlink.key(keys.response(full_key));
                call.arg(before.epoch.to_le_bytes().as_slice()).arg(before.seq);
                pipeline.invoke_script(&call).ignore();
            }
            let _: RedisResult<()> = pipeline.query_async(&mut server).await;
        }
    }
}

/// Takes what was removed out of the indexes it was found in.
async fn drop_from_indexes(link: &Link, scripts: &Scripts, indexed: Vec<(String, Vec<Member>)>) {
    for (index, members) in indexed {
        let Some(mut server) = link.at(&index) else { continue };
        for slice in members.chunks(SLICE) {
            let mut call = scripts.drop_from_index.key(&index);
            call.arg(slice);
            let _: RedisResult<()> = call.invoke_async(&mut server).await;
        }
    }
}
