//! The databases behind PgBouncer, as their direct URLs name them.

use migrations::Endpoint;
use tokio_postgres::config::Host;

use crate::config::{Config, ConfigError, Database};

/// A database behind PgBouncer.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The settings' path of its URL.
    pub(crate) path: String,
    /// Its name, for clients too.
    pub(crate) name: String,
    /// The server's name or address, or the folder of its socket.
    pub(crate) host: String,
    /// The server's port.
    pub(crate) port: u16,
    /// The user of the URL.
    pub(crate) user: String,
    /// How to connect to it directly.
    pub(crate) direct: tokio_postgres::Config,
    /// The same as text, and who may have signed the server's certificate.
    pub(crate) endpoint: Endpoint,
}

/// The databases that are configured, each once.
pub(crate) fn targets(config: &Config) -> Result<Vec<Target>, ConfigError> {
    let mut targets: Vec<Target> = Vec::new();
    for (section, database) in [("workspace", &config.workspace), ("tp_capital", &config.tp_capital)] {
        if database.is_configured() {
            let target = read(&format!("{section}.url"), database)?;
            let namesake = targets.iter().find(|other| other.name == target.name);
            if let Some(other) =
                namesake.filter(|other| (&other.host, other.port) != (&target.host, target.port))
            {
                let reason = format!(
                    "database {:?} at {}:{}, expected another name than that of {} at {}:{}: PgBouncer tells databases apart \
                     by their names",
                    target.name, target.host, target.port, other.path, other.host, other.port
                );
                return Err(error(&target.path, reason));
            }
            targets.push(target);
        }
    }
    if targets.is_empty() {
        let reason =
            "\"\" as is tp_capital.url, expected the direct URL of a database to pool connections to";
        return Err(error("workspace.url", reason));
    }
    Ok(targets)
}

fn read(path: &str, database: &Database) -> Result<Target, ConfigError> {
    let lacks = |what: &str| {
        error(path, format!("names no {what}, expected postgres://USER:PASSWORD@HOST:PORT/DATABASE"))
    };
    let direct: tokio_postgres::Config =
        database.url.reveal().parse().map_err(|_| lacks("server that can be read"))?;
    let host = match direct.get_hosts() {
        [Host::Tcp(host)] => host.clone(),
        [Host::Unix(folder)] => folder.display().to_string(),
        [] => return Err(lacks("host")),
        hosts => {
            let reason =
                format!("names {} hosts, expected one: PgBouncer does not choose between them", hosts.len());
            return Err(error(path, reason));
        }
    };
    let name = direct.get_dbname().ok_or_else(|| lacks("database"))?.to_owned();
    let user = direct.get_user().ok_or_else(|| lacks("user"))?.to_owned();
    for (what, text) in [("database", &name), ("user", &user), ("host", &host)] {
        if text.contains(char::is_control) {
            return Err(error(path, format!("{what} {text:?}, expected a name on one line")));
        }
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        let reason = format!(
            "database {name:?}, expected ASCII letters, digits, `_`, `.` and `-`: PgBouncer can list no other"
        );
        return Err(error(path, reason));
    }
    if name == "pgbouncer" {
        return Err(error(
            path,
            "database \"pgbouncer\", expected another name: it is that of PgBouncer's console",
        ));
    }
    let (url, tls_ca_file) = (database.url.reveal().to_owned(), database.tls_ca_file.clone());
    let endpoint = Endpoint { url, tls_ca_file };
    let port = direct.get_ports().first().copied().unwrap_or(5432);
    Ok(Target { path: path.to_owned(), name, host, port, user, direct, endpoint })
}

pub(super) fn error(path: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Field {
        path: path.to_owned(),
        source: "all sources together".to_owned(),
        reason: reason.into(),
    }
}
