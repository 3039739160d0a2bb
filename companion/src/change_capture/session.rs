//! One session of following: from connecting to whatever ends it.
//!
//! Three things make its records trustworthy. A commit is published only once everyone sees it: a commit may come out of
//! the log before that, and a query that starts in between would read the old rows and be taken for one that read the new
//! ones. What is published is in the order of commits. And a record says that it is complete as of an earlier record only
//! if the stream has come past the end of the log as it was read after that record was acknowledged.

mod completeness;
mod visibility;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use pgwire_replication::{ReplicationClient, ReplicationEvent};
use query_cache_model::{Lsn, Record};
use tokio::sync::{mpsc, oneshot};

use super::assembler::{Assembler, CHANGED, DEFINITIONS, Step, Transaction};
use super::catalogue::Catalogue;
use super::database::{Database, Identity};
use super::ended::Ended;
use super::publisher::Publisher;
use super::start::start;
use super::tables::{Tables, Wanted};
use super::tags::Mapping;
use super::{ChangeCapture, Invalidate};
use crate::random;
use completeness::{Mark, NUDGE};
use visibility::Waiting;

/// How soon it is looked again whether a commit is visible that was not.
const SOON: Duration = Duration::from_micros(500);
/// Events that are taken in before others get their turn.
const BATCH: usize = 1_000;
const WAITS: &str =
    "new tables are followed once the transactions are over that were running when they were published";

/// Follows until something ends it.
pub(super) async fn run(capture: &ChangeCapture, inbox: &mut mpsc::Receiver<Invalidate>) -> Ended {
    match start(capture).await {
        Ok(Some(mut session)) => match session.follow(inbox).await {
            Ok(()) => Ended::Stream("it ended".to_owned()),
            Err(ended) => ended,
        },
        Ok(None) => Ended::Standby,
        Err(ended) => ended,
    }
}

/// What a session knows.
pub(super) struct Session<'a> {
    pub(super) capture: &'a ChangeCapture,
    pub(super) database: Database,
    pub(super) identity: Identity,
    pub(super) mappings: Vec<Mapping>,
    pub(super) stream: ReplicationClient,
    pub(super) publisher: Publisher,
    pub(super) assembler: Assembler,
    pub(super) tables: Tables,
    /// Tables that were published to be followed, in this session.
    pub(super) followed: BTreeSet<u32>,
    pub(super) waiting: Vec<Waiting>,
    /// Commits that have come and are not published yet.
    pub(super) pending: VecDeque<Transaction>,
    /// All that was committed before this has come.
    pub(super) decoded: Lsn,
    pub(super) mark: Option<Mark>,
    pub(super) next_mark: Instant,
    pub(super) complete: Instant,
    pub(super) has_trigger: bool,
    pub(super) fingerprint: String,
    pub(super) next_poll: Instant,
    /// Manual invalidations by their numbers, and who waits for them.
    pub(super) acknowledge: HashMap<u64, oneshot::Sender<Result<Lsn, String>>>,
    /// The furthest place that was published.
    pub(super) known: Lsn,
}

