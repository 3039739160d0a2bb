//! Entries that are found by Redis' vector sets, and the removal of what has ended, is too much, or was purged.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::{cmd, pipe};

use super::durable::{BATCH, Durable, lock, read_entry};
use super::entry::{Entry, Purge};
use super::state::{NEIGHBOURS, State};
use super::vector_sets::{VectorSets, id_of};
use crate::clock;
use crate::store::Unavailable;

/// How often what has ended is removed.
const TIDY: Duration = Duration::from_secs(1);
/// Purges that may wait for what they hit to be removed; more become one that looks at everything.
const TO_CLEAN: usize = 100;

impl Durable {
    /// The entries nearest to a question, which are taken into memory if they are not there; none if Redis is not searched.
    pub(super) async fn candidates(
        &self,
        state: &Mutex<State>,
        namespace: &str,
        vector: &[f32],
    ) -> Result<Option<Vec<u64>>, Unavailable> {
        let Some(sets) = &self.vectors else { return Ok(None) };
        let search = sets.search(namespace, vector, NEIGHBOURS);
        let found: Vec<String> = self.ask(async |connection| search.query_async(connection).await).await?;
        let ids: Vec<u64> = found.iter().filter_map(|element| id_of(element)).collect();
        let missing = lock(state).use_or_miss(&ids);
        let (entries, gone) = self.fetch(&missing).await?;
        // What it found and cannot serve is in the way of what it could.
        let mut erase = pipe();
        gone.iter().for_each(|id| sets.remove_vector(&mut erase, &sets.member(namespace, *id)));
        for entry in entries {
            let mut state = lock(state);
            if state.purges.hit(&entry) || state.is_outdated(&entry) {
                self.erase(&mut erase, &entry);
            } else {
                state.put_back(entry);
            }
        }
        if !erase.is_empty() {
            self.ask(async |connection| erase.query_async::<()>(connection).await).await?;
        }
        Ok(Some(ids))
    }

    /// How many entries a purge hits.
    pub(super) async fn met(&self, sets: &VectorSets, purge: &Purge) -> Result<usize, Unavailable> {
        let purge = purge.clone();
        self.ask(async |connection| {
            if purge.all {
                return cmd("ZCARD").arg(sets.ends()).query_async(connection).await;
            }
            let mut union = cmd("ZUNION");
            union.arg(purge.sources.len());
            purge.sources.iter().for_each(|source| {
                union.arg(sets.source(source));
            });
            let members: Vec<String> = union.query_async(connection).await?;
            Ok(members.len())
        })
        .await
    }

    /// How many entries can be found in Redis; none if it is not searched.
    pub(super) fn indexed(&self) -> Option<u64> {
        self.vectors.as_ref().map(|_| self.indexed.load(Ordering::Relaxed))
    }

    /// Notes that what a purge hits is to be removed from where Redis finds it.
    pub(super) fn clean_later(&self, purge: Purge) {
        if self.vectors.is_none() {
            return;
        }
        let mut to_clean = self.to_clean.lock().unwrap_or_else(PoisonError::into_inner);
        if to_clean.len() >= TO_CLEAN {
            to_clean.clear();
            to_clean.push_back(Purge::everything());
        } else {
            to_clean.push_back(purge);
        }
    }

    /// Removes what has ended, what is too much, and what was purged; never returns. All companions do: whichever comes first.
    pub(super) async fn tidy(&self, state: &Mutex<State>) {
        let Some(sets) = &self.vectors else { return };
        loop {
            tokio::time::sleep(TIDY).await;
            if let Err(error) = self.tidy_once(sets, state).await {
                tracing::debug!(%error, "the vector sets are tidied later");
            }
        }
    }

