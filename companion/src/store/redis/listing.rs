//! Looking at what is stored in Redis.

use std::collections::BTreeSet;

use cache_protocol::{ListedEntry, View};
use redis::RedisResult;
use redis::aio::MultiplexedConnection;
use tokio::time::Instant;

use super::super::listing::{LISTING, Page, Selection, listed};
use super::super::{Unavailable, Usage};
use super::RedisStore;
use super::purged::{indexes, scanned};

/// As much of an envelope as is read: its headers are within it, or it is not listed.
const START_BYTES: usize = 64 << 10;
/// Envelopes that are looked at with one command.
const SLICE: usize = 64;
/// Keys that one step of a scan looks at.
const SCANNED: usize = 1_000;

impl RedisStore {
    /// At most `limit` entries of a selection, from `cursor` on.
    pub(in super::super) async fn list(
        &self,
        selection: &Selection,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page, Unavailable> {
        let mut connection = self.link()?.connection;
        let targets = std::slice::from_ref(&selection.target);
        let listing = async {
            match scanned(&self.keys, targets) {
                Some(pattern) => self.scan(&mut connection, selection, &pattern, limit, cursor).await,
                None => {
                    let indexes = indexes(&self.keys, targets);
                    self.list_indexed(&mut connection, selection, &indexes, limit, cursor).await
                }
            }
        };
        listing.await.map_err(|error| Unavailable { reason: error.to_string() })
    }

    async fn list_indexed(
        &self,
        connection: &mut MultiplexedConnection,
        selection: &Selection,
        indexes: &[String],
        limit: usize,
        cursor: Option<&str>,
    ) -> RedisResult<Page> {
        let mut page = Page::default();
        let mut full_keys = BTreeSet::new();
        for index in indexes {
            let members: Vec<String> =
                redis::cmd("ZRANGE").arg(index).arg(0).arg(-1).query_async(connection).await?;
            full_keys.extend(members);
        }
        // Stands for those that were dropped.
        page.leaves_out = full_keys.remove("");
        let after: Vec<String> =
            full_keys.into_iter().filter(|key| cursor.is_none_or(|cursor| key.as_str() > cursor)).collect();
        for slice in after.chunks(SLICE) {
            for (full_key, entry) in slice.iter().zip(self.read(connection, selection, slice).await?) {
                if page.entries.len() == limit {
                    return Ok(page);
                }
                page.entries.extend(entry);
                page.cursor = Some(full_key.clone());
            }
        }
        page.cursor = None;
        Ok(page)
    }

    /// A cursor is that of Redis, and how many keys of its step were seen already.
    async fn scan(
        &self,
        connection: &mut MultiplexedConnection,
        selection: &Selection,
        pattern: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> RedisResult<Page> {
        let end = Instant::now() + LISTING;
        let mut page = Page::default();
        let (mut step, mut seen) = cursor
            .and_then(|cursor| cursor.split_once('-'))
            .and_then(|(step, seen)| Some((step.parse::<u64>().ok()?, seen.parse::<usize>().ok()?)))
            .unwrap_or((0, 0));
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(step).arg("MATCH").arg(pattern).arg("COUNT").arg(SCANNED);
            let (next, responses): (u64, Vec<Vec<u8>>) = scan.query_async(connection).await?;
            let full_keys: Vec<String> = responses
                .iter()
                .filter_map(|response| self.keys.full_key(response))
                .map(str::to_owned)
                .collect();
            for slice in full_keys.get(seen..).unwrap_or_default().chunks(SLICE) {
                for entry in self.read(connection, selection, slice).await? {
                    if page.entries.len() == limit {
                        page.cursor = Some(format!("{step}-{seen}"));
                        return Ok(page);
                    }
                    page.entries.extend(entry);
                    seen += 1;
                }
            }
            (step, seen) = (next, 0);
            if step == 0 {
                return Ok(page);
            }
            if Instant::now() >= end || page.entries.len() == limit {
                page.cursor = Some(format!("{step}-{seen}"));
                return Ok(page);
            }
        }
    }

    /// What is stored under each of these keys, if it is among the selection.
    async fn read(
        &self,
        connection: &mut MultiplexedConnection,
        selection: &Selection,
        full_keys: &[String],
    ) -> RedisResult<Vec<Option<ListedEntry>>> {
        let mut pipeline = redis::pipe();
        for full_key in full_keys {
            let response = self.keys.response(full_key);
            pipeline.cmd("GETRANGE").arg(&response).arg(0).arg(START_BYTES - 1);
            pipeline.cmd("STRLEN").arg(&response);
        }
        let answers: Vec<redis::Value> = pipeline.query_async(connection).await?;
        let mut answers = answers.into_iter();
        let mut read = Vec::with_capacity(full_keys.len());
        for full_key in full_keys {
            let (Some(start), Some(length)) = (answers.next(), answers.next()) else { break };
            let start: Vec<u8> = redis::from_redis_value(start)?;
            let length: usize = redis::from_redis_value(length)?;
            let view = View::outline(&start).ok().filter(|view| view.key == full_key);
            let view = view.filter(|view| selection.holds(view.key, &view.tags));
            read.push(view.map(|view| listed(&view, start.len(), length, &self.log)));
        }
        Ok(read)
    }

    /// How many entries there are, as far as a scan comes within `time`, and the memory that Redis takes in all.
    pub(in super::super) async fn count(
        &self,
        time: std::time::Duration,
    ) -> Result<(Usage, bool), Unavailable> {
        let mut connection = self.link()?.connection;
        let counting = async {
            let end = Instant::now() + time;
            let info: String = redis::cmd("INFO").arg("memory").query_async(&mut connection).await?;
            let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok());
            let mut usage = Usage { entries: 0, bytes: used.unwrap_or(0) };
            let mut step: u64 = 0;
            loop {
                let mut scan = redis::cmd("SCAN");
                scan.arg(step).arg("MATCH").arg(self.keys.responses_like("*")).arg("COUNT").arg(SCANNED);
                let (next, responses): (u64, Vec<Vec<u8>>) = scan.query_async(&mut connection).await?;
                usage.entries += u64::try_from(responses.len()).unwrap_or(u64::MAX);
                step = next;
                if step == 0 || Instant::now() >= end {
                    return RedisResult::Ok((usage, step != 0));
                }
            }
        };
        counting.await.map_err(|error| Unavailable { reason: error.to_string() })
    }
}
