//! The demo's APIs on PostgreSQL, workspace and tp-capital: an ordinary service that knows nothing of caches or compression.

mod api;
mod cursor;
mod database;
mod error;
mod generator;
mod http_client;
mod item;
mod launcher;
mod list;
mod new_item;
mod parameters;
mod seed;
mod signals;
mod stats;

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::Router;
use clap::{Parser, Subcommand};
use pooled_postgres::Way;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use database::Database;

/// The demo's APIs.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the database up to date, fill it if it is empty, and serve the APIs
    Serve(Settings),
    /// Watch the health of services and tell it, the API service-launcher
    Launcher(launcher::Settings),
    /// Send new trading signals to the API tp-capital, one after the other
    Generate(generator::Settings),
}

/// Which of the APIs to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Api {
    /// Items, `/api/items` and `/api/stats`
    Workspace,
    /// Trading signals, `/api/signals`
    TpCapital,
}

#[derive(Debug, clap::Args)]
struct Settings {
    /// The address to listen on
    #[arg(long, env = "DEMO_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Serve this API only [default: all of them]
    #[arg(long, env = "DEMO_API", value_enum)]
    api: Option<Api>,
    /// The PostgreSQL database, such as postgres://user:password@127.0.0.1:5432/workspace
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// The database of the signals [default: that of the items]
    #[arg(long, env = "DEMO_SIGNALS_URL", hide_env_values = true)]
    signals_url: Option<String>,
    /// The direct URL of the items' database, where --database-url leads to a pooler [default: the same]
    #[arg(long, env = "DEMO_DIRECT_URL", hide_env_values = true)]
    direct_url: Option<String>,
    /// The direct URL of the signals' database [default: --signals-url, or else --direct-url]
    #[arg(long, env = "DEMO_SIGNALS_DIRECT_URL", hide_env_values = true)]
    signals_direct_url: Option<String>,
    /// Send queries through PgBouncer, naming no statements; the URLs stay those of the databases themselves
    #[arg(long, env = "USE_PGBOUNCER", value_parser = clap::builder::FalseyValueParser::new())]
    use_pgbouncer: bool,
    /// PgBouncer's name or address
    #[arg(long, env = "PGBOUNCER_HOST", default_value = "127.0.0.1")]
    pgbouncer_host: String,
    /// PgBouncer's port
    #[arg(long, env = "PGBOUNCER_PORT", default_value_t = 6432)]
    pgbouncer_port: u16,
    /// Name no statements: right through a pooler that hands each transaction another session
    #[arg(long, env = "DEMO_UNNAMED_STATEMENTS")]
    unnamed_statements: bool,
    /// Answer repeated reads of items from memory. A companion has to follow the changes of the database, and publish them to the Redis that
    /// REDIS_HOST, REDIS_PORT, REDIS_DB and REDIS_PASSWORD name; while it does not, everything is read from the database
    #[arg(long, env = "QUERY_CACHE_ENABLED", value_parser = clap::builder::FalseyValueParser::new())]
    query_cache: bool,
    /// Make no indexes beside the primary keys, to see what they bring
    #[arg(long, env = "DEMO_WITHOUT_INDEXES", value_parser = clap::builder::FalseyValueParser::new())]
    without_indexes: bool,
    /// How many signals an empty database is filled with [default: as many as items]
    #[arg(long, env = "DEMO_SIGNALS")]
    signals: Option<u32>,
    /// How many items an empty database is filled with
    #[arg(long, env = "DEMO_ITEMS", default_value_t = 100_000)]
    items: u32,
    /// The most database connections to hold
    #[arg(long, env = "DEMO_POOL_SIZE", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pool_size: u16,
}

impl Settings {
    fn way(&self) -> Way {
        if self.use_pgbouncer {
            Way::Pooled { host: self.pgbouncer_host.clone(), port: self.pgbouncer_port, tls: false }
        } else {
            Way::Direct
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let command = Arguments::parse().command;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).init();
    match command {
        Command::Serve(settings) => serve(settings).await,
        Command::Launcher(settings) => launcher::run(settings, stop_signal()?).await,
        Command::Generate(settings) => generator::run(settings, stop_signal()?).await,
    }
}

async fn serve(settings: Settings) -> Result<()> {
    let way = settings.way();
    let names_statements = way == Way::Direct && !settings.unnamed_statements;
    let tls = migrations::tls_connector(false, "").map_err(anyhow::Error::msg)?;
    let connect = |url: &str| Database::new(url, &way, &tls, settings.pool_size.into(), names_statements);
    let items_url = &settings.database_url;
    let signals_url = settings.signals_url.as_ref().unwrap_or(items_url);
    let (mut items, signals) = (connect(items_url)?, connect(signals_url)?);
    if settings.query_cache {
        let options = query_cache::Options {
            enabled: true,
            pooled: !names_statements,
            ..query_cache::Options::from_env()
        };
        items = items.cached(options);
    }
    let direct = settings.direct_url.as_ref().unwrap_or(items_url);
    let signals_direct = match (&settings.signals_direct_url, &settings.signals_url) {
        (Some(url), _) | (None, Some(url)) => url,
        (None, None) => direct,
    };
    let with_indexes = !settings.without_indexes;
    let count = settings.signals.unwrap_or(settings.items);
    if settings.api != Some(Api::TpCapital) {
        let prepared = seed::ITEMS.prepare(direct, settings.items, with_indexes).await;
        prepared.context("cannot prepare the items")?;
    }
    if settings.api != Some(Api::Workspace) {
        let prepared = seed::SIGNALS.prepare(signals_direct, count, with_indexes).await;
        prepared.context("cannot prepare the signals")?;
    }
    listen(settings.listen, api::router(items, signals, settings.api), stop_signal()?).await
}

/// Serves until it is asked to stop, and answers what has been asked by then.
async fn listen(
    address: SocketAddr,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    tracing::info!(listen = %listener.local_addr()?, "serving");
    axum::serve(listener, router).with_graceful_shutdown(stop).await?;
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
