//! Entries: looked up, stored and indexed.

use std::time::Duration;

use bytes::Bytes;
use cache_protocol::{Summary, summary};
use invalidation::{Position, Verdict, primary_key};

use super::super::{Found, Lookup, NewEntry, NotFound, Stored, Unavailable};
use super::link::Link;
use super::{RedisStore, milliseconds, scripts};

impl RedisStore {
    pub(in super::super) async fn lookup(&self, key: &str) -> Result<Lookup, Unavailable> {
        let link = self.link()?;
        let before = self.log.position();
        let response = self.keys.response(key);
        let (entry, state) = self.read(&link, &response).await?;
        self.keep_up(&link, before, state).await?;

        let Ok(envelope) = entry else {
            return Ok(Lookup { position: self.log.position(), found: Err(NotFound::Away) });
        };
        let Some(envelope) = envelope else {
            return Ok(Lookup { position: self.log.position(), found: Err(NotFound::Absent) });
        };
        let (position, why) = match summary(&envelope).ok().filter(|summary| summary.key == key) {
            Some(summary) => match self.judge(&summary).await? {
                (verdict @ (Verdict::Valid | Verdict::Stale), position) => {
                    let found = Found {
                        is_stale: verdict == Verdict::Stale,
                        fresh_until_ms: summary.fresh_until_ms,
                        checksum: summary.checksum,
                        envelope: Bytes::from(envelope),
                    };
                    return Ok(Lookup { position, found: Ok(found) });
                }
                (Verdict::Invalid | Verdict::Unknown, position) => (position, NotFound::Invalidated),
            },
            None => (self.log.position(), NotFound::Damaged),
        };
        unlink(&link, response);
        Ok(Lookup { position, found: Err(why) })
    }

    /// What the log says of an entry. In a cluster it was read apart from the log, and may be from beyond what was read.
    async fn judge(&self, entry: &Summary<'_>) -> Result<(Verdict, Position), Unavailable> {
        let judged = self.log.judge(entry.key, &entry.tags, entry.position);
        if judged.0 != Verdict::Unknown {
            return Ok(judged);
        }
        self.catch_up_with(entry.position).await?;
        Ok(self.log.judge(entry.key, &entry.tags, entry.position))
    }

    /// An entry, which may be away by itself, and where the log stands.
    async fn read(
        &self,
        link: &Link,
        response: &str,
    ) -> Result<(Result<Option<Vec<u8>>, Unavailable>, Option<Position>), Unavailable> {
        if link.spreads() {
            let mut command = redis::cmd("GET");
            command.arg(response);
            let entry = self.run_at(link, response, &command);
            let (entry, state) = tokio::join!(entry, self.log_state(link));
            return Ok((entry, state?));
        }
        let mut command = redis::cmd("MGET");
        command.arg(response).arg(&self.keys.epoch).arg(&self.keys.head);
        let (envelope, epoch, head): (Option<Vec<u8>>, Option<String>, Option<String>) =
            self.run(link, async |connection| command.query_async(connection).await).await?;
        Ok((Ok(envelope), scripts::position(epoch.as_deref(), head.as_deref())))
    }

    pub(in super::super) async fn store(&self, entry: NewEntry<'_>) -> Result<Stored, Unavailable> {
        let link = self.link()?;
        if link.spreads() {
            return self.store_apart(&link, entry).await;
        }
        let NewEntry { summary, ttl, envelope } = entry;
        let (verdict, position) = self.log.judge(summary.key, &summary.tags, summary.position);
        // What this copy of the log says already, the script need not look up: it reads on from here.
        let valid_up_to = match verdict {
            Verdict::Valid => position,
            Verdict::Unknown => summary.position,
            Verdict::Invalid | Verdict::Stale => {
                return Ok(Stored::Refused("an invalidation came in between, or another epoch began"));
            }
        };
        let mut call = self.scripts.store.prepare_invoke();
        call.key(self.keys.response(summary.key))
            .key(&self.keys.epoch)
            .key(&self.keys.head)
            .key(&self.keys.log);
        for index in self.indexes(&summary) {
            call.key(index);
        }
        call.arg(&envelope[..]).arg(milliseconds(ttl));
        call.arg(scripts::epoch_text(valid_up_to.epoch)).arg(valid_up_to.seq);
        call.arg(summary.key).arg(primary_key(summary.key)).arg(&summary.tags);
        let outcome: String = self.run(&link, async |connection| call.invoke_async(connection).await).await?;
        Ok(match outcome.as_str() {
            "stored" => Stored::Yes,
            "invalidated" => Stored::Refused("an invalidation came in between"),
            "trimmed" => Stored::Refused("the log no longer reaches back to its position"),
            _ => Stored::Refused("another epoch began"),
        })
    }

    /// Stores an entry on another server than the log's. A record that is appended after the look at the log does not keep
    /// it out: it hits the entry at each lookup.
    async fn store_apart(&self, link: &Link, entry: NewEntry<'_>) -> Result<Stored, Unavailable> {
        let NewEntry { summary, ttl, envelope } = entry;
        let before = self.log.position();
        let state = self.log_state(link).await?;
        self.keep_up(link, before, state).await?;
        match self.log.judge(summary.key, &summary.tags, summary.position).0 {
            Verdict::Valid => {}
            Verdict::Invalid | Verdict::Stale => {
                return Ok(Stored::Refused("an invalidation came in between, or another epoch began"));
            }
            Verdict::Unknown => return Ok(Stored::Refused("it is from beyond the log")),
        }
        let response = self.keys.response(summary.key);
        let mut command = redis::cmd("SET");
        command.arg(&response).arg(&envelope[..]).arg("PX").arg(milliseconds(ttl));
        match self.run_at(link, &response, &command).await {
            Ok(()) => {
                self.index(link, &summary, ttl);
                Ok(Stored::Yes)
            }
            Err(_) => Ok(Stored::Refused("the server it belongs to is away")),
        }
    }

    /// Adds an entry that has just been stored apart to its indexes. Nobody waits for it: a purge holds without them.
    fn index(&self, link: &Link, entry: &Summary<'_>, ttl: Duration) {
        for index in self.indexes(entry) {
            let Some(mut connection) = link.at(&index) else { continue };
            let (script, full_key) = (self.scripts.index.clone(), entry.key.to_owned());
            tokio::spawn(async move {
                let mut call = script.key(index);
                call.arg(full_key).arg(milliseconds(ttl));
                call.invoke_async::<()>(&mut connection).await
            });
        }
    }

    /// The indexes that name an entry.
    fn indexes(&self, entry: &Summary<'_>) -> impl Iterator<Item = String> {
        let of_tags = entry.tags.iter().map(|tag| self.keys.index_of_tag(tag));
        std::iter::once(self.keys.index_of_key(primary_key(entry.key))).chain(of_tags)
    }
}

/// Removes what can never be served again. Nobody waits for it: it costs memory only, and its time to live ends it too.
fn unlink(link: &Link, key: String) {
    let Some(mut connection) = link.at(&key) else { return };
    tokio::spawn(async move {
        let _: redis::RedisResult<()> = redis::cmd("UNLINK").arg(key).query_async(&mut connection).await;
    });
}
