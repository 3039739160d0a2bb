//! Follows the changes of a database by logical replication, tells query caches which tables changed, and purges the
//! responses that were built from them.
//!
//! One session follows from a temporary replication slot: it goes with the connection, so nothing keeps write-ahead log for
//! a companion that is not there. What a new session cannot know (what was written in between) a new epoch makes void.

mod address;
mod assembler;
mod catalogue;
mod database;
mod ended;
mod metrics;
mod publisher;
mod relay;
mod session;
mod start;
mod status;
mod tables;
mod tags;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use query_cache_model::Lsn;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::config::{self, Config};
use crate::http::Service;
pub(crate) use metrics::CaptureMetrics;
pub(crate) use status::{CaptureStatus, Phase, Report};
use tags::TagPurger;

/// How long after a session that ended the next one begins.
const RETRY: Duration = Duration::from_millis(500);
/// Manual invalidations that may wait to be taken up.
const WAITING: usize = 64;

/// Whether this is the URL of a database that can be followed; else why not, without showing it.
pub(crate) fn address(url: &str, ca_file: &str) -> Result<(), String> {
    address::Address::parse(url, ca_file).map(drop)
}

/// A wish to invalidate what was read from these tables.
#[derive(Debug)]
struct Invalidate {
    tables: Vec<String>,
    reply: oneshot::Sender<Result<Lsn, String>>,
}

/// Follows the changes of one database, session after session.
#[derive(Debug)]
pub(crate) struct ChangeCapture {
    settings: config::ChangeCapture,
    redis: Option<config::Redis>,
    status: Arc<CaptureStatus>,
    /// The epoch of the last session, or 0.
    epoch: AtomicU64,
    metrics: CaptureMetrics,
    purger: TagPurger,
    wishes: mpsc::Sender<Invalidate>,
    inbox: Mutex<mpsc::Receiver<Invalidate>>,
}

impl ChangeCapture {
    /// What the settings ask for; none if they leave it off.
    pub(crate) fn new(config: &Config, metrics: CaptureMetrics) -> Option<Self> {
        let settings = config.change_capture.clone();
        if !settings.enabled {
            return None;
        }
        let (wishes, inbox) = mpsc::channel(WAITING);
        Some(Self {
            redis: config.redis.is_used().then(|| config.redis.clone()),
            status: Arc::new(CaptureStatus::default()),
            epoch: AtomicU64::new(0),
            metrics,
            purger: TagPurger::new(Duration::from_millis(settings.purge_again_ms)),
            settings,
            wishes,
            inbox: Mutex::new(inbox),
        })
    }

    /// What it is doing.
    pub(crate) fn status(&self) -> &CaptureStatus {
        &self.status
    }

    /// Follows until it is dropped.
    pub(crate) async fn run(&self, service: &Service) {
        tokio::join!(self.follow(), self.purger.run(service, &self.metrics));
    }

    /// Voids what was read from these tables; how far the log is then, once query caches have been told.
    pub(crate) async fn invalidate(&self, tables: Vec<String>) -> Result<Lsn, String> {
        let (reply, answer) = oneshot::channel();
        self.wishes
            .try_send(Invalidate { tables, reply })
            .map_err(|_| "too many invalidations are waiting".to_owned())?;
        match tokio::time::timeout(Duration::from_millis(self.settings.max_lag_ms), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("the session that follows the changes ended".to_owned()),
            Err(_) => Err(format!("nothing was published within {} ms", self.settings.max_lag_ms)),
        }
    }

    async fn follow(&self) {
        let mut inbox = self.inbox.lock().await;
        loop {
            let ended = session::run(self, &mut inbox).await;
            self.metrics.ended(&ended);
            self.status.ended(&ended);
            // Who wished for something then would wait for nobody.
            while let Ok(wish) = inbox.try_recv() {
                let _ = wish.reply.send(Err(ended.to_string()));
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}
