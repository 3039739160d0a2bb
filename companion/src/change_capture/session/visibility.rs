//! Publishing commits once everyone sees them, and tables once nothing of theirs can be missed.

use std::collections::BTreeSet;

use query_cache_model::{Lsn, Record};

use super::Session;
use crate::change_capture::database::Look;
use crate::change_capture::ended::Ended;

/// Tables that are followed once all transactions before this id are over: a publication misses what such a transaction
/// writes to a table that was added meanwhile.
pub(in crate::change_capture) struct Waiting {
    pub(super) id: u64,
    pub(super) tables: Vec<u32>,
}

impl Session<'_> {
    /// Publishes the commits that everyone sees, in their order.
    pub(super) async fn publish_visible(&mut self, look: &Look) -> Result<(), Ended> {
        let mut record = Record::default();
        let (mut wishes, mut tags) = (Vec::new(), BTreeSet::new());
        while self.pending.front().is_some_and(|transaction| look.shows(transaction.xid)) {
            let Some(transaction) = self.pending.pop_front() else { break };
            self.capture.metrics.commits.inc();
            record.lsn = transaction.lsn;
            let own = transaction.changed.iter().filter_map(|table| self.tables.tags.get(table)).flatten();
            tags.extend(own.cloned());
            record.changed.extend(transaction.changed);
            wishes.extend(transaction.wishes);
            if transaction.definitions {
                record.reset = true;
                self.send(std::mem::take(&mut record)).await?;
                self.renew().await?;
            }
        }
        let sent = if record.changed.is_empty() { Ok(()) } else { self.send(record).await };
        // After query caches have been told: what is built anew is built from new rows. Also if they could not be told.
        self.capture.purger.purge(tags);
        sent?;
        for wish in wishes {
            if let Some(reply) = self.acknowledge.remove(&wish) {
                // Whoever asked may have gone away.
                let _ = reply.send(Ok(self.known));
            }
        }
        Ok(())
    }

    async fn send(&mut self, mut record: Record) -> Result<(), Ended> {
        record.changed.sort_unstable();
        record.changed.dedup();
        self.publish(record).await
    }

    /// Finds out anew which tables there are: all that readers know was voided.
    async fn renew(&mut self) -> Result<(), Ended> {
        self.capture.metrics.resets.inc();
        self.tables = self.catalogue().tables().await?;
        let look = self.database.look().await?;
        let published: BTreeSet<u32> = self.tables.published.iter().copied().collect();
        let tracked: Vec<u32> = published.intersection(&self.followed).copied().collect();
        let new: Vec<u32> = published.difference(&self.followed).copied().collect();
        self.followed = tracked.iter().copied().collect();
        self.waiting.clear();
        if !new.is_empty() {
            self.waiting.push(Waiting { id: look.next(), tables: new });
        }
        self.publish(Record { lsn: self.decoded_and_published(), tracked, ..Record::default() }).await?;
        self.capture.purger.purge(self.mappings.iter().map(|mapping| mapping.tag().to_owned()));
        self.describe_tables();
        self.follow_more(&look).await
    }

    /// How far the log is known, with nothing left out: what has come but for what waits to be visible.
    fn decoded_and_published(&self) -> Lsn {
        match self.pending.front() {
            Some(_) => self.known,
            None => self.decoded,
        }
    }

    /// Publishes that tables are followed from now on for which that had to wait.
    pub(super) async fn follow_more(&mut self, look: &Look) -> Result<(), Ended> {
        let (ready, waiting) =
            std::mem::take(&mut self.waiting).into_iter().partition(|waiting| look.is_past(waiting.id));
        self.waiting = waiting;
        let ready: Vec<Waiting> = ready;
        let tracked: Vec<u32> = ready.into_iter().flat_map(|waiting| waiting.tables).collect();
        if tracked.is_empty() {
            return Ok(());
        }
        self.followed.extend(&tracked);
        self.publish(Record { lsn: self.decoded_and_published(), tracked, ..Record::default() }).await?;
        self.describe_tables();
        Ok(())
    }
}
