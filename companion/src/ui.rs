//! The page at `/ui`: what Envoys and the companion are doing, for those without Grafana.

mod chart;
mod page;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config;
use crate::watch::{Overview, Source, Watcher};

/// Over how many readings rates are taken.
const READINGS_IN_WINDOW: u32 = 3;

/// What the page shows.
#[derive(Debug)]
pub(crate) struct Ui {
    shown: Mutex<Shown>,
    capacity: usize,
    interval: Duration,
}

#[derive(Debug, Default)]
struct Shown {
    latest: Option<Overview>,
    history: VecDeque<Point>,
}

/// What the charts show of one reading.
#[derive(Debug, Clone, Copy)]
struct Point {
    at: Instant,
    requests: f64,
    failed: f64,
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
    hit_ratio: Option<f64>,
    saved_bytes: f64,
}

impl Ui {
    /// An empty page.
    pub(crate) fn new(settings: &config::Ui) -> Self {
        let interval = Duration::from_millis(settings.interval_ms);
        Self { shown: Mutex::default(), capacity: settings.history, interval }
    }

    /// Reads the Envoys and this companion again and again. Without Envoys there is nothing to read.
    pub(crate) async fn watch(&self, settings: &config::Ui, local_url: &str) {
        if settings.envoys.is_empty() {
            return;
        }
        let envoys = settings.envoys.iter().map(|url| Source::envoy(url));
        let sources = match envoys.chain([Source::companion(local_url)]).collect() {
            Ok(sources) => sources,
            Err(error) => return tracing::error!(%error, "nothing is shown at /ui (setting ui.envoys)"),
        };
        let mut watcher = Watcher::new(sources, self.interval * READINGS_IN_WINDOW);
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            watcher.read().await;
            self.take(watcher.overview());
        }
    }

    fn take(&self, overview: Overview) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if overview.window_seconds > 0.0 {
            if shown.history.len() >= self.capacity {
                shown.history.pop_front();
            }
            shown.history.push_back(Point::of(&overview));
        }
        shown.latest = Some(overview);
    }

    /// The page.
    pub(crate) fn page(&self) -> String {
        page::page(&self.content(), self.interval)
    }

    /// What changes of it.
    pub(crate) fn content(&self) -> String {
        let (latest, history) = {
            let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            (shown.latest.clone(), shown.history.iter().copied().collect::<Vec<_>>())
        };
        match latest {
            Some(latest) => page::content(&latest, &history),
            None => page::nothing_yet(),
        }
    }
}

impl Point {
    fn of(overview: &Overview) -> Self {
        let total = &overview.total;
        Self {
            at: Instant::now(),
            requests: total.requests_per_second,
            failed: total.requests_per_second * total.failed_share.unwrap_or_default(),
            p50: total.p50_seconds,
            p95: total.p95_seconds,
            p99: total.p99_seconds,
            hit_ratio: total.hit_ratio,
            saved_bytes: total.saved_bytes_per_second,
        }
    }
}