    async fn tidy_once(&self, sets: &VectorSets, state: &Mutex<State>) -> Result<(), Unavailable> {
        loop {
            let purge = self.to_clean.lock().unwrap_or_else(PoisonError::into_inner).front().cloned();
            let Some(purge) = purge else { break };
            self.clean(sets, state, &purge).await?;
            let mut to_clean = self.to_clean.lock().unwrap_or_else(PoisonError::into_inner);
            if to_clean.front() == Some(&purge) {
                to_clean.pop_front();
            }
        }
        let mut ended = cmd("ZRANGEBYSCORE");
        ended.arg(sets.ends()).arg("-inf").arg(clock::now_ms()).arg("LIMIT").arg(0).arg(BATCH);
        while self.remove_all(sets, &ended).await? == BATCH {}
        loop {
            let count = self
                .ask(async |connection| cmd("ZCARD").arg(sets.ends()).query_async::<u64>(connection).await)
                .await?;
            self.indexed.store(count, Ordering::Relaxed);
            let excess = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(self.max_entries);
            if excess == 0 {
                return Ok(());
            }
            // Those that would end first.
            let mut first = cmd("ZRANGE");
            first.arg(sets.ends()).arg(0).arg(excess.min(BATCH) - 1);
            self.remove_all(sets, &first).await?;
        }
    }

    /// Removes the entries that a command lists; how many there were.
    async fn remove_all(&self, sets: &VectorSets, list: &redis::Cmd) -> Result<usize, Unavailable> {
        let members: Vec<String> = self.ask(async |connection| list.query_async(connection).await).await?;
        if members.is_empty() {
            return Ok(0);
        }
        let mut remove = pipe();
        for member in &members {
            if let Some(id) = id_of(member) {
                remove.cmd("UNLINK").arg(self.key(id)).ignore();
            }
            sets.remove_vector(&mut remove, member);
        }
        self.ask(async |connection| remove.query_async::<()>(connection).await).await?;
        Ok(members.len())
    }

    /// Removes what a purge hits. Nobody serves it any more, whether this gets to its end or not.
    async fn clean(&self, sets: &VectorSets, state: &Mutex<State>, purge: &Purge) -> Result<(), Unavailable> {
        let lists = match purge.all {
            true => vec![sets.ends()],
            false => purge.sources.iter().map(|source| sets.source(source)).collect(),
        };
        for list in lists {
            let mut cursor = 0_u64;
            loop {
                let mut scan = cmd("ZSCAN");
                scan.arg(&list).arg(cursor).arg("COUNT").arg(BATCH);
                let (next, page): (u64, Vec<(String, f64)>) =
                    self.ask(async |connection| scan.query_async(connection).await).await?;
                let ids: Vec<u64> = page.iter().filter_map(|(member, _)| id_of(member)).collect();
                let (entries, gone) = self.fetch(&ids).await?;
                let mut erase = pipe();
                // What was in a companion's memory has lost its entry already.
                for (member, _) in
                    page.iter().filter(|(member, _)| id_of(member).is_some_and(|id| gone.contains(&id)))
                {
                    sets.remove_vector(&mut erase, member);
                    erase.cmd("ZREM").arg(&list).arg(member).ignore();
                }
                {
                    let state = lock(state);
                    let purged = entries.iter().filter(|entry| state.purges.hit(entry));
                    purged.for_each(|entry| self.erase(&mut erase, entry));
                }
                if !erase.is_empty() {
                    self.ask(async |connection| erase.query_async::<()>(connection).await).await?;
                }
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// These entries, and those that are not there any more.
    async fn fetch(&self, ids: &[u64]) -> Result<(Vec<Entry>, Vec<u64>), Unavailable> {
        if ids.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let mut fetch = cmd("MGET");
        ids.iter().for_each(|id| {
            fetch.arg(self.key(*id));
        });
        let texts: Vec<Option<String>> =
            self.ask(async |connection| fetch.query_async(connection).await).await?;
        let (mut entries, mut gone) = (Vec::new(), Vec::new());
        for (id, text) in ids.iter().zip(texts) {
            match text.as_deref().and_then(read_entry) {
                Some(entry) => entries.push(entry),
                None => gone.push(*id),
            }
        }
        Ok((entries, gone))
    }
}
