//! What is asked about the changes that query caches follow, and invalidating by table.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::Service;
use super::answer::{failure, json, read_body};

/// The largest body of an invalidation, in bytes.
const MAX_REQUEST_BYTES: usize = 64 << 10;
const OFF: &str = "the changes of no database are followed: expected change_capture.enabled = true";

/// The body of `POST /v1/query-cache`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableInvalidation {
    /// Tables, by `NAME`, `SCHEMA.NAME` or `SCHEMA.*`.
    pub(crate) tables: Vec<String>,
}

/// The answer to it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TablesInvalidated {
    /// The place in the log: whoever has read up to it serves nothing from before.
    pub(crate) lsn: String,
}

pub(super) async fn status(State(service): State<Arc<Service>>) -> Response {
    match &service.capture {
        Some(capture) => json(StatusCode::OK, &capture.status().report()),
        None => failure(StatusCode::NOT_FOUND, OFF),
    }
}

pub(super) async fn invalidate(State(service): State<Arc<Service>>, body: Body) -> Response {
    let Some(capture) = &service.capture else { return failure(StatusCode::NOT_FOUND, OFF) };
    let body = match read_body(body, MAX_REQUEST_BYTES).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let tables = match serde_json::from_slice::<TableInvalidation>(&body) {
        Ok(request) if !request.tables.is_empty() => request.tables,
        Ok(_) => return failure(StatusCode::BAD_REQUEST, "tables: none, expected at least one"),
        Err(error) => return failure(StatusCode::BAD_REQUEST, error.to_string()),
    };
    match capture.invalidate(tables).await {
        Ok(lsn) => json(StatusCode::OK, &TablesInvalidated { lsn: lsn.to_string() }),
        Err(error) if error.starts_with("there is no table") => failure(StatusCode::NOT_FOUND, error),
        Err(error) => failure(StatusCode::SERVICE_UNAVAILABLE, error),
    }
}
