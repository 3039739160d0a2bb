//! The routes.

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRef, Path, Query, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio_postgres::types::Type;

use crate::Api;
use crate::database::Database;
use crate::error::Error;
use crate::item::{COLUMNS, Item};
use crate::list::{self, Page};
use crate::new_item::NewItem;
use crate::signals;
use crate::stats::Stats;

/// Query parameters as they come.
pub type Raw = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// The databases behind the routes.
#[derive(Debug, Clone)]
struct Databases {
    items: Items,
    signals: signals::Signals,
}

/// The database of the items.
#[derive(Debug, Clone)]
struct Items(Database);

impl FromRef<Databases> for Items {
    fn from_ref(databases: &Databases) -> Items {
        databases.items.clone()
    }
}

impl FromRef<Databases> for signals::Signals {
    fn from_ref(databases: &Databases) -> signals::Signals {
        databases.signals.clone()
    }
}

/// All the APIs on these databases, or only one. `/health` is about the items' database unless the signals are all there is.
pub fn router(items: Database, signals: Database, only: Option<Api>) -> Router {
    let mut router = Router::new();
    if only != Some(Api::TpCapital) {
        router = router
            .route("/api/items", get(list_items).post(create_item))
            .route("/api/items/{id}", get(read_item))
            .route("/api/stats", get(stats));
    }
    if only != Some(Api::Workspace) {
        router = router
            .route("/api/signals", get(signals::list).post(signals::create))
            .route("/api/signals/latest", get(signals::latest))
            .route("/api/signals/summary", get(signals::summary));
    }
    let watched = if only == Some(Api::TpCapital) { signals.clone() } else { items.clone() };
    router
        .route("/health", get(async move || health(&watched).await))
        .fallback(async |uri: Uri| Error::NotFound(format!("there is nothing at {}", uri.path())))
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .with_state(Databases { items: Items(items), signals: signals::Signals(signals) })
}

/// The parameters of a query that can be understood.
pub fn parameters(raw: Raw) -> Result<Vec<(String, String)>, Error> {
    let Query(parameters) = raw.map_err(|error| Error::malformed("query", error.body_text()))?;
    Ok(parameters)
}

async fn list_items(State(Items(database)): State<Items>, raw: Raw) -> Result<Json<Page>, Error> {
    Ok(Json(list::Query::parse(&parameters(raw)?)?.run(&database).await?))
}

async fn read_item(
    State(Items(database)): State<Items>,
    Path(id): Path<String>,
) -> Result<Json<Item>, Error> {
    let missing = || Error::NotFound(format!("there is no item {id:?}"));
    let number: i64 = id.parse().map_err(|_| missing())?;
    let sql = format!("SELECT {COLUMNS} FROM workspace.workspace_items WHERE id = $1");
    let rows = database.query(&sql, &[(&number, Type::INT8)]).await?;
    Ok(Json(Item::try_from(rows.first().ok_or_else(missing)?)?))
}

async fn create_item(State(Items(database)): State<Items>, body: Bytes) -> Result<Response, Error> {
    let item = NewItem::parse(&body)?.insert(&database).await?;
    let location = format!("/api/items/{}", item.id());
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(item)).into_response())
}

async fn stats(State(Items(database)): State<Items>) -> Result<Json<Stats>, Error> {
    Ok(Json(Stats::read(&database).await?))
}

async fn health(database: &Database) -> Result<Json<serde_json::Value>, Error> {
    database.query_one("SELECT 1", &[]).await?;
    Ok(Json(json!({ "status": "ok" })))
}
