//! Looking at what is stored in Redis.

use std::collections::{BTreeSet, HashMap};

use cache_protocol::{ListedEntry, View};
use redis::RedisResult;
use tokio::time::Instant;

use super::super::listing::{LISTING, Page, Selection, listed};
use super::super::{Unavailable, Usage};
use super::RedisStore;
use super::connection::Connection;
use super::link::Link;
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
        let link = self.link()?;
        let targets = std::slice::from_ref(&selection.target);
        let listing = async {
            match scanned(&self.keys, targets) {
                Some(pattern) => self.scan(&link, selection, &pattern, limit, cursor).await,
                None => {
                    let indexes = indexes(&self.keys, targets);
                    self.list_indexed(&link, selection, &indexes, limit, cursor).await
                }
            }
        };
        listing.await.map_err(|error| Unavailable { reason: error.to_string() })
    }

    async fn list_indexed(
        &self,
        link: &Link,
        selection: &Selection,
        indexes: &[String],
        limit: usize,
        cursor: Option<&str>,
    ) -> RedisResult<Page> {
        let mut page = Page::default();
        let mut full_keys = BTreeSet::new();
        for index in indexes {
            let Some(mut server) = link.at(index) else {
                page.leaves_out = true;
                continue;
            };
            let members: Vec<String> =
                redis::cmd("ZRANGE").arg(index).arg(0).arg(-1).query_async(&mut server).await?;
            full_keys.extend(members);
        }
        // Stands for those that were dropped.
        page.leaves_out |= full_keys.remove("");
        let after: Vec<String> =
            full_keys.into_iter().filter(|key| cursor.is_none_or(|cursor| key.as_str() > cursor)).collect();
        for slice in after.chunks(SLICE) {
            let mut found = HashMap::new();
            for (server, full_keys) in link.by_server(slice.to_vec(), |full_key| self.keys.response(full_key))
            {
                match server {
                    Some(mut server) => {
                        let outlines = self.outlines(&mut server, selection, &full_keys).await?;
                        found.extend(full_keys.into_iter().zip(outlines));
                    }
                    None => page.leaves_out = true,
                }
            }
            for full_key in slice {
                if page.entries.len() == limit {
                    return Ok(page);
                }
                page.entries.extend(found.remove(full_key).flatten());
                page.cursor = Some(full_key.clone());
            }
        }
        page.cursor = None;
        Ok(page)
    }

    /// A cursor is which of the servers it is, the server's own, and how many keys of its step were seen already.
    async fn scan(
        &self,
        link: &Link,
        selection: &Selection,
        pattern: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> RedisResult<Page> {
        let end = Instant::now() + LISTING;
        let mut page = Page::default();
        let (first, mut step, mut seen) = cursor.and_then(read_cursor).unwrap_or((0, 0, 0));
        for (number, server) in link.everywhere().into_iter().enumerate().skip(first) {
            let Some(mut server) = server else {
                page.leaves_out = true;
                continue;
            };
            loop {
                let mut scan = redis::cmd("SCAN");
                scan.arg(step).arg("MATCH").arg(pattern).arg("COUNT").arg(SCANNED);
                let (next, responses): (u64, Vec<Vec<u8>>) = scan.query_async(&mut server).await?;
                let full_keys: Vec<String> = responses
                    .iter()
                    .filter_map(|response| self.keys.full_key(response))
                    .map(str::to_owned)
                    .collect();
                for slice in full_keys.get(seen..).unwrap_or_default().chunks(SLICE) {
                    for entry in self.outlines(&mut server, selection, slice).await? {
                        if page.entries.len() == limit {
                            page.cursor = Some(format!("{number}-{step}-{seen}"));
                            return Ok(page);
                        }
                        page.entries.extend(entry);
                        seen += 1;
                    }
                }
                (step, seen) = (next, 0);
                if step == 0 {
                    break;
                }
                if Instant::now() >= end || page.entries.len() == limit {
                    page.cursor = Some(format!("{number}-{step}-{seen}"));
                    return Ok(page);
                }
            }
        }
        Ok(page)
    }

    /// What a server has under each of these keys, if it is among the selection.
    async fn outlines(
        &self,
        server: &mut Connection,
        selection: &Selection,
        full_keys: &[String],
    ) -> RedisResult<Vec<Option<ListedEntry>>> {
        let mut pipeline = redis::pipe();
        for full_key in full_keys {
            let response = self.keys.response(full_key);
            pipeline.cmd("GETRANGE").arg(&response).arg(0).arg(START_BYTES - 1);
            pipeline.cmd("STRLEN").arg(&response);
        }
        let answers: Vec<redis::Value> = pipeline.query_async(server).await?;
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
        let link = self.link()?;
        let counting = async {
            let end = Instant::now() + time;
            let mut usage = Usage { entries: 0, bytes: 0 };
            let mut is_partial = false;
            for server in link.everywhere() {
                let Some(mut server) = server else {
                    is_partial = true;
                    continue;
                };
                let info: String = redis::cmd("INFO").arg("memory").query_async(&mut server).await?;
                let used =
                    info.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok());
                usage.bytes += used.unwrap_or(0);
                let mut step: u64 = 0;
                loop {
                    let mut scan = redis::cmd("SCAN");
                    scan.arg(step).arg("MATCH").arg(self.keys.responses_like("*")).arg("COUNT").arg(SCANNED);
                    let (next, responses): (u64, Vec<Vec<u8>>) = scan.query_async(&mut server).await?;
                    usage.entries += u64::try_from(responses.len()).unwrap_or(u64::MAX);
                    step = next;
                    is_partial |= step != 0 && Instant::now() >= end;
                    if step == 0 || is_partial {
                        break;
                    }
                }
            }
            RedisResult::Ok((usage, is_partial))
        };
        counting.await.map_err(|error| Unavailable { reason: error.to_string() })
    }
}

fn read_cursor(cursor: &str) -> Option<(usize, u64, usize)> {
    let mut parts = cursor.splitn(3, '-');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