impl Session<'_> {
    fn catalogue(&self) -> Catalogue<'_> {
        Catalogue {
            database: &self.database,
            identity: &self.identity,
            publication: &self.capture.settings.publication,
            wanted: Wanted { patterns: &self.capture.settings.tables, mappings: &self.mappings },
        }
    }

    /// What is followed from the beginning. What was written before nobody knows.
    pub(super) async fn begin(&mut self) -> Result<(), Ended> {
        self.followed = self.tables.published.iter().copied().collect();
        let tracked = self.tables.published.clone();
        self.publish(Record { lsn: self.decoded, tracked, ..Record::default() }).await?;
        self.capture.purger.purge(self.mappings.iter().map(|mapping| mapping.tag().to_owned()));
        self.capture.metrics.up.set(1);
        self.describe_tables();
        tracing::info!(database = %self.identity.name, tables = self.followed.len(), "following the database's changes");
        Ok(())
    }

    async fn follow(&mut self, inbox: &mut mpsc::Receiver<Invalidate>) -> Result<(), Ended> {
        loop {
            let wait_until = if self.pending.is_empty() {
                let next = match self.mark {
                    None => self.next_mark,
                    Some(mark) if mark.nudged => Instant::now() + NUDGE,
                    Some(mark) => mark.at + NUDGE,
                };
                next.min(self.next_poll).max(Instant::now())
            } else {
                Instant::now() + SOON
            };
            tokio::select! {
                biased;
                event = self.stream.recv() => {
                    let Some(event) = event? else { return Ok(()) };
                    if !self.take(event)? || !self.drain()? {
                        return Ok(());
                    }
                }
                Some(wish) = inbox.recv() => self.wish(wish).await?,
                () = tokio::time::sleep_until(wait_until.into()) => {}
            }
            self.proceed().await?;
        }
    }

    /// Takes in an event; whether the stream goes on.
    fn take(&mut self, event: ReplicationEvent) -> Result<bool, Ended> {
        match self.assembler.take(event)? {
            Step::Part => {}
            Step::Committed(mut transaction) => {
                self.decoded = self.decoded.max(transaction.lsn);
                transaction.definitions |=
                    self.tables.chunk_list.is_some_and(|list| transaction.changed.contains(&list));
                if transaction.definitions || !transaction.changed.is_empty() {
                    self.pending.push_back(transaction);
                }
            }
            Step::Until(lsn) => self.decoded = self.decoded.max(lsn),
            Step::Over => return Ok(false),
        }
        Ok(true)
    }

    /// Takes in what is here already.
    fn drain(&mut self) -> Result<bool, Ended> {
        for _ in 0..BATCH {
            let event = {
                let mut next = pin!(self.stream.recv());
                match next.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Pending => return Ok(true),
                    Poll::Ready(event) => event?,
                }
            };
            let Some(event) = event else { return Ok(false) };
            if !self.take(event)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Publishes what can be, and says how complete it is.
    async fn proceed(&mut self) -> Result<(), Ended> {
        let now = Instant::now();
        if now >= self.next_poll {
            self.poll_definitions().await?;
        }
        if !self.pending.is_empty() || (self.mark.is_none() && now >= self.next_mark) {
            let since = self.publisher.number();
            let look = self.database.look().await?;
            if self.mark.is_none() {
                self.mark = Some(Mark { since, until: look.written, at: now, nudged: false });
            }
            self.measure(&look)?;
            self.publish_visible(&look).await?;
            self.follow_more(&look).await?;
        }
        self.complete_mark().await
    }

    async fn poll_definitions(&mut self) -> Result<(), Ended> {
        self.next_poll = Instant::now() + Duration::from_millis(self.capture.settings.definitions_poll_ms);
        let fingerprint = self.catalogue().fingerprint(self.has_trigger).await?;
        if fingerprint != self.fingerprint {
            self.fingerprint = fingerprint;
            // Through the log, so that it has a place in the order of commits.
            self.database.emit(DEFINITIONS).await?;
        }
        Ok(())
    }

    async fn wish(&mut self, Invalidate { tables, reply }: Invalidate) -> Result<(), Ended> {
        let mut oids = BTreeSet::new();
        for table in &tables {
            let named = self.tables.named(table);
            if named.is_empty() {
                let _ = reply.send(Err(format!("there is no table {table}")));
                return Ok(());
            }
            oids.extend(named);
        }
        let oids: Vec<String> = oids.iter().map(u32::to_string).collect();
        let number = random::number();
        self.acknowledge.retain(|_, reply| !reply.is_closed());
        self.acknowledge.insert(number, reply);
        self.database.emit(&format!("{CHANGED}{number}:{}", oids.join(","))).await
    }

    async fn publish(&mut self, mut record: Record) -> Result<(), Ended> {
        record.lsn = record.lsn.max(self.known);
        self.known = record.lsn;
        self.publisher.publish(record).await?;
        self.capture.metrics.records.inc();
        Ok(())
    }

    fn describe_tables(&self) {
        let mut tables = self.tables.status.clone();
        let refused = tables.iter().filter(|table| table.refused.is_some()).count();
        let waiting = self.waiting.iter().map(|waiting| waiting.tables.len()).sum::<usize>();
        tables.sort_by(|one, other| one.table.cmp(&other.table));
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.capture.metrics.tables.set(number(self.followed.len()));
        self.capture.metrics.refused.set(number(refused));
        self.capture.status.update(|report| {
            report.tables = tables;
            report.warnings.retain(|warning| !warning.ends_with(WAITS));
            if waiting > 0 {
                report.warnings.push(format!("{waiting} {WAITS}"));
            }
        });
    }
}
