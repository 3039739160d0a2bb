//! The demo's workspace API on PostgreSQL: an ordinary service that knows nothing of caches or compression.

mod api;
mod database;
mod error;
mod item;
mod list;
mod new_item;
mod seed;
mod stats;

use std::net::SocketAddr;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The demo's workspace API.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fill the database if it is empty, and serve the API
    Serve(Settings),
}

#[derive(Debug, clap::Args)]
struct Settings {
    /// The address to listen on
    #[arg(long, env = "DEMO_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The PostgreSQL database, such as postgres://user:password@127.0.0.1:5432/workspace
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// How many items an empty database is filled with
    #[arg(long, env = "DEMO_ITEMS", default_value_t = 100_000)]
    items: u32,
    /// The most database connections to hold
    #[arg(long, env = "DEMO_POOL_SIZE", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pool_size: u16,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Command::Serve(settings) = Arguments::parse().command;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).init();
    serve(settings).await
}

async fn serve(settings: Settings) -> Result<()> {
    let pool = database::pool(&settings.database_url, settings.pool_size.into())?;
    seed::fill_if_empty(&pool, settings.items).await.context("cannot prepare the database")?;
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {}", settings.listen))?;
    tracing::info!(listen = %listener.local_addr()?, "serving");
    let stop = stop_signal()?;
    axum::serve(listener, api::router(pool)).with_graceful_shutdown(stop).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Resolves when the process is asked to stop; requests under way are answered then.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
