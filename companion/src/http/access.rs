//! Who may use the interface: those who know the token, where one is set.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq;

use super::Service;
use super::answer::failure;
use super::embeddings;

/// Answers 401 unless the request carries the token as `Authorization: Bearer TOKEN` (RFC 6750 §2.1).
pub(super) async fn check(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    if service.token.is_empty() || carries(request.headers(), service.token.as_bytes()) {
        return next.run(request).await;
    }
    let missing = "the token is missing or wrong (setting token)";
    let mut answer = if request.uri().path() == embeddings::PATH {
        // Its clients expect errors in the form of OpenAI's interface.
        embeddings::failure(StatusCode::UNAUTHORIZED, "authentication_error", None, missing)
    } else {
        failure(StatusCode::UNAUTHORIZED, missing)
    };
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

/// Takes as long for a token that is nearly right as for one that is all wrong.
pub(super) fn carries(headers: &HeaderMap, token: &[u8]) -> bool {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return false };
    let Some((scheme, given)) = value.as_bytes().split_at_checked(b"Bearer ".len()) else { return false };
    scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(given.ct_eq(token))
}
