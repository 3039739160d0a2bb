//! Threads that embed what is put into a bounded queue, several texts at a time.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::model::{Model, Scratch};
use crate::tokens::Tokens;

/// The bounds of a [`Worker`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Threads that embed; at least one.
    pub threads: usize,
    /// Texts of each [`Priority`] that may wait.
    pub waiting_texts: usize,
    /// Tokens that are embedded at a time. A text that has more is embedded alone.
    pub batch_tokens: usize,
}

/// Which texts come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Those that somebody waits for.
    High,
    /// Those that are embedded when none of the others wait.
    Low,
}

/// There is no room in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull {
    /// Texts that were to be added.
    pub texts: usize,
    /// Texts of their priority that were waiting.
    pub waiting: usize,
    /// Texts that may wait.
    pub limit: usize,
}

impl fmt::Display for QueueFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { texts, waiting, limit } = self;
        write!(f, "{texts} texts are too many for the embedder: {waiting} are waiting, of at most {limit}")
    }
}

impl std::error::Error for QueueFull {}

/// What is called with the embeddings.
type Reply = Box<dyn FnOnce(Vec<Vec<f32>>) + Send>;

/// Texts that came together.
struct Job {
    texts: VecDeque<Tokens>,
    priority: Priority,
    done: Vec<Vec<f32>>,
    reply: Reply,
}

#[derive(Default)]
struct Queue {
    high: Line,
    low: Line,
    is_closed: bool,
}

#[derive(Default)]
struct Line {
    jobs: VecDeque<Job>,
    waiting_texts: usize,
}

impl Queue {
    /// Whoever is next.
    fn first(&mut self) -> Option<&mut Line> {
        [&mut self.high, &mut self.low].into_iter().find(|line| !line.jobs.is_empty())
    }

    fn line(&mut self, priority: Priority) -> &mut Line {
        match priority {
            Priority::High => &mut self.high,
            Priority::Low => &mut self.low,
        }
    }
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Threads that embed. They end when it is dropped; what waits then is never replied to.
pub struct Worker {
    shared: Arc<Shared>,
    model: Arc<Model>,
    limits: Limits,
    threads: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("model", &self.model)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// Starts the threads.
    pub fn start(model: Arc<Model>, limits: Limits) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new() });
        let mut worker = Self { shared, model, limits, threads: Vec::new() };
        for number in 0..limits.threads.max(1) {
            let (shared, model) = (Arc::clone(&worker.shared), Arc::clone(&worker.model));
            let thread = std::thread::Builder::new().name(format!("embed-{number}"));
            worker.threads.push(thread.spawn(move || work(&shared, &model, limits.batch_tokens))?);
        }
        Ok(worker)
    }

    /// The model that embeds.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Texts that wait.
    pub fn waiting(&self) -> usize {
        let queue = self.shared.lock();
        queue.high.waiting_texts + queue.low.waiting_texts
    }

    /// Has these texts embedded; `reply` is called with their embeddings, in their order, on one of the threads.
    pub fn submit(
        &self,
        texts: Vec<Tokens>,
        priority: Priority,
        reply: impl FnOnce(Vec<Vec<f32>>) + Send + 'static,
    ) -> Result<(), QueueFull> {
        if texts.is_empty() {
            reply(Vec::new());
            return Ok(());
        }
        let mut queue = self.shared.lock();
        let line = queue.line(priority);
        let (texts, waiting, limit) = (VecDeque::from(texts), line.waiting_texts, self.limits.waiting_texts);
        if waiting.saturating_add(texts.len()) > limit {
            return Err(QueueFull { texts: texts.len(), waiting, limit });
        }
        line.waiting_texts += texts.len();
        let done = Vec::with_capacity(texts.len());
        line.jobs.push_back(Job { texts, priority, done, reply: Box::new(reply) });
        drop(queue);
        self.shared.changed.notify_one();
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that has panicked is over too.
            let _ = thread.join();
        }
    }
}

fn work(shared: &Shared, model: &Model, batch_tokens: usize) {
    let mut scratch = Scratch::default();
    while let Some(mut batch) = next_batch(shared, batch_tokens) {
        let texts: Vec<&Tokens> = batch.iter().flat_map(|(_, texts)| texts).collect();
        let mut embeddings = model.embed(&texts, &mut scratch).into_iter();
        let mut unfinished = Vec::new();
        for (mut job, texts) in batch.drain(..) {
            job.done.extend(embeddings.by_ref().take(texts.len()));
            if job.texts.is_empty() {
                (job.reply)(job.done);
            } else {
                unfinished.push(job);
            }
        }
        // At the end: whoever has many texts does not keep those waiting who have few.
        for job in unfinished {
            shared.lock().line(job.priority).jobs.push_back(job);
            shared.changed.notify_one();
        }
    }
}

/// Waits for work and takes texts of one priority, job by job, until there are tokens enough. None: it is over.
fn next_batch(shared: &Shared, batch_tokens: usize) -> Option<Vec<(Job, Vec<Tokens>)>> {
    let queue = shared.lock();
    let wait = shared.changed.wait_while(queue, |queue| queue.first().is_none() && !queue.is_closed);
    let mut queue = wait.unwrap_or_else(PoisonError::into_inner);
    if queue.is_closed {
        return None;
    }
    let line = queue.first()?;
    let (mut batch, mut tokens, mut taken) = (Vec::new(), 0, 0);
    let mut has_room = true;
    while has_room && let Some(mut job) = line.jobs.pop_front() {
        let mut texts = Vec::new();
        while let Some(text) = job.texts.front() {
            has_room = tokens == 0 || tokens + text.count() <= batch_tokens;
            if !has_room {
                break;
            }
            tokens += text.count();
            texts.extend(job.texts.pop_front());
        }
        taken += texts.len();
        if texts.is_empty() {
            line.jobs.push_front(job);
        } else {
            batch.push((job, texts));
        }
    }
    line.waiting_texts = line.waiting_texts.saturating_sub(taken);
    let more = queue.first().is_some();
    drop(queue);
    if more {
        shared.changed.notify_one();
    }
    Some(batch)
}
