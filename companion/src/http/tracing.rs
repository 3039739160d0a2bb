//! The trace that each request belongs to.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use cache_protocol::TraceParent;
use cache_protocol::names::TRACEPARENT_HEADER;

use super::Service;
use crate::trace::Current;

/// Deals with a request as a part of the trace that it names; where a collector is configured, as a span of it.
pub(super) async fn follow(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let parent = request.headers().get(TRACEPARENT_HEADER);
    let parent = parent.and_then(|value| TraceParent::parse(value.as_bytes()));
    let (method, path) = (request.method().as_str(), request.uri().path());
    let Some(current) = Current::of_request(parent, service.otlp.as_ref(), method, path) else {
        return next.run(request).await;
    };
    let answer = Current::scope(Some(current.clone()), next.run(request)).await;
    current.answered(answer.status().as_u16());
    answer
}
