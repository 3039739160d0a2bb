//! Looking at what is stored in Redis.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use cache_protocol::{ListedEntry, View};
use redis::{RedisError, RedisResult, cmd, pipe};
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

/// Where a scan stands: at which of the servers, at which of Redis' own cursors there, and how many keys of that step
/// were seen already.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    server: usize,
    step: u64,
    seen: usize,
}

impl Place {
    fn read(cursor: &str) -> Option<Self> {
        let mut parts = cursor.split('-');
        Some(Self {
            server: parts.next()?.parse().ok()?,
            step: parts.next()?.parse().ok()?,
            seen: parts.next()?.parse().ok()?,
        })
    }

    fn cursor(self) -> String {
        format!("{}-{}-{}", self.server, self.step, self.seen)
    }
}

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
        listing.await.map_err(unavailable)
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
                cmd("ZRANGE").arg(index).arg(0).arg(-1).query_async(&mut server).await?;
            full_keys.extend(members);
        }
        // Stands for those that were dropped.
        page.leaves_out |= full_keys.remove("");
        let after: Vec<String> =
            full_keys.into_iter().filter(|key| cursor.is_none_or(|cursor| key.as_str() > cursor)).collect();
        for slice in after.chunks(SLICE) {
            let mut read = self.outlines(link, selection, slice, &mut page).await?;
            for full_key in slice {
                if page.entries.len() == limit {
                    return Ok(page);
                }
                page.entries.extend(read.remove(full_key));
                page.cursor = Some(full_key.clone());
            }
        }
        page.cursor = None;
        Ok(page)
    }

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
        let mut place = cursor.and_then(Place::read).unwrap_or_default();
        for server in link.everywhere().into_iter().skip(place.server) {
            let Some(mut server) = server else {
                page.leaves_out = true;
                place = Place { server: place.server + 1, ..Place::default() };
                continue;
            };
            loop {
                if Instant::now() >= end || page.entries.len() == limit {
                    page.cursor = Some(place.cursor());
                    return Ok(page);
                }
                let (next, full_keys) = self.step(&mut server, pattern, place.step).await?;
                for slice in full_keys.get(place.seen..).unwrap_or_default().chunks(SLICE) {
                    let mut read = self.outlines(link, selection, slice, &mut page).await?;
                    for full_key in slice {
                        if page.entries.len() == limit {
                            page.cursor = Some(place.cursor());
                            return Ok(page);
                        }
                        page.entries.extend(read.remove(full_key));
                        place.seen += 1;
                    }
                }
                place = Place { step: next, seen: 0, ..place };
                if next == 0 {
                    break;
                }
            }
            place.server += 1;
        }
        Ok(page)
    }

    /// One step of a scan: Redis' next cursor, and the full keys of the envelopes that are there.
    async fn step(
        &self,
        server: &mut Connection,
        pattern: &str,
        cursor: u64,
    ) -> RedisResult<(u64, Vec<String>)> {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(SCANNED);
        let (next, responses): (u64, Vec<Vec<u8>>) = scan.query_async(server).await?;
        let full_keys = responses.iter().filter_map(|response| self.keys.full_key(response));
        Ok((next, full_keys.map(str::to_owned).collect()))
    }

    /// What is stored under these keys and among the selection. The page says if a server with some of them is away.
    async fn outlines(
        &self,
        link: &Link,
        selection: &Selection,
        full_keys: &[String],
        page: &mut Page,
    ) -> RedisResult<HashMap<String, ListedEntry>> {
        let mut read = HashMap::new();
        for (server, full_keys) in link.by_server(full_keys.to_vec(), |full_key| self.keys.response(full_key))
        {
            let Some(mut server) = server else {
                page.leaves_out = true;
                continue;
            };
            let mut pipeline = pipe();
            for full_key in &full_keys {
                let response = self.keys.response(full_key);
                pipeline.cmd("GETRANGE").arg(&response).arg(0).arg(START_BYTES - 1);
                pipeline.cmd("STRLEN").arg(&response);
            }
            let answers: Vec<redis::Value> = pipeline.query_async(&mut server).await?;
            let mut answers = answers.into_iter();
            for full_key in full_keys {
                let (Some(start), Some(length)) = (answers.next(), answers.next()) else { break };
                let start: Vec<u8> = redis::from_redis_value(start)?;
                let length: usize = redis::from_redis_value(length)?;
                let view = View::outline(&start).ok().filter(|view| view.key == full_key);
                if let Some(view) = view.filter(|view| selection.holds(view.key, &view.tags)) {
                    let entry = listed(&view, start.len(), length, &self.log);
                    read.insert(full_key, entry);
                }
            }
        }
        Ok(read)
    }

    /// How many entries there are, as far as a scan comes within `time`, and the memory that Redis takes in all.
    pub(in super::super) async fn count(&self, time: Duration) -> Result<(Usage, bool), Unavailable> {
        let end = Instant::now() + time;
        let (mut usage, mut leaves_out) = (Usage { entries: 0, bytes: 0 }, false);
        for server in self.link()?.everywhere() {
            match server {
                Some(mut server) => {
                    leaves_out |= self.count_at(&mut server, end, &mut usage).await.map_err(unavailable)?;
                }
                None => leaves_out = true,
            }
        }
        Ok((usage, leaves_out))
    }

    /// Adds what one server has; whether time ran out before it was all seen.
    async fn count_at(&self, server: &mut Connection, end: Instant, usage: &mut Usage) -> RedisResult<bool> {
        let info: String = cmd("INFO").arg("memory").query_async(server).await?;
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok());
        usage.bytes += used.unwrap_or(0);
        let mut cursor: u64 = 0;
        loop {
            let (next, full_keys) = self.step(server, &self.keys.responses_like("*"), cursor).await?;
            usage.entries += u64::try_from(full_keys.len()).unwrap_or(u64::MAX);
            if next == 0 || Instant::now() >= end {
                return Ok(next != 0);
            }
            cursor = next;
        }
    }
}

fn unavailable(error: RedisError) -> Unavailable {
    Unavailable { reason: error.to_string() }
}
