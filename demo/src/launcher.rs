//! `slipstream-demo launcher`: the API service-launcher, which knows how all the others are.

mod watched;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::error::Error;
use watched::{Service, Watched};

/// Whom to watch, and how.
#[derive(Debug, clap::Args)]
pub struct Settings {
    /// The address to listen on
    #[arg(long, env = "LAUNCHER_LISTEN", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The services, each as NAME=http://host:port/path, which has to answer 2xx, or NAME=tcp://host:port, which has to take a connection
    #[arg(long, env = "LAUNCHER_SERVICES", value_delimiter = ',', required = true, value_parser = Service::parse)]
    services: Vec<Service>,
    /// How often each is asked, in milliseconds
    #[arg(long, env = "LAUNCHER_INTERVAL_MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(100..))]
    interval_ms: u64,
    /// How long each may take to answer, in milliseconds
    #[arg(long, env = "LAUNCHER_TIMEOUT_MS", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    timeout_ms: u64,
}

/// Watches and tells until it is asked to stop.
pub async fn run(settings: Settings, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    let timeout = Duration::from_millis(settings.timeout_ms);
    let watched: Arc<[Watched]> =
        settings.services.into_iter().map(|service| Watched::new(service, timeout)).collect();
    for index in 0..watched.len() {
        let (watched, interval) = (Arc::clone(&watched), Duration::from_millis(settings.interval_ms));
        tokio::spawn(async move {
            let Some(watched) = watched.get(index) else { return };
            loop {
                watched.look().await;
                tokio::time::sleep(interval).await;
            }
        });
    }
    crate::listen(settings.listen, router(watched), stop).await
}

fn router(watched: Arc<[Watched]>) -> Router {
    Router::new()
        .route("/api/services", get(services))
        .route("/health", get(async || Json(json!({ "status": "ok" }))))
        .fallback(async |uri: Uri| Error::NotFound(format!("there is nothing at {}", uri.path())))
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .with_state(watched)
}

/// `GET /api/services`: always 200, for it is an answer also when services are down.
async fn services(State(watched): State<Arc<[Watched]>>) -> Json<Value> {
    let services: Vec<_> = watched.iter().map(Watched::report).collect();
    let count = |wanted| services.iter().filter(|service| service.status == wanted).count();
    let (up, down) = (count("up"), count("down"));
    let status = match (up, down) {
        (_, 0) if up == services.len() => "ok",
        (_, 0) => "starting",
        _ => "degraded",
    };
    Json(json!({ "status": status, "up": up, "down": down, "services": services }))
}
