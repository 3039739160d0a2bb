//! Reads all sources again and again, and keeps as many readings as the window needs.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::overview::{Growth, Overview, SourceState};
use super::reading::Reading;
use super::source::Source;

/// The most readings of a source that are kept.
const MAX_READINGS: usize = 120;

/// Sources, and what they have shown within the window.
#[derive(Debug)]
pub(crate) struct Watcher {
    sources: Vec<Watched>,
    window: Duration,
}

#[derive(Debug)]
struct Watched {
    source: Source,
    readings: VecDeque<(Instant, Reading)>,
    /// Why the last scrape failed.
    error: Option<String>,
}

impl Watcher {
    /// Watches these, with rates over this window.
    pub(crate) fn new(sources: Vec<Source>, window: Duration) -> Self {
        let watched = |source| Watched { source, readings: VecDeque::new(), error: None };
        Self { sources: sources.into_iter().map(watched).collect(), window }
    }

    /// Whether at least one source answered the last time.
    pub(crate) fn is_any_up(&self) -> bool {
        self.sources.iter().any(|watched| watched.error.is_none() && !watched.readings.is_empty())
    }

    /// Reads all sources, at the same time.
    pub(crate) async fn read(&mut self) {
        let mut scrapes = JoinSet::new();
        for (place, watched) in self.sources.iter().enumerate() {
            let source = watched.source.clone();
            scrapes.spawn(async move { (place, source.read().await) });
        }
        while let Some(Ok((place, outcome))) = scrapes.join_next().await {
            if let Some(watched) = self.sources.get_mut(place) {
                watched.take(outcome, self.window);
            }
        }
    }

    /// What is going on.
    pub(crate) fn overview(&self) -> Overview {
        let mut growth = Growth::default();
        let mut seconds: f64 = 0.0;
        for watched in self.sources.iter().filter(|watched| watched.error.is_none()) {
            let Some((now_at, now)) = watched.readings.back() else { continue };
            let before = watched.readings.front().filter(|(at, _)| at < now_at);
            growth.add(now, before.map(|(_, reading)| reading));
            if let Some((at, _)) = before {
                seconds = seconds.max(now_at.duration_since(*at).as_secs_f64());
            }
        }
        growth.over(seconds, self.sources.iter().map(Watched::state).collect())
    }
}

impl Watched {
    fn take(&mut self, outcome: anyhow::Result<Reading>, window: Duration) {
        let now = Instant::now();
        match outcome {
            Ok(reading) => {
                self.error = None;
                self.readings.push_back((now, reading));
            }
            Err(error) => {
                self.error = Some(format!("{error:#}"));
                // What it counted while it was away belongs to no window.
                self.readings.clear();
            }
        }
        // The oldest that is kept is at least the window old, if there is one.
        while self.readings.len() > MAX_READINGS
            || self.readings.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= window)
        {
            self.readings.pop_front();
        }
    }

    fn state(&self) -> SourceState {
        SourceState {
            kind: self.source.kind,
            url: self.source.url.clone(),
            up: self.error.is_none() && !self.readings.is_empty(),
            error: self.error.clone(),
        }
    }
}
