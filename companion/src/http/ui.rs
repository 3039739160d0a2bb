//! The page at `/ui`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Service;

/// Nothing but what the companion itself serves; nothing of others runs even if it got into the page.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Where the page and its parts are.
pub(super) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/ui", get(page))
        .route("/ui/content", get(content))
        .route("/ui/style.css", get(async || of_type("text/css", include_str!("../ui/style.css"))))
        .route("/ui/live.js", get(async || of_type("text/javascript", include_str!("../ui/live.js"))))
}

async fn page(State(service): State<Arc<Service>>) -> Response {
    of_type("text/html", service.ui.as_ref().map(|ui| ui.page()).unwrap_or_default())
}

async fn content(State(service): State<Arc<Service>>) -> Response {
    of_type("text/html", service.ui.as_ref().map(|ui| ui.content()).unwrap_or_default())
}

fn of_type(media_type: &str, body: impl IntoResponse) -> Response {
    let fields = [
        (CONTENT_TYPE, format!("{media_type}; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    (fields, body).into_response()
}
