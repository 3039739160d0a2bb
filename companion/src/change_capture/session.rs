//! One session of following: from connecting to whatever ends it.
//!
//! Three things make its records trustworthy. A commit is published only once everyone sees it: a commit may come out of
//! the log before that, and a query that starts in between would read the old rows and be taken for one that read the new
//! ones. What is published is in the order of commits. And a record says that it is complete as of an earlier record only
//! if the stream has come past the end of the log as it was read after that record was acknowledged.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use pgwire_replication::{PgWireError, ReplicationClient, ReplicationConfig, ReplicationEvent};
use query_cache_model::{Lsn, Record};
use tokio::sync::{mpsc, oneshot};

use super::assembler::{Assembler, CHANGED, DEFINITIONS, Step, Transaction};
use super::catalogue::{Catalogue, Tables, quoted};
use super::database::{Address, Database, Identity, Look};
use super::pgoutput::Malformed;
use super::publisher::{PublishError, Publisher};
use super::status::Phase;
use super::tags::Mapping;
use super::{ChangeCapture, Invalidate};
use crate::random;

/// How soon it is looked again whether a commit is visible that was not.
const SOON: Duration = Duration::from_micros(500);
/// How long the log may take to come past a mark before a message is written that takes it along: a commit that did not
/// wait for the disk, or the end of a page, may keep it.
const NUDGE: Duration = Duration::from_millis(20);
/// Events that may wait between the stream and this session.
const BUFFERED: usize = 8_192;
/// Events that are taken in before others get their turn.
const BATCH: usize = 1_000;

/// Why a session ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Another companion follows this database.
    Standby,
    /// A setting here or in the server does not allow it.
    Settings(String),
    /// The database cannot be reached, or broke off.
    Database(String),
    /// The replication stream broke off, or made no sense.
    Stream(String),
    /// Nothing could be published.
    Publish(String),
    /// It fell too far behind.
    Lagging(String),
}

impl Ended {
    /// How they are counted.
    pub(super) const OUTCOMES: [&str; 6] =
        ["standby", "settings", "database", "stream", "publish", "lagging"];

    pub(super) fn database(reason: impl Into<String>) -> Self {
        Self::Database(reason.into())
    }

    pub(super) fn settings(reason: impl Into<String>) -> Self {
        Self::Settings(reason.into())
    }

    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Settings(_) => "settings",
            Self::Database(_) => "database",
            Self::Stream(_) => "stream",
            Self::Publish(_) => "publish",
            Self::Lagging(_) => "lagging",
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standby => write!(f, "another companion follows this database"),
            Self::Settings(reason) | Self::Lagging(reason) => write!(f, "{reason}"),
            Self::Database(reason) => write!(f, "the database: {reason}"),
            Self::Stream(reason) => write!(f, "the replication stream: {reason}"),
            Self::Publish(reason) => write!(f, "publishing: {reason}"),
        }
    }
}

impl From<tokio_postgres::Error> for Ended {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(super::catalogue::reason(&error))
    }
}

impl From<PgWireError> for Ended {
    fn from(error: PgWireError) -> Self {
        Self::Stream(error.to_string())
    }
}

impl From<Malformed> for Ended {
    fn from(error: Malformed) -> Self {
        Self::Stream(error.to_string())
    }
}

impl From<PublishError> for Ended {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Owned => Self::Standby,
            other => Self::Publish(other.to_string()),
        }
    }
}

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

/// That everything up to here has come is what makes a record complete.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// The last record that was acknowledged before the log's end was read.
    since: u64,
    /// The log's end then.
    until: Lsn,
    at: Instant,
    nudged: bool,
}

/// Tables that are followed once all transactions before this id are over: a publication misses what such a transaction
/// writes to a table that was added meanwhile.
struct Waiting {
    id: u64,
    tables: Vec<u32>,
}

struct Session<'a> {
    capture: &'a ChangeCapture,
    database: Database,
    identity: Identity,
    mappings: Vec<Mapping>,
    stream: ReplicationClient,
    publisher: Publisher,
    assembler: Assembler,
    tables: Tables,
    /// Tables that were published to be followed, in this session.
    followed: BTreeSet<u32>,
    waiting: Vec<Waiting>,
    /// Commits that have come and are not published yet.
    pending: VecDeque<Transaction>,
    /// All that was committed before this has come.
    decoded: Lsn,
    mark: Option<Mark>,
    next_mark: Instant,
    complete: Instant,
    has_trigger: bool,
    fingerprint: String,
    next_poll: Instant,
    /// Manual invalidations by their numbers, and who waits for them.
    acknowledge: HashMap<u64, oneshot::Sender<Result<Lsn, String>>>,
    /// The furthest place that was published.
    known: Lsn,
}

