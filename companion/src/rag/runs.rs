//! The answers that can be read, again or for the first time.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::run::{LAST, Limits, Run};
use super::slots::Slot;
use crate::random;

/// The answers that can be read.
#[derive(Debug)]
pub(crate) struct Runs {
    limits: Limits,
    keep: Duration,
    kept: Arc<AtomicUsize>,
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    by_id: HashMap<String, Arc<Run>>,
    /// Those that are over, the oldest first.
    over: VecDeque<(Instant, String)>,
}

/// What a client that comes back has last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// An event, and there are more.
    Some {
        /// Which answer's.
        run: String,
        /// The one that comes next.
        next: usize,
    },
    /// All there was.
    All,
}

/// Reads an event's id.
pub(crate) fn seen(id: &str) -> Option<Seen> {
    if id.ends_with(LAST) {
        return Some(Seen::All);
    }
    let (run, number) = id.split_once('-')?;
    Some(Seen::Some { run: run.to_owned(), next: number.parse::<usize>().ok()?.checked_add(1)? })
}

impl Runs {
    pub(crate) fn new(limits: Limits, keep: Duration) -> Self {
        Self { limits, keep, kept: Arc::default(), all: Mutex::default() }
    }

    /// Begins one.
    pub(crate) fn begin(&self, owner: String, slot: &Arc<Slot>, can_come_back: bool) -> Arc<Run> {
        let id = format!("{:016x}{:016x}", random::number(), random::number());
        let mut limits = self.limits;
        if !can_come_back {
            limits.grace = Duration::ZERO;
        }
        let run = Arc::new(Run::new(id.clone(), owner, limits, slot, Arc::clone(&self.kept)));
        if can_come_back {
            self.all().by_id.insert(id, Arc::clone(&run));
        }
        self.tidy();
        run
    }

    /// One that somebody wants to read on, who must be the one who asked.
    pub(crate) fn find(&self, id: &str, owner: &str) -> Option<Arc<Run>> {
        self.all().by_id.get(id).filter(|run| run.owner == owner).map(Arc::clone)
    }

    /// It is over, and may be read for a while; or forgotten at once, if there is nothing to be read.
    pub(crate) fn over(&self, run: &Run, may_be_read: bool) {
        let mut all = self.all();
        if may_be_read && !self.keep.is_zero() {
            if all.by_id.contains_key(&run.id) {
                all.over.push_back((Instant::now(), run.id.clone()));
            }
        } else {
            all.by_id.remove(&run.id);
        }
        drop(all);
        self.tidy();
    }

    /// Forgets what is over for too long, or is too much.
    pub(crate) fn tidy(&self) {
        let mut all = self.all();
        while let Some((since, id)) = all.over.front() {
            let is_too_much = self.kept.load(Ordering::Relaxed) > self.limits.kept;
            if !is_too_much && since.elapsed() < self.keep {
                break;
            }
            let id = id.clone();
            all.over.pop_front();
            all.by_id.remove(&id);
        }
    }

    /// What is kept, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::run::{Outcome, Read, Reader, Stopped};
    use super::super::slots::{Full, Slots};
    use super::*;

    const LIMITS: Limits =
        Limits { window: 4_000, slow: Duration::from_secs(5), grace: Duration::from_secs(3), kept: 20_000 };
    const HEARTBEAT: Duration = Duration::from_secs(1);

    fn runs(keep_secs: u64) -> (Runs, Arc<Slots>) {
        (Runs::new(LIMITS, Duration::from_secs(keep_secs)), Arc::new(Slots::new(100, 2)))
    }

