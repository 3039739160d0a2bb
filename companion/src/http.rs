//! The companion's HTTP interface.

mod access;
mod answer;
mod embeddings;
mod entries;
mod invalidations;
mod leases;
mod operations;
mod query_cache;
mod rag;
mod responses;
mod semantic;
mod tracing;
mod ui;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{get, post};
use cache_protocol::names;
use tokio::sync::watch;

use crate::change_capture::{CaptureMetrics, ChangeCapture};
use crate::config::Config;
use crate::embedder::Embedder;
use crate::followers::Followers;
use crate::metrics::{Metrics, Outcome};
use crate::pooling::{Meters, Proof};
use crate::rag::Rag;
use crate::rivals::Rivals;
use crate::schema::Schemas;
use crate::semantic::Semantic;
use crate::store::{Lookup, Store, Unavailable};
use crate::trace::Otlp;
use crate::ui::Ui;
use crate::waits::Waits;
use answer::failure;
pub(crate) use invalidations::record_and_wait;
pub(crate) use query_cache::{TableInvalidation, TablesInvalidated};
pub(crate) use rag::{Desk, router as rag_router};

/// What every handler works with.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) followers: Followers,
    pub(crate) metrics: Metrics,
    /// PgBouncer's figures, if it is asked for them.
    pub(crate) pgbouncer: Option<Meters>,
    /// Whether queries through PgBouncer get their own answers, if they go there.
    pub(crate) pooling_proof: Option<Proof>,
    pub(crate) waits: Waits,
    /// What the page at `/ui` shows, if there is one.
    pub(crate) ui: Option<Ui>,
    /// Where traces go, if anywhere.
    pub(crate) otlp: Option<Otlp>,
    pub(crate) schemas: Schemas,
    requires_schemas: bool,
    pub(crate) capture: Option<ChangeCapture>,
    pub(crate) embedder: Option<Arc<Embedder>>,
    pub(crate) semantic: Option<Arc<Semantic>>,
    pub(crate) rag: Option<Arc<Rag>>,
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
        let metrics = Metrics::new(store.name())?;
        let pgbouncer =
            config.pooling.poll_interval().map(|_| Meters::new(metrics.registry())).transpose()?;
        let pooling_proof = Proof::new(config, metrics.registry())?;
        let capture = match config.change_capture.enabled {
            true => ChangeCapture::new(config, CaptureMetrics::new(metrics.registry())?),
            false => None,
        };
        let embedder = Embedder::open(&config.embeddings)?.map(Arc::new);
        let semantic = Semantic::open(config, embedder.as_deref())?.map(Arc::new);
        let rag = Rag::open(config, embedder.as_ref(), semantic.as_ref(), metrics.registry())?.map(Arc::new);
        Ok(Self {
            ui: config.ui.enabled.then(|| Ui::new(&config.ui)),
            otlp: Otlp::start(&config.telemetry, metrics.exports())?,
            metrics,
            pgbouncer,
            pooling_proof,
            capture,
            embedder,
            semantic,
            rag,
            max_semantic_bytes: config.semantic.max_entry_bytes,
            store,
            followers: Followers::new(config.lease()),
            waits: Waits::default(),
            schemas: Schemas::default(),
            requires_schemas: config.migrate.require_current,
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
    let follow = middleware::from_fn_with_state(Arc::clone(&service), tracing::follow);
    let page = if service.ui.is_some() { ui::router() } else { Router::new() };
    Router::new()
        .route(names::RESPONSES_PATH, get(responses::lookup).put(responses::store))
        .route(names::LEASES_PATH, post(leases::take).delete(leases::release))
        .route(names::INVALIDATIONS_PATH, post(invalidations::invalidate).get(invalidations::poll))
        .route(names::ENTRIES_PATH, get(entries::list))
        .route(names::STATS_PATH, get(operations::stats))
        .route(names::QUERY_CACHE_PATH, get(query_cache::status).post(query_cache::invalidate))
        .route(embeddings::PATH, post(embeddings::embed))
        .route("/v1/semantic/lookup", post(semantic::look_up))
        .route("/v1/semantic/entries", post(semantic::store))
        .route("/v1/semantic/invalidations", post(semantic::invalidate))
        .route("/v1/semantic/explain", post(semantic::explain))
        .route("/v1/semantic/stats", get(semantic::stats))
        .route_layer(check)
        .route_layer(follow)
        .route(names::HEALTH_PATH, get(operations::health))
        .route(names::READY_PATH, get(operations::ready))
        .route(names::METRICS_PATH, get(operations::metrics))
        .merge(page)
        .fallback(async || failure(StatusCode::NOT_FOUND, "no such path"))
        .method_not_allowed_fallback(async || failure(StatusCode::METHOD_NOT_ALLOWED, "no such method here"))
        .with_state(service)
}
