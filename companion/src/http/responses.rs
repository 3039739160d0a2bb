//! Looking responses up and storing them.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cache_protocol::{names, summary};

use super::Service;
use super::answer::{failure, read_body, required, unavailable};
use super::leases::Question;
use crate::metrics::Outcome;
use crate::store::{Claim, Found, LeaseId, NewEntry, Stored};

const POSITION: HeaderName = HeaderName::from_static(names::POSITION_HEADER);
const STALE: HeaderName = HeaderName::from_static(names::STALE_HEADER);
const FETCH: HeaderName = HeaderName::from_static(names::FETCH_HEADER);
const LEASE: HeaderName = HeaderName::from_static(names::LEASE_HEADER);
const ENVELOPE: HeaderValue = HeaderValue::from_static(names::ENVELOPE_MEDIA_TYPE);

pub(super) async fn lookup(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    match try_lookup(&service, &headers).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn try_lookup(service: &Arc<Service>, headers: &HeaderMap) -> Result<Response, Response> {
    let key = required(headers, names::KEY_HEADER)?;
    let outcome = match Question::read(headers)? {
        Some(question) => question.answer(service, key).await,
        None => service.look_up(key).await.map(|lookup| (lookup, None)),
    };
    let (lookup, claim) = outcome.map_err(|error| unavailable(&error))?;
    let mut answer = match lookup.found {
        Ok(Found { envelope, is_stale, .. }) => {
            let mut answer = ([(header::CONTENT_TYPE, ENVELOPE)], envelope).into_response();
            if is_stale {
                answer.headers_mut().insert(STALE, HeaderValue::from_static("1"));
            }
            answer
        }
        Err(_) => failure(StatusCode::NOT_FOUND, "nothing is stored under this key"),
    };
    answer.headers_mut().insert(POSITION, visible(&lookup.position));
    if let Some(claim) = claim {
        service.metrics.lease(claim.into());
        let fetch = match claim {
            Claim::Lead(lease) => {
                answer.headers_mut().insert(LEASE, visible(&lease));
                names::FETCH_LEAD
            }
            Claim::Wait => names::FETCH_WAIT,
            Claim::Pass => names::FETCH_PASS,
        };
        answer.headers_mut().insert(FETCH, HeaderValue::from_static(fetch));
    }
    Ok(answer)
}

pub(super) async fn store(State(service): State<Arc<Service>>, headers: HeaderMap, body: Body) -> Response {
    match try_store(&service, &headers, body).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn try_store(service: &Service, headers: &HeaderMap, body: Body) -> Result<Response, Response> {
    let bad = |error: String| failure(StatusCode::BAD_REQUEST, error);
    let key = required(headers, names::KEY_HEADER)?;
    let ttl = required(headers, names::TTL_HEADER)?;
    let ttl = match ttl.parse() {
        Ok(ttl @ 1..) => Duration::from_millis(ttl).min(service.max_ttl),
        _ => {
            return Err(bad(format!(
                "header {} is {ttl:?}, expected milliseconds from 1 up",
                names::TTL_HEADER
            )));
        }
    };
    let envelope = read_body(body, service.max_entry_bytes).await?;
    let summary = summary(&envelope).map_err(|error| bad(error.to_string()))?;
    if summary.key != key {
        return Err(bad(format!(
            "header {} is {key:?}, the envelope's key {:?}",
            names::KEY_HEADER,
            summary.key
        )));
    }
    let start = Instant::now();
    let stored = service.store.store(NewEntry { summary, ttl, envelope: envelope.clone() }).await;
    let (outcome, answer) = match stored {
        Ok(Stored::Yes) => (Outcome::Stored, StatusCode::NO_CONTENT.into_response()),
        Ok(Stored::Refused(why)) => (Outcome::Refused, failure(StatusCode::CONFLICT, why)),
        Err(error) => (Outcome::Error, unavailable(&error)),
    };
    service.metrics.store.record(outcome, start.elapsed());
    let lease = headers.get(LEASE).and_then(|lease| lease.to_str().ok()).and_then(LeaseId::read);
    match lease {
        Some(lease) => service.release(key, lease, None).await.map_err(|error| unavailable(&error))?,
        None => service.waits.stir(key),
    }
    Ok(answer)
}

fn visible(value: &impl Display) -> HeaderValue {
    // Digits and a colon always make a header's value.
    HeaderValue::try_from(value.to_string()).unwrap_or(HeaderValue::from_static(""))
}
