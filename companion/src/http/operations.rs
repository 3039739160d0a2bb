//! What operators ask: health, metrics, statistics.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::Service;
use super::answer::{failure, json, unavailable};
use crate::embedder::Embedder;
use crate::metrics::{Format, Levels, Outcome};
use crate::rivals;

/// The answer to `GET /v1/stats`: counts since this companion's start.
#[derive(Debug, Serialize)]
struct Stats {
    store: &'static str,
    hits: u64,
    /// Hit by a soft invalidation.
    stale: u64,
    misses: u64,
    stores: u64,
    refusals: u64,
    errors: u64,
    invalidations: u64,
    /// Where the store is shared, these are known only if they were asked for, and the bytes are the whole server's.
    entries: Option<u64>,
    entries_at_least: bool,
    bytes: Option<u64>,
    followers: usize,
    position: String,
}

/// What statistics to give.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Depth {
    /// Count the entries even where that takes a scan.
    count: bool,
}

pub(super) async fn stats(
    State(service): State<Arc<Service>>,
    depth: Result<Query<Depth>, QueryRejection>,
) -> Response {
    let Service { store, metrics, followers, .. } = &*service;
    let counted = match depth {
        Ok(Query(Depth { count: true })) => store.count().await.ok(),
        Ok(_) => None,
        Err(error) => return failure(StatusCode::BAD_REQUEST, error.body_text()),
    };
    let usage = counted.map(|(usage, _)| usage).or_else(|| store.usage());
    let missed = [Outcome::Miss, Outcome::Invalidated, Outcome::Damaged];
    let operations = [&metrics.lookup, &metrics.store, &metrics.invalidate];
    json(
        StatusCode::OK,
        &Stats {
            store: store.name(),
            hits: metrics.lookup.count(Outcome::Hit),
            stale: metrics.lookup.count(Outcome::Stale),
            misses: missed.into_iter().map(|outcome| metrics.lookup.count(outcome)).sum(),
            stores: metrics.store.count(Outcome::Stored),
            refusals: metrics.store.count(Outcome::Refused),
            errors: operations.into_iter().map(|operation| operation.count(Outcome::Error)).sum(),
            invalidations: metrics.invalidations(),
            entries: usage.map(|usage| usage.entries),
            entries_at_least: counted.is_some_and(|(_, at_least)| at_least),
            bytes: usage.map(|usage| usage.bytes),
            followers: followers.count(),
            position: store.position().to_string(),
        },
    )
}

pub(super) async fn health() -> Response {
    (StatusCode::OK, "alive\n").into_response()
}

pub(super) async fn ready(State(service): State<Arc<Service>>) -> Response {
    match service.store.ready() {
        Ok(()) if service.rivals.are_there() => failure(StatusCode::SERVICE_UNAVAILABLE, rivals::COMPLAINT),
        Ok(()) => {
            // What a database lacks makes requests slower, not wrong, and the cache serves all the same: it is only said, unless the
            // settings want more.
            let (mut lines, are_current) = service.schemas.lines();
            // Wrong rows are worse than none.
            if let Some(proof) = &service.pooling_proof {
                let (proven, mixes) = proof.lines();
                if mixes {
                    return failure(StatusCode::SERVICE_UNAVAILABLE, proven.join("; "));
                }
                lines.extend(proven);
            }
            if service.requires_schemas && !are_current {
                return failure(StatusCode::SERVICE_UNAVAILABLE, lines.join("; "));
            }
            let text: String =
                ["ready".to_owned()].into_iter().chain(lines).map(|line| line + "\n").collect();
            (StatusCode::OK, text).into_response()
        }
        Err(error) => unavailable(&error),
    }
}

pub(super) async fn metrics(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    let Service { store, metrics, followers, waits, .. } = &*service;
    let levels = Levels {
        tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        followers: followers.count(),
        waiters: waits.count(),
        log_position: store.position().seq,
        is_ready: store.ready().is_ok(),
        usage: store.usage().map(|usage| (usage.entries, usage.bytes)),
    };
    let format = Format::negotiate(&headers);
    let stats = service.semantic.as_ref().map(|semantic| semantic.stats());
    let waiting = service.embedder.as_deref().map_or(0, Embedder::waiting);
    metrics.semantic.observe(stats.as_ref(), waiting);
    if let Some(rag) = &service.rag {
        rag.observe();
    }
    match metrics.render(&levels, format) {
        Ok(text) => {
            ([(header::CONTENT_TYPE, format.content_type()), (header::VARY, "accept")], text).into_response()
        }
        Err(error) => failure(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