async fn start(capture: &ChangeCapture) -> Result<Option<Session<'_>>, Ended> {
    let settings = &capture.settings;
    let address = Address::parse(settings.url.reveal())
        .map_err(|reason| Ended::settings(format!("change_capture.url: {reason}")))?;
    let database = Database::connect(&address).await?;
    let identity = database.identity().await?;
    let epoch = random::number();
    let previous = capture.epoch.swap(epoch, Ordering::Relaxed);
    let mut publisher = Publisher::connect(capture.redis.as_ref(), &identity.name, epoch, previous).await?;
    if publisher.is_owned().await? {
        return Ok(None);
    }
    let mappings: Vec<Mapping> = settings.tags.iter().filter_map(|text| Mapping::parse(text)).collect();
    let catalogue = Catalogue {
        database: &database,
        identity: &identity,
        publication: &settings.publication,
        wanted: &settings.tables,
        mappings: &mappings,
    };
    catalogue.ensure_publication().await?;
    let no_trigger = catalogue.ensure_trigger().await?;
    // Published before the slot is made, so that the slot begins after all transactions that were running then.
    catalogue.tables().await?;
    let (stream, lsn) = open_stream(&address, settings, epoch).await?;
    let fingerprint = catalogue.fingerprint(no_trigger.is_none()).await?;
    let tables = catalogue.tables().await?;
    publisher.take(lsn, &identity.timeline).await?;
    describe(capture, &identity, epoch, no_trigger.as_deref());
    let now = Instant::now();
    let mut session = Session {
        capture,
        mappings,
        stream,
        publisher,
        assembler: Assembler::default(),
        tables,
        followed: BTreeSet::new(),
        waiting: Vec::new(),
        pending: VecDeque::new(),
        decoded: lsn,
        mark: None,
        next_mark: now,
        complete: now,
        has_trigger: no_trigger.is_none(),
        fingerprint,
        next_poll: now + Duration::from_millis(settings.definitions_poll_ms),
        acknowledge: HashMap::new(),
        known: lsn,
        database,
        identity,
    };
    session.begin().await?;
    Ok(Some(session))
}

/// Makes a slot that goes with its connection, and opens its stream; where the stream begins.
async fn open_stream(
    address: &Address,
    settings: &crate::config::ChangeCapture,
    epoch: u64,
) -> Result<(ReplicationClient, Lsn), Ended> {
    let slot = format!("{}_{epoch:016x}", settings.slot);
    let (host, port) = (address.host.as_str(), address.port);
    let config = ReplicationConfig::new(
        host,
        &address.user,
        &address.password,
        &address.database,
        &slot,
        settings.publication.as_str(),
    )
    .with_port(port)
    .with_application_name("slipstream change capture")
    .with_status_interval(Duration::from_secs(1))
    .with_buffer_size(BUFFERED);
    let mut stream = ReplicationClient::connect_gated(config).await?;
    let sql =
        format!("CREATE_REPLICATION_SLOT {} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT", quoted(&slot));
    let rows = stream.simple_query(&sql).await?;
    let begins = rows.first().and_then(|row| row.get(1)?.as_ref());
    let begins = begins.and_then(|text| std::str::from_utf8(text).ok()?.parse::<Lsn>().ok());
    let begins = begins.ok_or_else(|| Ended::Stream("a new slot without a position".to_owned()))?;
    stream.start().await?;
    stream.wait_started().await?;
    Ok((stream, begins))
}

