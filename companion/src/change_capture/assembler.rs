//! Puts the events of a replication stream together to transactions.

use std::collections::BTreeSet;

use pgwire_replication::ReplicationEvent;
use query_cache_model::Lsn;
use query_cache_model::pgoutput::{Malformed, changed_tables};

/// The prefix of the messages that the companion, and its event trigger, write into the write-ahead log.
pub(super) const MESSAGE_PREFIX: &str = "slipstream";
/// What the message says that goes with a changed definition.
pub(super) const DEFINITIONS: &str = "ddl";
/// What the message begins with that goes with a manual invalidation; its number, `:` and oids follow.
pub(super) const CHANGED: &str = "changed:";

/// A transaction that was committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Transaction {
    /// Its id, without the epoch of ids.
    pub(super) xid: u32,
    /// The end of its commit.
    pub(super) lsn: Lsn,
    /// The tables whose rows it changed.
    pub(super) changed: BTreeSet<u32>,
    /// It changed definitions.
    pub(super) definitions: bool,
    /// The numbers of the manual invalidations that it is.
    pub(super) wishes: Vec<u64>,
}

/// What an event brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A part of a transaction.
    Part,
    /// The end of one.
    Committed(Transaction),
    /// All that was committed before this has come.
    Until(Lsn),
    /// The stream is over.
    Over,
}

/// Puts the events of a replication stream together to transactions.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    open: Option<Transaction>,
}

impl Assembler {
    /// Takes in the next event.
    pub(super) fn take(&mut self, event: ReplicationEvent) -> Result<Step, Malformed> {
        match event {
            ReplicationEvent::Begin { xid, .. } => {
                self.open = Some(Transaction { xid, ..Transaction::default() });
            }
            ReplicationEvent::XLogData { data, .. } => {
                let tables = changed_tables(&data)?;
                if !tables.is_empty() {
                    self.part()?.changed.extend(tables);
                }
            }
            ReplicationEvent::Message { transactional: true, prefix, content, .. }
                if prefix == MESSAGE_PREFIX =>
            {
                let text = String::from_utf8_lossy(&content).into_owned();
                let part = self.part()?;
                if let Some((number, tables)) =
                    text.strip_prefix(CHANGED).and_then(|rest| rest.split_once(':'))
                {
                    part.wishes.extend(number.parse::<u64>());
                    part.changed.extend(tables.split(',').filter_map(|oid| oid.parse::<u32>().ok()));
                } else if text == DEFINITIONS {
                    part.definitions = true;
                }
            }
            ReplicationEvent::Message { .. } => {}
            ReplicationEvent::Commit { end_lsn, .. } => {
                let mut transaction =
                    self.open.take().ok_or_else(|| Malformed("a commit without a beginning".to_owned()))?;
                transaction.lsn = Lsn(end_lsn.as_u64());
                return Ok(Step::Committed(transaction));
            }
            ReplicationEvent::KeepAlive { wal_end, .. } => return Ok(Step::Until(Lsn(wal_end.as_u64()))),
            ReplicationEvent::StoppedAt { .. } => return Ok(Step::Over),
        }
        Ok(Step::Part)
    }

    fn part(&mut self) -> Result<&mut Transaction, Malformed> {
        self.open.as_mut().ok_or_else(|| Malformed("a change outside of a transaction".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn begin(xid: u32) -> ReplicationEvent {
        ReplicationEvent::Begin { final_lsn: 9.into(), xid, commit_time_micros: 0 }
    }

    fn commit(lsn: u64) -> ReplicationEvent {
        ReplicationEvent::Commit { lsn: 1.into(), end_lsn: lsn.into(), commit_time_micros: 0 }
    }

    fn data(bytes: &'static [u8]) -> ReplicationEvent {
        let data = Bytes::from_static(bytes);
        ReplicationEvent::XLogData { wal_start: 0.into(), wal_end: 0.into(), server_time_micros: 0, data }
    }

    fn message(prefix: &str, content: &'static str, transactional: bool) -> ReplicationEvent {
        ReplicationEvent::Message {
            transactional,
            lsn: 0.into(),
            prefix: prefix.to_owned(),
            content: Bytes::from_static(content.as_bytes()),
        }
    }

    #[test]
    fn a_transaction_is_what_stands_between_begin_and_commit() {
        let mut assembler = Assembler::default();
        for event in [
            begin(7),
            data(b"I\0\0\0\x05N"),
            data(b"D\0\0\0\x05K"),
            data(b"T\0\0\0\x01\0\0\0\0\x06"),
            message("slipstream", "changed:3:8,9,x", true),
            message("other", "ddl", true),
            message("slipstream", "ddl", false),
        ] {
            assert_eq!(assembler.take(event).unwrap(), Step::Part);
        }
        let changed = BTreeSet::from([5, 6, 8, 9]);
        let expected = Transaction { xid: 7, lsn: Lsn(20), changed, definitions: false, wishes: vec![3] };
        assert_eq!(assembler.take(commit(20)).unwrap(), Step::Committed(expected));
        assembler.take(begin(8)).unwrap();
        assembler.take(message("slipstream", "ddl", true)).unwrap();
        assert!(matches!(assembler.take(commit(30)).unwrap(), Step::Committed(t) if t.definitions));
    }

    #[test]
    fn what_makes_no_sense_ends_the_session() {
        assert!(Assembler::default().take(commit(1)).is_err());
        assert!(Assembler::default().take(data(b"I\0\0\0\x05N")).is_err());
        assert!(Assembler::default().take(data(b"")).is_err());
    }
}
