//! PgBouncer's console: a database that knows a few commands, by the simple protocol only.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use migrations::tls_connector;
use pooled_postgres::Tls;
use serde::Serialize;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::config::Pooling;

/// A row of an answer, by the columns' names.
type Row = BTreeMap<String, String>;

/// A connection to the console.
#[derive(Debug)]
pub(crate) struct Console {
    client: Client,
    patience: Duration,
}

/// What PgBouncer says about itself.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// What it calls itself: `PgBouncer 1.18.0`.
    pub(crate) version: String,
    /// A pool for each pair of user and database.
    pub(crate) pools: Vec<PoolRow>,
    /// Sums for each database since its start.
    pub(crate) stats: Vec<StatsRow>,
}

/// A pool: the connections of one user to one database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PoolRow {
    /// The database.
    pub(crate) database: String,
    /// The user.
    pub(crate) user: String,
    /// When server connections are given back.
    pub(crate) mode: String,
    /// Clients that have a server connection, or nothing to ask.
    pub(crate) clients_active: u64,
    /// Clients that wait for a server connection.
    pub(crate) clients_waiting: u64,
    /// Server connections that a client has.
    pub(crate) servers_active: u64,
    /// Server connections that are free.
    pub(crate) servers_idle: u64,
    /// Server connections that have been free for so long that they are asked before use, that are being so, or log in.
    pub(crate) servers_other: u64,
    /// How long the first client in the queue has waited, in microseconds.
    pub(crate) longest_wait_us: u64,
}

/// Sums for a database since PgBouncer's start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct StatsRow {
    /// The database.
    pub(crate) database: String,
    /// Transactions.
    pub(crate) transactions: u64,
    /// Queries.
    pub(crate) queries: u64,
    /// Bytes from clients.
    pub(crate) received_bytes: u64,
    /// Bytes to clients.
    pub(crate) sent_bytes: u64,
    /// Time that server connections were in transactions, in microseconds.
    pub(crate) transaction_us: u64,
    /// Time that server connections ran queries, in microseconds.
    pub(crate) query_us: u64,
    /// Time that clients waited for a server connection, in microseconds.
    pub(crate) wait_us: u64,
    /// Transactions a second, on average over PgBouncer's last period (a minute).
    pub(crate) average_transactions: u64,
    /// The time of a transaction in that period, in microseconds.
    pub(crate) average_transaction_us: u64,
    /// The time that a client waited in that period, in microseconds.
    pub(crate) average_wait_us: u64,
}

/// What makes TLS connections to PgBouncer.
pub(crate) fn client_tls(pooling: &Pooling) -> anyhow::Result<Tls> {
    let ca_file = &pooling.tls_ca_file;
    tls_connector(!ca_file.is_empty(), ca_file).map_err(anyhow::Error::msg).context("pooling.tls_ca_file")
}

impl Console {
    /// Logs in to the console.
    pub(crate) async fn open(pooling: &Pooling) -> anyhow::Result<Self> {
        let password = pooling.admin_password.reveal();
        if password.is_empty() {
            bail!(
                "pooling.admin_password is empty, expected the password of {:?} for PgBouncer's console",
                pooling.admin_user
            );
        }
        let patience = pooling.console_timeout();
        let mut config = tokio_postgres::Config::new();
        config
            .host(&pooling.host)
            .port(pooling.port)
            .dbname("pgbouncer")
            .user(&pooling.admin_user)
            .password(password);
        config.ssl_mode(if pooling.speaks_tls() { SslMode::Require } else { SslMode::Disable });
        let tls = client_tls(pooling)?;
        let place = format!("PgBouncer's console at {}:{}", pooling.host, pooling.port);
        let connected = tokio::time::timeout(patience, config.connect(tls)).await;
        let Ok(connected) = connected else { bail!("{place} does not answer within {patience:?}") };
        let (client, connection) =
            connected.map_err(told).with_context(|| format!("{place} cannot be used"))?;
        // It ends with the client; its errors reach the commands.
        tokio::spawn(connection);
        Ok(Self { client, patience })
    }

    /// Has PgBouncer read its configuration again.
    pub(crate) async fn reload(&self) -> anyhow::Result<()> {
        self.rows("RELOAD").await.map(|_| ())
    }

    /// The settings in force, by their names.
    pub(crate) async fn settings(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let rows = self.rows("SHOW CONFIG").await?;
        Ok(rows.into_iter().filter_map(|mut row| Some((row.remove("key")?, row.remove("value")?))).collect())
    }

    /// What PgBouncer says about itself.
    pub(crate) async fn figures(&self) -> anyhow::Result<Figures> {
        let version =
            self.rows("SHOW VERSION").await?.into_iter().next().and_then(|mut row| row.remove("version"));
        let is_own = |database: &str| database == "pgbouncer";
        let pools = self.rows("SHOW POOLS").await?;
        let stats = self.rows("SHOW STATS").await?;
        Ok(Figures {
            version: version.context("SHOW VERSION names no version")?,
            pools: pools.iter().map(pool).filter(|pool| !is_own(&pool.database)).collect(),
            stats: stats.iter().map(totals).filter(|totals| !is_own(&totals.database)).collect(),
        })
    }

    async fn rows(&self, command: &str) -> anyhow::Result<Vec<Row>> {
        let answer = tokio::time::timeout(self.patience, self.client.simple_query(command)).await;
        let Ok(answer) = answer else {
            bail!("PgBouncer does not answer {command} within {:?}", self.patience)
        };
        let messages = answer.map_err(told).with_context(|| format!("PgBouncer refuses {command}"))?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(rows
            .map(|row| {
                let named = |(index, column): (usize, &tokio_postgres::SimpleColumn)| {
                    Some((column.name().to_owned(), row.try_get(index).ok()??.to_owned()))
                };
                row.columns().iter().enumerate().filter_map(named).collect()
            })
            .collect())
    }
}

/// A column that this version does not have counts as 0.
fn number(row: &Row, name: &str) -> u64 {
    row.get(name).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn text(row: &Row, name: &str) -> String {
    row.get(name).cloned().unwrap_or_default()
}

fn pool(row: &Row) -> PoolRow {
    PoolRow {
        database: text(row, "database"),
        user: text(row, "user"),
        mode: text(row, "pool_mode"),
        clients_active: number(row, "cl_active"),
        clients_waiting: number(row, "cl_waiting"),
        servers_active: number(row, "sv_active"),
        servers_idle: number(row, "sv_idle"),
        servers_other: number(row, "sv_used") + number(row, "sv_tested") + number(row, "sv_login"),
        longest_wait_us: number(row, "maxwait") * 1_000_000 + number(row, "maxwait_us"),
    }
}

fn totals(row: &Row) -> StatsRow {
    StatsRow {
        database: text(row, "database"),
        transactions: number(row, "total_xact_count"),
        queries: number(row, "total_query_count"),
        received_bytes: number(row, "total_received"),
        sent_bytes: number(row, "total_sent"),
        transaction_us: number(row, "total_xact_time"),
        query_us: number(row, "total_query_time"),
        wait_us: number(row, "total_wait_time"),
        average_transactions: number(row, "avg_xact_count"),
        average_transaction_us: number(row, "avg_xact_time"),
        average_wait_us: number(row, "avg_wait_time"),
    }
}

/// The other side's own words where there are some.
fn told(error: tokio_postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        Some(refusal) => anyhow::anyhow!("{}", refusal.message().to_owned()),
        None => error.into(),
    }
}
