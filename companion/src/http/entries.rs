//! Looking at what is stored.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use cache_protocol::EntryPage;
use invalidation::Target;
use serde::Deserialize;

use super::Service;
use super::answer::{failure, json, unavailable};
use crate::store::Selection;
use crate::url;

/// The most entries of a page.
const MAX_LIMIT: usize = 1_000;
/// The entries of a page if nothing else is said.
const DEFAULT_LIMIT: usize = 100;

/// Which entries to list.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    url: Option<String>,
    key: Option<String>,
    prefix: Option<String>,
    tag: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let bad = |error: String| failure(StatusCode::BAD_REQUEST, error);
    let Query(Wanted { url, key, prefix, tag, limit, cursor }) = match wanted {
        Ok(wanted) => wanted,
        Err(error) => return bad(error.body_text()),
    };
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return bad(format!("limit is {limit}, expected 1 to {MAX_LIMIT}"));
    }
    let key_of_url = match url.map(|url| url::primary_key(&url)).transpose() {
        Ok(key) => key,
        Err(error) => return bad(format!("url: {error}")),
    };
    let mut targets =
        [key_of_url.map(Target::Key), key.map(Target::Key), prefix.map(Target::Prefix), tag.map(Target::Tag)]
            .into_iter()
            .flatten();
    let target = targets.next().unwrap_or(Target::All);
    if targets.next().is_some() {
        return bad("expected one of url, key, prefix and tag, or none for everything".to_owned());
    }
    match service.store.list(Selection::new(target), limit, cursor).await {
        Ok(page) => json(
            StatusCode::OK,
            &EntryPage {
                store: service.store.name().to_owned(),
                complete: page.cursor.is_none() && !page.leaves_out,
                entries: page.entries,
                cursor: page.cursor,
            },
        ),
        Err(error) => unavailable(&error),
    }
}
