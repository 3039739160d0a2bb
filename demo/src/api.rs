//! The routes.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use deadpool_postgres::Pool;
use serde_json::json;

use crate::error::Error;
use crate::item::{COLUMNS, Item};
use crate::list::{self, Page};
use crate::new_item::NewItem;
use crate::stats::Stats;

/// The API on this database.
pub fn router(pool: Pool) -> Router {
    Router::new()
        .route("/api/items", get(list_items).post(create_item))
        .route("/api/items/{id}", get(read_item))
        .route("/api/stats", get(stats))
        .route("/health", get(health))
        .fallback(async |uri: Uri| Error::NotFound(format!("there is nothing at {}", uri.path())))
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .with_state(pool)
}

async fn list_items(
    State(pool): State<Pool>,
    parameters: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Page>, Error> {
    let Query(parameters) = parameters.map_err(|error| Error::malformed("query", error.body_text()))?;
    Ok(Json(list::Query::parse(&parameters)?.run(&pool).await?))
}

async fn read_item(State(pool): State<Pool>, Path(id): Path<String>) -> Result<Json<Item>, Error> {
    let missing = || Error::NotFound(format!("there is no item {id:?}"));
    let number: i64 = id.parse().map_err(|_| missing())?;
    let client = pool.get().await?;
    let sql = format!("SELECT {COLUMNS} FROM workspace.workspace_items WHERE id = $1");
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&number]).await?.ok_or_else(missing)?;
    Ok(Json(Item::try_from(&row)?))
}

async fn create_item(State(pool): State<Pool>, body: Bytes) -> Result<Response, Error> {
    let item = NewItem::parse(&body)?.insert(&pool).await?;
    let location = format!("/api/items/{}", item.id());
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(item)).into_response())
}

async fn stats(State(pool): State<Pool>) -> Result<Json<Stats>, Error> {
    Ok(Json(Stats::read(&pool).await?))
}

async fn health(State(pool): State<Pool>) -> Result<Json<serde_json::Value>, Error> {
    pool.get().await?.query_one("SELECT 1", &[]).await?;
    Ok(Json(json!({ "status": "ok" })))
}