    fn text(read: Read) -> String {
        match read {
            Read::Events(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn ids_say_what_was_seen() {
        for (id, expected) in [
            ("ab-0", Some(Seen::Some { run: "ab".to_owned(), next: 1 })),
            ("ab-7last", Some(Seen::All)),
            ("", None),
            ("ab", None),
            ("ab-x", None),
            ("ab-18446744073709551615", None),
        ] {
            assert_eq!(seen(id), expected, "{id}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_comes_back_where_it_left() {
        let (runs, slots) = runs(60);
        let slot = slots.take("").unwrap();
        let run = runs.begin("me".to_owned(), &slot, true);
        run.add("start", "{}").await.unwrap();
        run.add("chunk", "a").await.unwrap();
        let mut reader = Reader::new(&run, 0, HEARTBEAT, Arc::clone(&slot)).unwrap();
        let first = text(reader.read().await);
        assert!(first.starts_with(&format!("id: {}-0\nevent: start\n", run.id)), "{first}");
        assert_eq!(reader.read().await, Read::Silence);
        drop(reader);
        run.add("chunk", "b").await.unwrap();
        run.end("done", "{}", Outcome::default());
        runs.over(&run, true);

        assert!(runs.find(&run.id, "another").is_none());
        let run = runs.find(&run.id, "me").unwrap();
        let mut reader = Reader::new(&run, 2, HEARTBEAT, Arc::clone(&slot)).unwrap();
        let rest = text(reader.read().await);
        assert!(rest.contains("data: b") && rest.contains("-3last\nevent: done"), "{rest}");
        assert_eq!(reader.read().await, Read::End);
        assert!(Reader::new(&run, 9, HEARTBEAT, slot).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_waits_for_its_reader_and_gives_up() {
        let (runs, slots) = runs(60);
        let slot = slots.take("").unwrap();
        let run = runs.begin(String::new(), &slot, true);
        let mut reader = Reader::new(&run, 0, HEARTBEAT, slot).unwrap();
        let large = "x".repeat(1_500);
        for _ in 0..3 {
            run.add("chunk", &large).await.unwrap();
        }
        let writer = Arc::clone(&run);
        let more = large.clone();
        let writing = tokio::spawn(async move { writer.add("chunk", &more).await });
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(!writing.is_finished());
        assert!(text(reader.read().await).len() > 4_500);
        assert_eq!(writing.await.unwrap(), Ok(()));
        for _ in 0..2 {
            run.add("chunk", &large).await.unwrap();
        }
        assert_eq!(run.add("chunk", &large).await, Err(Stopped::SlowReader));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_is_abandoned_after_the_grace_only() {
        let (runs, slots) = runs(60);
        let slot = slots.take("").unwrap();
        let run = runs.begin(String::new(), &slot, true);
        let reader = Reader::new(&run, 0, HEARTBEAT, Arc::clone(&slot)).unwrap();
        let watched = Arc::clone(&run);
        let abandoned = tokio::spawn(async move { watched.abandoned().await });
        tokio::time::sleep(Duration::from_secs(30)).await;
        drop(reader);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let reader = Reader::new(&run, 0, HEARTBEAT, slot).unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(!abandoned.is_finished());
        drop(reader);
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(abandoned.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let (runs, slots) = runs(1_000);
        let large = "x".repeat(1_500);
        let mut ids = Vec::new();
        for _ in 0..50 {
            let slot = slots.take("").unwrap();
            let run = runs.begin(String::new(), &slot, true);
            let mut reader = Reader::new(&run, 0, HEARTBEAT, slot).unwrap();
            for _ in 0..5 {
                run.add("chunk", &large).await.unwrap();
                assert!(text(reader.read().await).contains("xxx"));
            }
            run.end("done", "", Outcome::default());
            runs.over(&run, true);
            ids.push(run.id.clone());
        }
        assert!(runs.bytes() <= LIMITS.kept, "{}", runs.bytes());
        assert!(
            runs.find(ids.first().unwrap(), "").is_none() && runs.find(ids.last().unwrap(), "").is_some()
        );

        // One that is read all the time, and longer than there is room.
        let slot = slots.take("").unwrap();
        let run = runs.begin(String::new(), &slot, true);
        let mut reader = Reader::new(&run, 0, HEARTBEAT, Arc::clone(&slot)).unwrap();
        for _ in 0..100 {
            run.add("chunk", &large).await.unwrap();
            assert!(text(reader.read().await).contains("xxx"));
        }
        runs.tidy();
        assert!(runs.bytes() < LIMITS.kept + 4_000, "{}", runs.bytes());
        // What was dropped cannot be read again, and is not skipped in silence.
        assert!(Reader::new(&run, 0, HEARTBEAT, slot).is_none());
        drop((run, reader, runs));
    }

    #[test]
    fn places_are_free_again() {
        let slots = Arc::new(Slots::new(3, 2));
        let first = slots.take("a").unwrap();
        let _second = slots.take("a").unwrap();
        assert_eq!(slots.take("a").unwrap_err(), Full::Tenant(2));
        let _third = slots.take("b").unwrap();
        assert_eq!(slots.take("c").unwrap_err(), Full::All(3));
        drop(first);
        assert!(slots.take("a").is_ok() && slots.taken_count() == 2);
    }
}
