//! Looking responses up and storing them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cache_protocol::{names, summary};
use invalidation::Position;

use super::Service;
use super::answer::{failure, read_body, required, unavailable};
use crate::metrics::Outcome;
use crate::store::{Found, NewEntry, Stored};

const POSITION: HeaderName = HeaderName::from_static(names::POSITION_HEADER);
const STALE: HeaderName = HeaderName::from_static(names::STALE_HEADER);
const ENVELOPE: HeaderValue = HeaderValue::from_static(names::ENVELOPE_MEDIA_TYPE);

pub(super) async fn lookup(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    let key = match required(&headers, names::KEY_HEADER) {
        Ok(key) => key,
        Err(answer) => return answer,
    };
    let start = Instant::now();
    let lookup = service.store.lookup(key).await;
    let outcome = lookup.as_ref().map_or(Outcome::Error, |lookup| lookup.outcome());
    service.metrics.lookup.record(outcome, start.elapsed());
    let lookup = match lookup {
        Ok(lookup) => lookup,
        Err(error) => return unavailable(&error),
    };
    let mut answer = match lookup.found {
        Ok(Found { envelope, is_stale }) => {
            let mut answer = ([(header::CONTENT_TYPE, ENVELOPE)], envelope).into_response();
            if is_stale {
                answer.headers_mut().insert(STALE, HeaderValue::from_static("1"));
            }
            answer
        }
        Err(_) => failure(StatusCode::NOT_FOUND, "nothing is stored under this key"),
    };
    answer.headers_mut().insert(POSITION, position_value(lookup.position));
    answer
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
    Ok(answer)
}

fn position_value(position: Position) -> HeaderValue {
    // Digits and a colon always make a header's value.
    HeaderValue::try_from(position.to_string()).unwrap_or(HeaderValue::from_static(""))
}
