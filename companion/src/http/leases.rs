//! Taking and releasing leases, and lookups that take part in them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use cache_protocol::{LeaseGrant, names};

use super::Service;
use super::answer::{failure, json, required, unavailable};
use crate::metrics::LeaseOutcome;
use crate::store::{Bid, Claim, LeaseId, Unavailable};
use crate::waits::{Outcome, Seat};

/// What a lookup wants to know beside what is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    /// The lease that the asker wants.
    bid: Bid,
    /// How long to wait for another's.
    wait: Option<Duration>,
}

impl Question {
    /// What the headers ask; none if they ask for a lookup only.
    #[expect(clippy::result_large_err, reason = "the error is the answer, made once")]
    pub(super) fn read(headers: &HeaderMap) -> Result<Option<Self>, Response> {
        let wait = milliseconds(headers, names::WAIT_MS_HEADER)?;
        match milliseconds(headers, names::LEASE_MS_HEADER)? {
            Some(duration) => Ok(Some(Self { bid: Bid { lease: named(headers)?, duration }, wait })),
            None if wait.is_none() => Ok(None),
            None => {
                let (wait, lease) = (names::WAIT_MS_HEADER, names::LEASE_MS_HEADER);
                Err(failure(StatusCode::BAD_REQUEST, format!("header {wait} needs the header {lease}")))
            }
        }
    }

    /// What is stored, and who fetches if it may not be served fresh.
    pub(super) async fn answer(self, service: &Arc<Service>, key: &str) -> Outcome {
        let lookup = service.look_up(key).await?;
        if lookup.fresh().is_some() {
            return Ok((lookup, None));
        }
        let Some(wait) = self.wait else { return service.claim(key, self.bid).await };
        let Some(mut seat) = Seat::take(service, key, self.bid, &lookup) else {
            return Ok((lookup, Some(Claim::Pass)));
        };
        let mut stopping = service.stopping.clone();
        let outcome = tokio::select! {
            outcome = seat.wait(wait) => outcome,
            _ = stopping.wait_for(|stopping| *stopping) => None,
        };
        match outcome {
            Some(outcome) => outcome,
            None => {
                let lookup = service.store.lookup(key).await?;
                let claim = lookup.fresh().is_none().then_some(Claim::Pass);
                Ok((lookup, claim))
            }
        }
    }
}

pub(super) async fn take(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    match try_take(&service, &headers).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn try_take(service: &Service, headers: &HeaderMap) -> Result<Response, Response> {
    let key = required(headers, names::KEY_HEADER)?;
    let duration = duration(names::LEASE_MS_HEADER, required(headers, names::LEASE_MS_HEADER)?)?;
    let claim = service.claim_lease(key, Bid { lease: named(headers)?, duration }).await;
    service.metrics.lease(claim.into());
    Ok(match claim {
        Claim::Lead(id) => json(StatusCode::OK, &LeaseGrant { lease: id.to_string() }),
        Claim::Wait => failure(StatusCode::CONFLICT, "another holds the lease of this key"),
        Claim::Pass => failure(StatusCode::CONFLICT, "nobody gets the lease of this key for now"),
    })
}

pub(super) async fn release(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    match try_release(&service, &headers).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn try_release(service: &Service, headers: &HeaderMap) -> Result<Response, Response> {
    let key = required(headers, names::KEY_HEADER)?;
    let lease = required(headers, names::LEASE_HEADER)?;
    let pass = milliseconds(headers, names::PASS_MS_HEADER)?;
    if let Some(lease) = LeaseId::read(lease) {
        service.release(key, lease, pass).await.map_err(|error| unavailable(&error))?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl Service {
    /// Takes the lease of a key where nothing may be served fresh; what is stored then, and who fetches.
    pub(crate) async fn claim(&self, key: &str, bid: Bid) -> Outcome {
        let claim = self.claim_lease(key, bid).await;
        // Looked up behind the claim: whoever held the lease before may just have stored.
        let lookup = self.store.lookup(key).await?;
        if lookup.fresh().is_none() {
            return Ok((lookup, Some(claim)));
        }
        if let Claim::Lead(id) = claim {
            self.give_up(key, id).await;
        }
        Ok((lookup, None))
    }

    /// Takes the lease of a key. A store that does not answer keeps nobody from fetching.
    async fn claim_lease(&self, key: &str, bid: Bid) -> Claim {
        match self.store.claim(key, bid).await {
            Ok(claim) => claim,
            Err(_) => {
                self.metrics.lease(LeaseOutcome::Error);
                Claim::Lead(bid.lease)
            }
        }
    }

    /// Releases a lease, and tells those who wait here.
    pub(crate) async fn release(
        &self,
        key: &str,
        lease: LeaseId,
        pass: Option<Duration>,
    ) -> Result<(), Unavailable> {
        self.waits.note_release(key, lease);
        let released = self.store.release(key, lease, pass).await;
        if released.is_err() {
            self.metrics.lease(LeaseOutcome::Error);
        }
        self.waits.stir(key);
        released
    }

    /// Releases a lease that nobody has been given. Where the store does not answer, it runs out.
    pub(crate) async fn give_up(&self, key: &str, lease: LeaseId) {
        let _ = self.release(key, lease, None).await;
    }
}

/// The lease that a claim names, or one that nobody has had.
#[expect(clippy::result_large_err, reason = "the error is the answer, made once")]
fn named(headers: &HeaderMap) -> Result<LeaseId, Response> {
    if !headers.contains_key(names::LEASE_HEADER) {
        return Ok(LeaseId::fresh());
    }
    let lease = required(headers, names::LEASE_HEADER)?;
    LeaseId::read(lease).ok_or_else(|| {
        let name = names::LEASE_HEADER;
        failure(
            StatusCode::BAD_REQUEST,
            format!("header {name} is {lease:?}, expected 16 hexadecimal digits"),
        )
    })
}

#[expect(clippy::result_large_err, reason = "the error is the answer, made once")]
fn milliseconds(headers: &HeaderMap, name: &str) -> Result<Option<Duration>, Response> {
    if !headers.contains_key(name) {
        return Ok(None);
    }
    required(headers, name).and_then(|text| duration(name, text)).map(Some)
}

#[expect(clippy::result_large_err, reason = "the error is the answer, made once")]
fn duration(name: &str, text: &str) -> Result<Duration, Response> {
    match text.parse() {
        Ok(milliseconds @ 1..=names::MAX_LEASE_MS) => Ok(Duration::from_millis(milliseconds)),
        _ => Err(failure(
            StatusCode::BAD_REQUEST,
            format!("header {name} is {text:?}, expected milliseconds from 1 to {}", names::MAX_LEASE_MS),
        )),
    }
}
