//! The command line.

mod cache;
mod envoy;
mod logging;
mod migrate;
mod pooling;
mod purge;
mod query_cache;
mod rag;
mod semantic;
pub(crate) mod table;
mod timescale;
mod top;
mod validate;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use cache_protocol::names;
use clap::{Args, Parser, Subcommand};
use hyper::{Method, StatusCode};
use tokio::signal::unix::{SignalKind, signal};

use crate::client::Client;
use crate::config::{Config, ConfigError};
use crate::server::Server;
use cache::Cache;
use envoy::Envoy;
use migrate::Migrate;
use pooling::Pooling;
use purge::Purge;
use query_cache::QueryCache;
use rag::Rag;
use semantic::{Embed, Semantic};
use timescale::Timescale;
use top::Top;
use validate::Validate;

pub(crate) use migrate::schema_summary;

/// Exit status of wrong settings, as of a wrong command line.
const WRONG_SETTINGS: u8 = 2;

/// The companion of Slipstream's filters: the shared level of their cache, and the log of invalidations.
#[derive(Debug, Parser)]
#[command(name = "slipstream", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the filters until SIGTERM or SIGINT.
    Serve(ConfigArgs),
    /// Look at the settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Invalidate stored responses at a running companion, and wait until nobody serves them any more.
    Purge(Purge),
    /// Look at what a running companion has stored.
    #[command(subcommand)]
    Cache(Cache),
    /// Look at how a running companion follows the changes of the database, and void cached results by table.
    #[command(subcommand)]
    QueryCache(QueryCache),
    /// Embed a text at a running companion, and print its vector as JSON.
    Embed(Embed),
    /// Look at the semantic cache of a running companion, and remove what is in it.
    #[command(subcommand)]
    Semantic(Semantic),
    /// Take documents in, and ask questions about them.
    #[command(subcommand)]
    Rag(Rag),
    /// Print what a running companion has counted since its start, as JSON.
    Stats(Remote),
    /// Watch Envoys and a companion at work, in the terminal.
    Top(Top),
    /// Bring the databases' schemas up to date, and show that their indexes are used.
    #[command(subcommand)]
    Migrate(Migrate),
    /// PgBouncer between services and databases: its configuration, and what it does.
    #[command(subcommand)]
    Pooling(Pooling),
    /// TimescaleDB below the signals: what is in force, and how they should lie.
    #[command(subcommand)]
    Timescale(Timescale),
    /// Envoy's configuration: written for a service, and checked.
    #[command(subcommand)]
    Envoy(Envoy),
    /// Check from outside that a live endpoint keeps what Slipstream promises.
    #[command(subcommand)]
    Validate(Validate),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the settings as `serve` would use them (secrets masked), or what is wrong with them (exit status 2).
    Check(ConfigArgs),
}

#[derive(Debug, Args)]
struct ConfigArgs {
    /// A TOML file of settings. Every setting may also come from a variable SLIPSTREAM_<SECTION>__<KEY>, such as
    /// SLIPSTREAM_CACHE__MAX_ENTRY_BYTES, Redis from REDIS_HOST, REDIS_PORT, REDIS_DB and REDIS_PASSWORD,
    /// and PgBouncer from USE_PGBOUNCER, PGBOUNCER_HOST and PGBOUNCER_PORT.
    #[arg(long, value_name = "FILE", env = "SLIPSTREAM_CONFIG")]
    config: Option<PathBuf>,
}

/// Which companion to talk to.
#[derive(Debug, Args)]
struct Remote {
    /// The companion's URL [default: where the settings make it listen].
    #[arg(long, value_name = "URL", env = "SLIPSTREAM_URL")]
    companion: Option<String>,
    /// The companion's token, if it has one [default: that of the settings].
    #[arg(long, env = "SLIPSTREAM_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

impl ConfigArgs {
    fn load(&self) -> Result<Config, ConfigError> {
        Config::load(self.config.as_deref().filter(|file| *file != Path::new("")))
    }
}

impl Remote {
    fn client(&self) -> anyhow::Result<Client> {
        if let (Some(url), Some(token)) = (&self.companion, &self.token) {
            return Client::new(url, token);
        }
        let config = self.config.load()?;
        let token = self.token.as_deref().unwrap_or_else(|| config.token.reveal());
        match &self.companion {
            Some(url) => Client::new(url, token),
            None => Client::new(&config.local_url(), token),
        }
    }
}

/// Does what the command line says; the status to exit with.
pub fn run() -> ExitCode {
    match execute(Cli::parse().command) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("slipstream: {error:#}");
            if error.is::<ConfigError>() { ExitCode::from(WRONG_SETTINGS) } else { ExitCode::FAILURE }
        }
    }
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Config(ConfigCommand::Check(file)) => check(&file),
        Command::Serve(file) => {
            let config = file.load()?;
            logging::start(&config.log);
            tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(config))
        }
        Command::Purge(purge) => ask(purge.run()),
        Command::Cache(cache) => ask(cache.run()),
        Command::Embed(embed) => ask(embed.run()),
        Command::Semantic(semantic) => ask(semantic.run()),
        Command::Rag(rag) => rag.run(),
        Command::Stats(remote) => ask(stats(remote)),
        // What they find decides on the status.
        Command::QueryCache(command) => return ask(command.run()),
        Command::Top(top) => return ask(top.run()),
        Command::Migrate(migrate) => return ask(migrate.run()),
        Command::Validate(validate) => return ask(validate.run()),
        Command::Pooling(pooling) => return ask(pooling.run()),
        Command::Envoy(envoy) => return envoy.run(),
        Command::Timescale(timescale) => return ask(timescale.run()),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn check(file: &ConfigArgs) -> anyhow::Result<()> {
    let config = file.load()?;
    print!("{}", toml::to_string(&config).context("cannot print the settings")?);
    Ok(())
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Server::bind(config).await?.run(stop).await
}

/// Runs requests to others.
fn ask<T>(request: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(request)
}

async fn stats(remote: Remote) -> anyhow::Result<()> {
    let answer = remote.client()?.send(Method::GET, names::STATS_PATH, &[], "").await?;
    let text = String::from_utf8_lossy(answer.body());
    if answer.status() != StatusCode::OK {
        bail!("{}: {text}", answer.status());
    }
    println!("{text}");
    Ok(())
}
