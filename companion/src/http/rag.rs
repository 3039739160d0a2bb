//! The service that answers questions, on an address of its own.

mod question;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream::unfold;
use serde_json::{Value, json};

use super::access;
use super::answer::{failure, json};
use crate::config;
use crate::rag::{Full, Outcome, Query, Rag, Read, Reader, Seen, seen};
use question::Limits;

/// How long clients are told to wait when there is no place, in seconds.
const RETRY_AFTER: &str = "1";
/// Clients that lost their connection say what they have seen by this field.
const LAST_EVENT_ID: &str = "last-event-id";

/// What the handlers work with.
#[derive(Debug)]
pub(crate) struct Desk {
    rag: Arc<Rag>,
    token: String,
    tenant_header: String,
    retry_ms: u64,
    limits: Limits,
}

impl Desk {
    pub(crate) fn new(rag: Arc<Rag>, config: &config::Rag) -> Self {
        Self {
            token: config.token.reveal().to_owned(),
            tenant_header: config.tenant_header.clone(),
            retry_ms: config.retry_ms,
            limits: Limits { question_bytes: config.max_question_bytes, top_k: rag.top_k() },
            rag,
        }
    }
}

/// Where each path leads.
pub(crate) fn router(desk: Arc<Desk>) -> Router {
    let check = middleware::from_fn_with_state(Arc::clone(&desk), check);
    Router::new()
        .route("/query", post(query))
        .route("/query/stream", get(listen).post(stream))
        .route_layer(check)
        .route("/health", get(async || (StatusCode::OK, "alive\n")))
        .fallback(async || failure(StatusCode::NOT_FOUND, "no such path"))
        .method_not_allowed_fallback(async || failure(StatusCode::METHOD_NOT_ALLOWED, "no such method here"))
        .with_state(desk)
}

async fn check(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    if desk.token.is_empty() || access::carries(request.headers(), desk.token.as_bytes()) {
        return next.run(request).await;
    }
    let mut answer = failure(StatusCode::UNAUTHORIZED, "the token is missing or wrong (setting rag.token)");
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

/// `POST /query`: the whole answer, unless the question wants a stream.
async fn query(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Body) -> Response {
    match desk.read(&headers, body).await {
        Ok((query, true)) => desk.stream(&query, &headers),
        Ok((query, false)) => desk.whole(query).await,
        Err(answer) => answer,
    }
}

/// `POST /query/stream`.
async fn stream(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Body) -> Response {
    match desk.read(&headers, body).await {
        Ok((query, _)) => desk.stream(&query, &headers),
        Err(answer) => answer,
    }
}

/// `GET /query/stream?q=`, as browsers' EventSource asks.
async fn listen(State(desk): State<Arc<Desk>>, headers: HeaderMap, RawQuery(raw): RawQuery) -> Response {
    let tenant = match desk.tenant(&headers) {
        Ok(tenant) => tenant,
        Err(answer) => return answer,
    };
    match question::from_parameters(&raw.unwrap_or_default(), desk.rag.model(), desk.limits) {
        Ok(read) => desk.stream(&read.query(tenant), &headers),
        Err(refused) => refused.into_response(),
    }
}

impl Desk {
    async fn read(&self, headers: &HeaderMap, body: Body) -> Result<(Query, bool), Response> {
        let tenant = self.tenant(headers)?;
        let body = super::answer::read_body(body, self.limits.body_bytes()).await?;
        let read =
            question::from_json(&body, self.rag.model(), self.limits).map_err(IntoResponse::into_response)?;
        let is_stream = read.stream;
        Ok((read.query(tenant), is_stream))
    }

    #[expect(clippy::result_large_err, reason = "the error is the answer, made once")]
    fn tenant(&self, headers: &HeaderMap) -> Result<String, Response> {
        let mut values = headers.get_all(&self.tenant_header).iter();
        let bad = |what: &str| {
            let name = &self.tenant_header;
            failure(StatusCode::BAD_REQUEST, format!("header {name} {what}"))
        };
        match (values.next(), values.next()) {
            (None, _) => Ok(String::new()),
            (Some(_), Some(_)) => Err(bad("is there more than once")),
            (Some(value), None) => match value.to_str() {
                Ok(value) if value.len() <= 256 => Ok(value.to_owned()),
                _ => Err(bad("is not at most 256 visible ASCII characters")),
            },
        }
    }

    async fn whole(&self, query: Query) -> Response {
        let (run, mut reader) = match self.rag.ask(query, false) {
            Ok(begun) => begun,
            Err(full) => return too_many(full),
        };
        // Dropped with the request when its client leaves, and the answer is given up.
        while !matches!(reader.read().await, Read::End) {}
        let Some(outcome) = run.outcome() else {
            return failure(StatusCode::INTERNAL_SERVER_ERROR, "the answer was cut short");
        };
        whole_answer(outcome, self.rag.model())
    }

    fn stream(&self, query: &Query, headers: &HeaderMap) -> Response {
        let reader = match headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).and_then(seen) {
            // To EventSource this says not to come back.
            Some(Seen::All) => return StatusCode::NO_CONTENT.into_response(),
            Some(Seen::Some { run, next }) => self.rag.resume(query, &run, next),
            None => Ok(None),
        };
        let reader = match reader {
            Ok(Some(reader)) => Ok(reader),
            Ok(None) => self.rag.ask(query.clone(), true).map(|(_, reader)| reader),
            Err(full) => Err(full),
        };
        match reader {
            Ok(reader) => event_stream(reader, self.retry_ms),
            Err(full) => too_many(full),
        }
    }
}

fn event_stream(reader: Reader, retry_ms: u64) -> Response {
    let mut head = String::new();
    event_stream::retry(&mut head, retry_ms);
    let events = unfold((Some(head), reader), async |(head, mut reader)| {
        let bytes = match head {
            Some(head) => Bytes::from(head),
            None => match reader.read().await {
                Read::Events(bytes) => bytes,
                Read::Silence => Bytes::from_static(b": \n\n"),
                Read::End => return None,
            },
        };
        Some((Ok::<_, Infallible>(bytes), (None, reader)))
    });
    let fields = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Asks proxies not to hold events back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (fields, Body::from_stream(events)).into_response()
}

fn whole_answer(outcome: Outcome, model: &str) -> Response {
    let Outcome { answer, sources, found, cached, similarity, error } = outcome;
    let mut response = match error {
        Some((reason, message)) => {
            let status = match reason {
                "engine_timeout" => StatusCode::GATEWAY_TIMEOUT,
                "engine_busy" => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::BAD_GATEWAY,
            };
            json(status, &json!({ "error": message, "reason": reason }))
        }
        None => {
            let body: Value = json!({
                "answer": answer, "sources": sources, "found": found,
                "cached": cached, "similarity": similarity, "model": model,
            });
            json(StatusCode::OK, &body)
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn too_many(full: Full) -> Response {
    let (status, error) = match full {
        Full::All(most) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{most} answers are given already (setting rag.max_streams)"),
        ),
        Full::Tenant(most) => (
            StatusCode::TOO_MANY_REQUESTS,
            format!("this tenant is given {most} answers already (setting rag.max_streams_per_tenant)"),
        ),
    };
    let mut answer = failure(status, error);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    answer
}
