//! Answers, errors among them, and the reading of bodies.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cache_protocol::ErrorBody;
use http_body_util::BodyExt;
use serde::Serialize;

use crate::store::Unavailable;

/// How much of a body that is too large is read and thrown away, as a multiple of what is allowed: a client that is still
/// sending would not read the answer.
const DRAINED: usize = 16;

/// An answer with a JSON body.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body)
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// An answer that says what went wrong.
pub(super) fn failure(status: StatusCode, error: impl Into<String>) -> Response {
    json(status, &ErrorBody { error: error.into() })
}

/// The answer while the store does not answer.
pub(super) fn unavailable(error: &Unavailable) -> Response {
    failure(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

/// The value of a header that must be there once, as visible ASCII.
#[expect(clippy::result_large_err, reason = "the error is the answer, made once")]
pub(super) fn required<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Response> {
    let bad = |what: &str| failure(StatusCode::BAD_REQUEST, format!("header {name} {what}"));
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or_else(|| bad("is missing"))?;
    if values.next().is_some() {
        return Err(bad("is there more than once"));
    }
    match value.to_str() {
        Ok("") => Err(bad("is empty")),
        Ok(value) => Ok(value),
        Err(_) => Err(bad("is not visible ASCII")),
    }
}

/// A whole body of at most `limit` bytes.
pub(super) async fn read_body(mut body: Body, limit: usize) -> Result<Bytes, Response> {
    let mut whole = Vec::new();
    let mut first: Option<Bytes> = None;
    let mut length: usize = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|error| failure(StatusCode::BAD_REQUEST, format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length > limit {
            (first, whole) = (None, Vec::new());
            if length > limit.saturating_mul(DRAINED) {
                break;
            }
        } else if let Some(first) = first.take() {
            whole.extend_from_slice(&first);
            whole.extend_from_slice(&data);
        } else if whole.is_empty() {
            // A body that comes in one piece is not copied.
            first = Some(data);
        } else {
            whole.extend_from_slice(&data);
        }
    }
    if length > limit {
        let error = format!("the body is larger than {limit} bytes");
        return Err(failure(StatusCode::PAYLOAD_TOO_LARGE, error));
    }
    Ok(first.unwrap_or_else(|| Bytes::from(whole)))
}
