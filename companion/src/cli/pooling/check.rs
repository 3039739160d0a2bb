//! `slipstream pooling check`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use migrations::tls_connector;
use pooled_postgres::probe::{Findings, Plan, cross_talk};
use pooled_postgres::{ClientMode, Way};
use serde::Serialize;
use tokio_postgres::config::SslMode;

use crate::cli::ConfigArgs;
use crate::config::Config;
use crate::pooling::{Target, client_tls, targets};

#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// How the clients hand over their statements: simple, typed (unnamed statements, bound before the sync), prepared (named
    /// statements) or split (unnamed, bound after a sync, as sqlx does) [default: pooling.client_mode].
    #[arg(long)]
    mode: Option<ClientMode>,
    /// The database to ask [default: the first that is configured]. No table is read, and nothing is written.
    #[arg(long)]
    database: Option<Which>,
    /// Clients that ask at the same time; more than the pool has connections, or there is nothing to mix up.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: u32,
    /// Queries in all.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    queries: u32,
    /// Queries that each client has under way at the same time.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    in_flight: u32,
    /// Ask the database itself instead of PgBouncer, to compare.
    #[arg(long)]
    direct: bool,
    /// How long a client waits for its connection and for each answer.
    #[arg(long, value_name = "MS", default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout_ms: u64,
    /// Print JSON instead of text for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    Workspace,
    TpCapital,
}

/// What was found, for machines.
#[derive(Debug, Serialize)]
struct Report<'a> {
    database: &'a str,
    way: String,
    mode: ClientMode,
    clean: bool,
    #[serde(flatten)]
    findings: &'a Findings,
}

impl Check {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config.load()?;
        let target = self.target(&config)?;
        let pooling = &config.pooling;
        let way = if self.direct { Way::Direct } else { pooling.pooler() };
        let database = match target.path.as_str() {
            "tp_capital.url" => &config.tp_capital,
            _ => &config.workspace,
        };
        let connection = way.config(database.url.reveal()).with_context(|| target.path.clone())?;
        let mode = self.mode.unwrap_or(pooling.client_mode);
        let plan = Plan {
            mode,
            clients: self.clients.min(self.queries),
            queries: self.queries,
            in_flight: self.in_flight,
            patience: Duration::from_millis(self.timeout_ms),
        };
        if !self.json {
            eprintln!(
                "asking {} {way} {} times by {} clients, mode {mode}",
                target.name, plan.queries, plan.clients
            );
        }
        let tls = if self.direct {
            let verifies = connection.get_ssl_mode() == SslMode::Require;
            tls_connector(verifies, &target.endpoint.tls_ca_file).map_err(anyhow::Error::msg)?
        } else {
            client_tls(pooling)?
        };
        let findings = cross_talk(&connection, &tls, plan).await;
        let clean = findings.is_clean();
        if self.json {
            let report =
                Report { database: &target.name, way: way.to_string(), mode, clean, findings: &findings };
            println!("{}", serde_json::to_string(&report)?);
        } else {
            print!("{}", text(&findings, mode, self.direct));
        }
        Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn target(&self, config: &Config) -> anyhow::Result<Target> {
        let path = match self.database {
            None => None,
            Some(Which::Workspace) => Some("workspace.url"),
            Some(Which::TpCapital) => Some("tp_capital.url"),
        };
        let mut targets = targets(config)?.into_iter();
        let found = targets.find(|target| path.is_none_or(|path| target.path == path));
        found.with_context(|| {
            format!("{} is empty, expected the URL of the database to ask", path.unwrap_or_default())
        })
    }
}

fn text(findings: &Findings, mode: ClientMode, direct: bool) -> String {
    let Findings { right, wrong, failed, example, errors, took_ms } = findings;
    let mut text = format!("{right} right, {wrong} wrong, {failed} failed in {took_ms} ms\n");
    if let Some(example) = example {
        text += &format!("a wrong answer, without an error: {example}\n");
    }
    for (error, times) in errors {
        text += &format!("{times} × {error}\n");
    }
    text += &match (findings.is_clean(), direct) {
        (true, _) => format!("every query got its own answer: mode {mode} is right here\n"),
        (false, true) => {
            "PgBouncer had no part in it: the server itself, or what is before it, is to be looked at\n"
                .to_owned()
        }
        (false, false) => advice(mode).to_owned(),
    };
    text
}

fn advice(mode: ClientMode) -> &'static str {
    match mode {
        ClientMode::Prepared => {
            "mode prepared is not right here. Through PgBouncer 1.18 to 1.20 in transaction mode use typed (tokio-postgres: \
             query_typed) or simple; 1.21 and later serve named statements of the protocol once max_prepared_statements is above 0\n"
        }
        ClientMode::Split => {
            "mode split is not right here, and no version of PgBouncer makes it so in transaction mode: use typed (tokio-postgres: \
             query_typed) or simple; or named statements and 1.21 or later with max_prepared_statements above 0; or pool_mode session\n"
        }
        ClientMode::Simple | ClientMode::Typed => {
            "this mode is right through every PgBouncer: look at the errors above, at query_wait_timeout and max_client_conn, and \
             whether something else stands between\n"
        }
    }
}
