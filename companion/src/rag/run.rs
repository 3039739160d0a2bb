//! One answer under way, or complete: its events, who writes them, and who reads them.
//!
//! Events are kept as long as they may be read again. The writer is at most a window ahead of the reader who is farthest; there
//! it waits, and what it does not read piles up at the engine, not here.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use event_stream::Frame;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::engine::Source;
use super::slots::Slot;

/// What a run takes beside its events, roughly, in bytes.
const OVERHEAD: usize = 1_024;
/// Events that are handed to a reader at once, in bytes.
const READ_BYTES: usize = 16_384;
/// What ends the ids of events after which nothing comes.
pub(crate) const LAST: &str = "last";

/// Why an answer is not given to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Nobody reads it any more.
    ClientLeft,
    /// Somebody could, and does not.
    SlowReader,
}

impl Stopped {
    /// All there are.
    pub(crate) const ALL: [Self; 2] = [Self::ClientLeft, Self::SlowReader];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ClientLeft => "client_left",
            Self::SlowReader => "slow_reader",
        }
    }
}

/// What came of a question.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) answer: String,
    pub(crate) sources: Vec<Source>,
    pub(crate) found: bool,
    pub(crate) cached: bool,
    pub(crate) similarity: f32,
    /// The reason for programs, and the message for people, of what went wrong.
    pub(crate) error: Option<(&'static str, String)>,
}

