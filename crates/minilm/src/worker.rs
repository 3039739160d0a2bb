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
    /// Texts that may wait.
    pub waiting_texts: usize,
    /// Tokens that are embedded at a time. A text that has more is embedded alone.
    pub batch_tokens: usize,
}

/// There is no room in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull {
    /// Texts that were to be added.
    pub texts: usize,
    /// Texts that were waiting.
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
    done: Vec<Vec<f32>>,
    reply: Reply,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    waiting_texts: usize,
    is_closed: bool,
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
        self.shared.lock().waiting_texts
    }

    /// Has these texts embedded; `reply` is called with their embeddings, in their order, on one of the threads.
    pub fn submit(
        &self,
        texts: Vec<Tokens>,
        reply: impl FnOnce(Vec<Vec<f32>>) + Send + 'static,
    ) -> Result<(), QueueFull> {
        if texts.is_empty() {
            reply(Vec::new());
            return Ok(());
        }
        let mut queue = self.shared.lock();
        let (texts, waiting, limit) = (VecDeque::from(texts), queue.waiting_texts, self.limits.waiting_texts);
        if waiting.saturating_add(texts.len()) > limit {
            return Err(QueueFull { texts: texts.len(), waiting, limit });
        }
        queue.waiting_texts += texts.len();
        queue.jobs.push_back(Job { done: Vec::with_capacity(texts.len()), texts, reply: Box::new(reply) });
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
        let mut unfinished = VecDeque::new();
        for (mut job, texts) in batch.drain(..) {
            job.done.extend(embeddings.by_ref().take(texts.len()));
            if job.texts.is_empty() {
                (job.reply)(job.done);
            } else {
                unfinished.push_back(job);
            }
        }
        if !unfinished.is_empty() {
            // At the end: whoever has many texts does not keep those waiting who have few.
            shared.lock().jobs.append(&mut unfinished);
            shared.changed.notify_one();
        }
    }
}

/// Waits for work and takes texts, job by job, until there are tokens enough. None: it is over.
fn next_batch(shared: &Shared, batch_tokens: usize) -> Option<Vec<(Job, Vec<Tokens>)>> {
    let queue = shared.lock();
    let wait = shared.changed.wait_while(queue, |queue| queue.jobs.is_empty() && !queue.is_closed);
    let mut queue = wait.unwrap_or_else(PoisonError::into_inner);
    if queue.is_closed {
        return None;
    }
    let (mut batch, mut tokens, mut taken) = (Vec::new(), 0, 0);
    let mut has_room = true;
    while has_room && let Some(mut job) = queue.jobs.pop_front() {
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
            queue.jobs.push_front(job);
        } else {
            batch.push((job, texts));
        }
    }
    queue.waiting_texts = queue.waiting_texts.saturating_sub(taken);
    let more = !queue.jobs.is_empty();
    drop(queue);
    if more {
        shared.changed.notify_one();
    }
    Some(batch)
}