fn describe(capture: &ChangeCapture, identity: &Identity, epoch: u64, no_trigger: Option<&str>) {
    let mut warnings = Vec::new();
    if identity.wal_bound.is_none() {
        warnings.push(
            "the server's max_slot_wal_keep_size is unlimited: a companion that hangs could fill its disk; set it".to_owned(),
        );
    }
    if capture.redis.is_none() {
        warnings
            .push("no Redis is configured: responses are purged, but query caches learn nothing".to_owned());
    }
    let poll = capture.settings.definitions_poll_ms;
    let definitions = match no_trigger {
        None => format!("by event triggers at once; roles every {poll} ms"),
        Some(why) => {
            warnings
                .push(format!("no event triggers ({why}): a changed definition is noticed within {poll} ms"));
            format!("every {poll} ms")
        }
    };
    for warning in &warnings {
        tracing::warn!("change capture: {warning}");
    }
    capture.metrics.wal_bound_bytes.set(identity.wal_bound.unwrap_or(-1));
    capture.status.update(|report| {
        report.phase = Phase::Following;
        report.error = None;
        report.database.clone_from(&identity.name);
        report.epoch = format!("{epoch:016x}");
        report.definitions = definitions;
        report.warnings = warnings;
    });
}

impl Session<'_> {
    fn catalogue(&self) -> Catalogue<'_> {
        Catalogue {
            database: &self.database,
            identity: &self.identity,
            publication: &self.capture.settings.publication,
            wanted: &self.capture.settings.tables,
            mappings: &self.mappings,
        }
    }

    /// What is followed from the beginning. What was written before nobody knows.
    async fn begin(&mut self) -> Result<(), Ended> {
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

    /// Publishes the commits that everyone sees, in their order.
    async fn publish_visible(&mut self, look: &Look) -> Result<(), Ended> {
        let mut record = Record::default();
        let mut wishes = Vec::new();
        while self.pending.front().is_some_and(|transaction| look.shows(transaction.xid)) {
            let Some(transaction) = self.pending.pop_front() else { break };
            self.capture.metrics.commits.inc();
            record.lsn = transaction.lsn;
            let tags = transaction.changed.iter().filter_map(|table| self.tables.tags.get(table)).flatten();
            self.capture.purger.purge(tags.cloned().collect::<BTreeSet<_>>());
            record.changed.extend(transaction.changed);
            wishes.extend(transaction.wishes);
            if transaction.definitions {
                record.reset = true;
                self.send(std::mem::take(&mut record)).await?;
                self.renew().await?;
            }
        }
        if !record.changed.is_empty() {
            self.send(record).await?;
        }
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
    async fn follow_more(&mut self, look: &Look) -> Result<(), Ended> {
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

    /// Publishes that everything is known that had been committed at the mark, once it is.
    async fn complete_mark(&mut self) -> Result<(), Ended> {
        let Some(mark) = self.mark else { return Ok(()) };
        let has_come = self.decoded >= mark.until
            && self.pending.front().is_none_or(|transaction| transaction.lsn > mark.until);
        if has_come {
            let lsn = if self.pending.is_empty() { self.decoded } else { mark.until };
            self.publish(Record { lsn, complete_since: Some(mark.since), ..Record::default() }).await?;
            self.stream.update_applied_lsn(lsn.0.into());
            self.complete = mark.at;
            self.capture.status.complete(mark.at);
            self.capture.status.update(|report| report.lsn = lsn.to_string());
            self.mark = None;
            self.next_mark = mark.at + Duration::from_millis(self.capture.settings.heartbeat_ms);
        } else if mark.at.elapsed() >= NUDGE {
            if !mark.nudged {
                self.database.emit("flush").await?;
                self.mark = Some(Mark { nudged: true, ..mark });
            }
            let look = self.database.look().await?;
            self.measure(&look)?;
        }
        Ok(())
    }

    fn measure(&mut self, look: &Look) -> Result<(), Ended> {
        let lag = look.written.0.saturating_sub(self.decoded.0);
        let age = self.complete.elapsed();
        let settings = &self.capture.settings;
        self.capture.metrics.lag_bytes.set(i64::try_from(lag).unwrap_or(i64::MAX));
        self.capture.metrics.lag_milliseconds.set(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        self.capture.status.update(|report| report.lag_bytes = lag);
        if lag > settings.max_lag_bytes {
            return Err(Ended::Lagging(format!(
                "{lag} bytes of log behind, more than change_capture.max_lag_bytes ({}): the slot is given up",
                settings.max_lag_bytes
            )));
        }
        if age > Duration::from_millis(settings.max_lag_ms) {
            return Err(Ended::Lagging(format!(
                "{} ms behind, more than change_capture.max_lag_ms ({}): the slot is given up",
                age.as_millis(),
                settings.max_lag_ms
            )));
        }
        Ok(())
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

const WAITS: &str =
    "new tables are followed once the transactions are over that were running when they were published";