/// How far writer and readers may be apart, in bytes and time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) window: u64,
    pub(crate) slow: Duration,
    pub(crate) grace: Duration,
    /// What all runs together may keep, in bytes.
    pub(crate) kept: usize,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: String,
    /// Whose question which it is: nobody else may read on.
    pub(crate) owner: String,
    limits: Limits,
    slot: Mutex<Weak<Slot>>,
    log: Mutex<Log>,
    /// How many events there are; an end is one more.
    grown: watch::Sender<usize>,
    /// Up to which byte it was read.
    read: watch::Sender<u64>,
    readers: watch::Sender<usize>,
    /// Its last reader was cut off because it did not read.
    was_slow: AtomicBool,
    /// What all runs together keep, in bytes.
    kept: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct Log {
    events: VecDeque<Written>,
    /// The number of the first event that is kept.
    first: usize,
    written: u64,
    is_over: bool,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
struct Written {
    wire: Bytes,
    /// The byte of the answer at which it ends.
    end: u64,
}

impl Run {
    pub(crate) fn new(
        id: String,
        owner: String,
        limits: Limits,
        slot: &Arc<Slot>,
        kept: Arc<AtomicUsize>,
    ) -> Self {
        kept.fetch_add(OVERHEAD, Ordering::Relaxed);
        Self {
            id,
            owner,
            limits,
            slot: Mutex::new(Arc::downgrade(slot)),
            log: Mutex::default(),
            grown: watch::Sender::new(0),
            read: watch::Sender::new(0),
            readers: watch::Sender::new(0),
            was_slow: AtomicBool::new(false),
            kept,
        }
    }

    /// Adds an event, once its reader has kept up. Must not be called by two at a time.
    pub(crate) async fn add(&self, event: &str, data: &str) -> Result<(), Stopped> {
        self.wait_for_room().await?;
        self.append(event, data, "");
        Ok(())
    }

    /// Adds the last event. It waits for nobody: a reader who is behind finds it when there is time.
    pub(crate) fn end(&self, event: &str, data: &str, outcome: Outcome) {
        self.append(event, data, LAST);
        {
            let mut log = self.log();
            log.is_over = true;
            log.outcome = Some(outcome);
        }
        self.grown.send_modify(|grown| *grown += 1);
    }

    /// Ends it without a word: there is nobody to hear one.
    pub(crate) fn abandon(&self) {
        self.log().is_over = true;
        self.grown.send_modify(|grown| *grown += 1);
    }

    /// Done when nobody has read it for the time of grace; why.
    pub(crate) async fn abandoned(&self) -> Stopped {
        let mut readers = self.readers.subscribe();
        loop {
            // The run has the sender itself: waiting cannot fail.
            let _ = readers.wait_for(|readers| *readers == 0).await;
            if timeout(self.limits.grace, readers.wait_for(|readers| *readers > 0)).await.is_err() {
                let was_slow = self.was_slow.load(Ordering::Relaxed);
                return if was_slow { Stopped::SlowReader } else { Stopped::ClientLeft };
            }
        }
    }

    /// What came of it, once it is over.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.log().outcome.clone()
    }

    fn append(&self, event: &str, data: &str, mark: &str) {
        let number = {
            let mut log = self.log();
            let number = log.first + log.events.len();
            let mut wire = String::with_capacity(data.len() + 80);
            Frame { id: &format!("{}-{number}{mark}", self.id), event, data }.write(&mut wire);
            log.written += wire.len() as u64;
            let end = log.written;
            self.kept.fetch_add(wire.len(), Ordering::Relaxed);
            log.events.push_back(Written { wire: wire.into(), end });
            if self.kept.load(Ordering::Relaxed) > self.limits.kept {
                self.drop_read(&mut log);
            }
            number
        };
        self.grown.send_replace(number + 1);
    }

    /// Gives up that what was read can be read again, for want of room.
    fn drop_read(&self, log: &mut Log) {
        let read = *self.read.borrow();
        while log.events.front().is_some_and(|event| event.end <= read) {
            if let Some(event) = log.events.pop_front() {
                self.kept.fetch_sub(event.wire.len(), Ordering::Relaxed);
                log.first += 1;
            }
        }
    }

    async fn wait_for_room(&self) -> Result<(), Stopped> {
        let written = self.log().written;
        let mut read = self.read.subscribe();
        let has_room = |read: &u64| written.saturating_sub(*read) < self.limits.window;
        loop {
            let before = *read.borrow_and_update();
            if has_room(&before) {
                return Ok(());
            }
            // Whoever reads a little has time anew.
            match timeout(self.limits.slow, read.changed()).await {
                Ok(_) => {}
                // Whether somebody may come back is for `abandoned` to say.
                Err(_) if *self.readers.borrow() == 0 => {}
                Err(_) => return Err(Stopped::SlowReader),
            }
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds its place among the answers that are given, if it still has one.
    pub(crate) fn slot(&self) -> Option<Arc<Slot>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    /// From now on this is its place.
    pub(crate) fn take_slot(&self, slot: &Arc<Slot>) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(slot);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let events: usize = self.log().events.iter().map(|event| event.wire.len()).sum();
        self.kept.fetch_sub(events + OVERHEAD, Ordering::Relaxed);
    }
}

/// Somebody who reads an answer.
#[derive(Debug)]
pub(crate) struct Reader {
    run: Arc<Run>,
    next: usize,
    grown: watch::Receiver<usize>,
    heartbeat: Duration,
    /// When it asked for more.
    asked: Instant,
    _slot: Arc<Slot>,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Read {
    /// Events, as they are sent.
    Events(Bytes),
    /// Nothing has come for the time of a heartbeat.
    Silence,
    /// That was all.
    End,
}

impl Reader {
    /// One who reads an answer that has just begun.
    pub(crate) fn first(run: &Arc<Run>, heartbeat: Duration, slot: Arc<Slot>) -> Self {
        run.readers.send_modify(|readers| *readers += 1);
        let grown = run.grown.subscribe();
        Self { run: Arc::clone(run), next: 0, grown, heartbeat, asked: Instant::now(), _slot: slot }
    }

    /// One who reads from this event on; none if it is not kept any more.
    pub(crate) fn new(run: &Arc<Run>, from: usize, heartbeat: Duration, slot: Arc<Slot>) -> Option<Self> {
        {
            let log = run.log();
            // An abandoned run has no end to be read.
            let is_cut = log.is_over && log.outcome.is_none();
            if from < log.first || from > log.first + log.events.len() || is_cut {
                return None;
            }
        }
        let mut reader = Self::first(run, heartbeat, slot);
        reader.next = from;
        Some(reader)
    }

    /// What comes next.
    pub(crate) async fn read(&mut self) -> Read {
        self.asked = Instant::now();
        loop {
            self.grown.mark_unchanged();
            if let Some(read) = self.take() {
                return read;
            }
            tokio::select! {
                // The run has the sender, and this the run.
                _ = self.grown.changed() => {}
                () = sleep(self.heartbeat) => return Read::Silence,
            }
        }
    }

    fn take(&mut self) -> Option<Read> {
        let log = self.run.log();
        let Some(offset) = self.next.checked_sub(log.first) else { return Some(Read::End) };
        let mut some = Vec::new();
        let (mut count, mut end) = (0, 0);
        for event in log.events.iter().skip(offset) {
            if count > 0 && some.len() + event.wire.len() > READ_BYTES {
                break;
            }
            some.extend_from_slice(&event.wire);
            (count, end) = (count + 1, event.end);
        }
        if count == 0 {
            return log.is_over.then_some(Read::End);
        }
        drop(log);
        self.next += count;
        self.run.read.send_if_modified(|read| {
            let is_farther = end > *read;
            *read = end.max(*read);
            is_farther
        });
        Some(Read::Events(some.into()))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // A connection that cannot be written to ends by itself: then there is something that was not asked for in all that time.
        // Its time may have begun a little before it asked last.
        let has_more = *self.grown.borrow() > self.next;
        let is_slow = has_more && self.asked.elapsed() * 2 >= self.run.limits.slow;
        self.run.was_slow.store(is_slow, Ordering::Relaxed);
        self.run.readers.send_modify(|readers| *readers = readers.saturating_sub(1));
    }
}
