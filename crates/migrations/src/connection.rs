//! Direct connections to PostgreSQL, with and without TLS.

mod tls;

pub use tls::{connector as tls_connector, connector_by_authority as tls_connector_by_authority};

use std::fmt;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::Error;
use crate::error::said;

/// How long making a connection may take, unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Poolers refuse it or keep it to themselves, so nobody migrates through one by mistake.
const DIRECT_ONLY: &str = "-c statement_timeout=0 -c slipstream.direct=on";
/// Whether it has come to the server.
const IS_DIRECT: &str = "SELECT coalesce(current_setting('slipstream.direct', true), '')";
const POOLER: &str =
    "This looks like a pooler such as PgBouncer: migrations need the URL of PostgreSQL itself";

/// Where a database is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The database's PostgreSQL URL, which leads there directly and not through a pooler.
    pub url: String,
    /// Who may have signed the server's certificate (PEM); empty: whom the system trusts.
    pub tls_ca_file: String,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("Endpoint").field("tls_ca_file", &self.tls_ca_file).finish_non_exhaustive()
    }
}

/// Connects directly. `name` is how the session is called in `pg_stat_activity`.
///
/// With `sslmode=require` the server's certificate is checked; without `sslmode`, TLS is used where the server has it, and
/// its certificate is not looked at.
pub async fn connect(endpoint: &Endpoint, name: &str) -> Result<Client, Error> {
    let mut config: Config = endpoint.url.parse().map_err(|error: tokio_postgres::Error| Error::Connect {
        place: "the database".to_owned(),
        reason: format!("its URL is none of PostgreSQL ({})", said(&error)),
    })?;
    config.application_name(name);
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    let options = match config.get_options() {
        Some(own) => format!("{own} {DIRECT_ONLY}"),
        None => DIRECT_ONLY.to_owned(),
    };
    config.options(options);
    let failed = |reason: String| Error::Connect { place: place(&config), reason };
    let client = match config.get_ssl_mode() {
        SslMode::Disable => {
            let (client, connection) =
                config.connect(NoTls).await.map_err(|error| failed(why(&config, &error)))?;
            drive(connection);
            client
        }
        mode => {
            let connector =
                tls::connector(mode == SslMode::Require, &endpoint.tls_ca_file).map_err(failed)?;
            let connected = config.connect(connector).await;
            let (client, connection) = connected.map_err(|error| failed(why(&config, &error)))?;
            drive(connection);
            client
        }
    };
    check_direct(&client).await.map_err(failed)?;
    Ok(client)
}

/// A pooler that is told to ignore what a session asks for lets everyone in. Asked by the simple protocol, which passes
/// through all of them.
async fn check_direct(client: &Client) -> Result<(), String> {
    let answer = client.simple_query(IS_DIRECT).await.map_err(|error| said(&error))?;
    let mut rows = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    if rows.next() == Some("on") {
        return Ok(());
    }
    Err(format!("what the session asked for at its start has not come to the server. {POOLER}"))
}

fn drive(connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static) {
    // Its error comes to whoever waits for an answer, too.
    drop(tokio::spawn(connection));
}

/// User, server and database, without password.
fn place(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let user = config.get_user().unwrap_or("the current user");
    let database = config.get_dbname().or(config.get_user()).unwrap_or("its default");
    format!("database {database:?} at {host}:{port} as {user:?}")
}

/// What went wrong, and what to do about it.
fn why(config: &Config, error: &tokio_postgres::Error) -> String {
    let reason = said(error);
    let remedy = match error.code() {
        Some(code) if *code == SqlState::INVALID_PASSWORD => {
            "The password in the URL is not this user's: correct it".to_owned()
        }
        Some(code) if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "The server does not let this user in from here: look at its pg_hba.conf, or add sslmode=require to the URL".to_owned()
        }
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
            format!("Create it with `createdb {:?}`, or correct the URL", config.get_dbname().unwrap_or_default())
        }
        Some(code) if *code == SqlState::PROTOCOL_VIOLATION => {
            POOLER.to_owned()
        }
        Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => {
            "Close some connections, or raise max_connections".to_owned()
        }
        Some(_) => "Correct the URL".to_owned(),
        // The server of a pooler may also close the connection without a code.
        None if reason.contains("unsupported startup parameter") => {
            POOLER.to_owned()
        }
        None if reason.contains("certificate") => {
            "The server's certificate is not trusted: set tls_ca_file to the PEM file of who signed it".to_owned()
        }
        None => "Is PostgreSQL running there, and the URL right?".to_owned(),
    };
    format!("{reason}. {remedy}")
}
