//! Invalidating, and following the log of invalidations.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use cache_protocol::names::MAX_TARGET_BYTES;
use cache_protocol::{InvalidationAck, InvalidationRequest, LogPage, PollAnswer};
use invalidation::{Position, Target};
use serde::Deserialize;

use super::Service;
use super::answer::{failure, json, read_body, unavailable};
use crate::mesh;
use crate::metrics::Outcome;
use crate::store::{Purge, Unavailable};
use crate::trace::Current;
use crate::url;

/// The largest body of an invalidation, in bytes.
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// The longest name of a follower, in bytes.
const MAX_FOLLOWER_BYTES: usize = 128;

pub(super) async fn invalidate(State(service): State<Arc<Service>>, body: Body) -> Response {
    let purge = match read_purge(body).await {
        Ok(purge) => purge,
        Err(answer) => return answer,
    };
    // In a task of its own: what was begun must not be given up because a client went away.
    let current = Current::get();
    let work = tokio::spawn(Current::scope(current, async move { record_and_wait(&service, purge).await }));
    match work.await {
        Ok(Ok(ack)) => json(StatusCode::OK, &ack),
        Ok(Err(error)) => unavailable(&error),
        Err(_) => failure(StatusCode::INTERNAL_SERVER_ERROR, "the invalidation was cut short"),
    }
}

/// Appends a purge to the log, and waits until nobody serves what it hits.
///
/// # Errors
/// If the log could not take it, once nobody serves it by a lease of this companion: a new epoch is due, and until it has begun
/// no lease is given.
pub(crate) async fn record_and_wait(service: &Service, purge: Purge) -> Result<InvalidationAck, Unavailable> {
    let start = Instant::now();
    let recorded = service.store.invalidate(&purge).await;
    let outcome = if recorded.is_ok() { Outcome::Recorded } else { Outcome::Error };
    service.metrics.invalidate.record(outcome, start.elapsed());
    let position = match recorded {
        Ok(position) => position,
        Err(error) => {
            // Not to be confirmed but by moving on to the epoch that is due.
            let never = Position { seq: u64::MAX, ..service.store.position() };
            let run_out = service.followers.acknowledge(never, || service.store.position());
            tokio::join!(run_out, mesh::run_out(service));
            return Err(error);
        }
    };
    purge.targets.iter().for_each(|target| service.metrics.invalidated(target));
    let (mut ack, companions, met) = tokio::join!(
        service.followers.acknowledge(position, || service.store.position()),
        mesh::acknowledge(service, position),
        service.store.count_met(&purge, position),
    );
    ack.companions = companions;
    (ack.met, ack.met_at_least) = (met.entries, met.at_least);
    service.metrics.acknowledged(&ack, start.elapsed());
    Ok(ack)
}

async fn read_purge(body: Body) -> Result<Purge, Response> {
    let bad = |error: String| failure(StatusCode::BAD_REQUEST, error);
    let body = read_body(body, MAX_REQUEST_BYTES).await?;
    let mut request: InvalidationRequest =
        serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))?;
    if request.is_empty() {
        return Err(bad(
            "nothing to invalidate: expected keys, tags, prefixes, globs, urls or all".to_owned()
        ));
    }
    let soft = request.soft;
    for url in std::mem::take(&mut request.urls) {
        request.keys.push(url::primary_key(&url).map_err(|error| bad(error.to_string()))?);
    }
    let targets = request.into_targets();
    for target in &targets {
        let (kind, value) = (target.kind(), target.value().unwrap_or_default());
        if value.len() > MAX_TARGET_BYTES {
            return Err(bad(format!(
                "a {kind} of {} bytes, expected at most {MAX_TARGET_BYTES}",
                value.len()
            )));
        }
        if matches!(target, Target::Key(_) | Target::Glob(_)) && value.contains('#') {
            let what = if kind == "glob" { "pattern of primary keys" } else { "primary key" };
            return Err(bad(format!("{value:?} is no {what}: expected no '#'; a prefix may hold one")));
        }
    }
    Ok(Purge { targets, soft })
}

/// The long poll's parameters.
#[derive(Debug, Deserialize)]
pub(super) struct Poll {
    follower: String,
    after: Option<String>,
    #[serde(default)]
    wait_ms: u64,
}

pub(super) async fn poll(
    State(service): State<Arc<Service>>,
    parameters: Result<Query<Poll>, QueryRejection>,
) -> Response {
    let Query(Poll { follower, after, wait_ms }) = match parameters {
        Ok(parameters) => parameters,
        Err(error) => return failure(StatusCode::BAD_REQUEST, error.body_text()),
    };
    if follower.is_empty() || follower.len() > MAX_FOLLOWER_BYTES {
        let error = format!("follower of {} bytes, expected 1 to {MAX_FOLLOWER_BYTES}", follower.len());
        return failure(StatusCode::BAD_REQUEST, error);
    }
    let after = match after.map(|after| after.parse::<Position>()).transpose() {
        Ok(after) => after,
        Err(error) => return failure(StatusCode::BAD_REQUEST, format!("after: {error}")),
    };
    if after.is_some_and(|after| service.store.never_was_at(after)) {
        service.rivals.met(&follower);
    }
    // A poll that waits longer than a lease is answered when its lease is over.
    let lease = service.followers.lease();
    let wait = Duration::from_millis(wait_ms).min(lease);
    // Who gets no answer below has no lease either, and is not waited for.
    if let Err(error) = service.store.ready() {
        return unavailable(&error);
    }
    // Before the log is read, as `mesh` says.
    if let Err(error) = service.store.may_lease(tokio::time::Instant::now() + lease) {
        return unavailable(&error);
    }
    let known = service.store.position();
    // Before the log is read: an invalidation after this waits for the follower, one before it is in the page.
    if service.followers.polled(&follower, after).is_err() {
        return failure(StatusCode::SERVICE_UNAVAILABLE, "too many followers");
    }
    match next_page(&service, after, wait).await {
        Ok(page) => {
            // Whoever is not told all of it yet may not serve by what it has been told.
            let is_all = page.position.epoch != known.epoch || page.position.seq >= known.seq;
            let lease_ms = if is_all { u64::try_from(lease.as_millis()).unwrap_or(u64::MAX) } else { 0 };
            json(StatusCode::OK, &PollAnswer { lease_ms, page })
        }
        Err(error) => unavailable(&error),
    }
}

async fn next_page(
    service: &Service,
    after: Option<Position>,
    wait: Duration,
) -> Result<LogPage, Unavailable> {
    let deadline = tokio::time::Instant::now() + wait;
    let mut stopping = service.stopping.clone();
    let mut moved = service.store.subscribe();
    if let Some(after) = after {
        let known = *moved.borrow_and_update();
        if known.epoch == after.epoch && known.seq < after.seq {
            // It has read further at another companion.
            service.store.catch_up_with(after).await?;
        }
    }
    let page = service.store.page(after)?;
    if page.reset || !page.records.is_empty() {
        return Ok(page);
    }
    tokio::select! {
        _ = moved.changed() => {}
        () = tokio::time::sleep_until(deadline) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    service.store.page(after)
}
