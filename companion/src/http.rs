//! The companion's HTTP interface.

mod access;
mod answer;
mod embeddings;
mod entries;
mod invalidations;
mod leases;
mod operations;
mod responses;
mod semantic;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{get, post};
use cache_protocol::names;
use tokio::sync::watch;

use crate::config::Config;
use crate::embedder::Embedder;
use crate::followers::Followers;
use crate::metrics::{Metrics, Outcome};
use crate::rivals::Rivals;
use crate::semantic::Semantic;
use crate::store::{Lookup, Store, Unavailable};
use crate::waits::Waits;
use answer::failure;

/// What every handler works with.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) followers: Followers,
    pub(crate) metrics: Metrics,
    pub(crate) waits: Waits,
    pub(crate) embedder: Option<Embedder>,
    pub(crate) semantic: Option<Arc<Semantic>>,
    rivals: Rivals,
    max_semantic_bytes: usize,
    max_entry_bytes: usize,
    max_ttl: Duration,
    stopping: watch::Receiver<bool>,
    /// What a request has to know; empty: nothing.
    token: String,
}

impl Service {
    /// A service on this store. Once `stopping` turns true it answers long polls at once.
    pub(crate) fn new(
        config: &Config,
        store: Store,
        stopping: watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let embedder = Embedder::open(&config.embeddings)?;
        let semantic = Semantic::open(config, embedder.as_ref())?.map(Arc::new);
        Ok(Self {
            embedder,
            semantic,
            max_semantic_bytes: config.semantic.max_entry_bytes,
            metrics: Metrics::new(store.name())?,
            store,
            followers: Followers::new(config.lease()),
            waits: Waits::default(),
            rivals: Rivals::default(),
            max_entry_bytes: config.cache.max_entry_bytes,
            max_ttl: config.max_ttl(),
            stopping,
            token: config.token.reveal().to_owned(),
        })
    }

    /// What is stored under a full key.
    pub(crate) async fn look_up(&self, key: &str) -> Result<Lookup, Unavailable> {
        let start = Instant::now();
        let lookup = self.store.lookup(key).await;
        let outcome = lookup.as_ref().map_or(Outcome::Error, Lookup::outcome);
        self.metrics.lookup.record(outcome, start.elapsed());
        lookup
    }
}

/// Where each path leads.
pub(crate) fn router(service: Arc<Service>) -> Router {
    let check = middleware::from_fn_with_state(Arc::clone(&service), access::check);
    Router::new()
        .route(names::RESPONSES_PATH, get(responses::lookup).put(responses::store))
        .route(names::LEASES_PATH, post(leases::take).delete(leases::release))
        .route(names::INVALIDATIONS_PATH, post(invalidations::invalidate).get(invalidations::poll))
        .route(names::ENTRIES_PATH, get(entries::list))
        .route(names::STATS_PATH, get(operations::stats))
        .route(embeddings::PATH, post(embeddings::embed))
        .route("/v1/semantic/lookup", post(semantic::look_up))
        .route("/v1/semantic/entries", post(semantic::store))
        .route("/v1/semantic/invalidations", post(semantic::invalidate))
        .route("/v1/semantic/explain", post(semantic::explain))
        .route("/v1/semantic/stats", get(semantic::stats))
        .route_layer(check)
        .route(names::HEALTH_PATH, get(operations::health))
        .route(names::READY_PATH, get(operations::ready))
        .route(names::METRICS_PATH, get(operations::metrics))
        .fallback(async || failure(StatusCode::NOT_FOUND, "no such path"))
        .method_not_allowed_fallback(async || failure(StatusCode::METHOD_NOT_ALLOWED, "no such method here"))
        .with_state(service)
}
