//! Which way a database is reached: directly, or through a pooler.

use std::fmt;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

/// Which way a database is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Way {
    /// As its own URL says.
    #[default]
    Direct,
    /// Through a pooler at this address, as the user and to the database of its own URL.
    Pooled {
        /// The pooler's name or address, or the folder of its socket.
        host: String,
        /// The pooler's port.
        port: u16,
        /// Whether the pooler is spoken to by TLS, whatever the URL says about the server.
        tls: bool,
    },
}

/// A URL that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayError {
    /// It is no URL of PostgreSQL. The text is not shown: it may hold a password.
    NoUrl(String),
    /// It lacks something that a pooler cannot do without.
    Lacks(&'static str),
    /// It sets something for the session, which no transaction may rely on behind a pooler.
    SessionOptions(String),
}

impl fmt::Display for WayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUrl(reason) => write!(
                f,
                "no PostgreSQL URL ({reason}), expected postgres://USER:PASSWORD@HOST:PORT/DATABASE"
            ),
            Self::Lacks(what) => {
                write!(f, "names no {what}, expected postgres://USER:PASSWORD@HOST:PORT/DATABASE")
            }
            Self::SessionOptions(options) => write!(
                f,
                "sets options={options:?} for the session, which a pooler in transaction mode cannot keep: \
                 use ALTER ROLE … IN DATABASE … SET instead, or names with their schema"
            ),
        }
    }
}

impl std::error::Error for WayError {}

impl Way {
    /// How to connect this way to the database of this URL.
    pub fn config(&self, url: &str) -> Result<Config, WayError> {
        let direct: Config =
            url.parse().map_err(|error: tokio_postgres::Error| WayError::NoUrl(error.to_string()))?;
        match self {
            Self::Direct => Ok(direct),
            Self::Pooled { host, port, tls } => pooled(&direct, host, *port, *tls),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("directly"),
            Self::Pooled { host, port, .. } => write!(f, "through the pooler at {host}:{port}"),
        }
    }
}

fn pooled(direct: &Config, host: &str, port: u16, tls: bool) -> Result<Config, WayError> {
    if let Some(options) = direct.get_options().filter(|options| !options.is_empty()) {
        return Err(WayError::SessionOptions(options.to_owned()));
    }
    let user = direct.get_user().ok_or(WayError::Lacks("user"))?;
    let database = direct.get_dbname().ok_or(WayError::Lacks("database"))?;
    let mut config = Config::new();
    config.host(host).port(port).user(user).dbname(database);
    if let Some(password) = direct.get_password() {
        config.password(password);
    }
    if let Some(name) = direct.get_application_name() {
        config.application_name(name);
    }
    if let Some(timeout) = direct.get_connect_timeout() {
        config.connect_timeout(*timeout);
    }
    config.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
    Ok(config)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    #[test]
    fn only_the_address_changes() {
        let way = Way::Pooled { host: "pooler".to_owned(), port: 6432, tls: false };
        let config =
            way.config("postgres://me:secret@db:5433/shop?application_name=x&connect_timeout=3").unwrap();
        assert_eq!(config.get_hosts(), [Host::Tcp("pooler".to_owned())]);
        assert_eq!(
            (config.get_ports(), config.get_user(), config.get_dbname()),
            (&[6432][..], Some("me"), Some("shop"))
        );
        assert_eq!((config.get_password(), config.get_application_name()), (Some(&b"secret"[..]), Some("x")));
        assert_eq!(config.get_connect_timeout().unwrap().as_secs(), 3);
        assert_eq!(
            Way::Direct.config("postgres://me@db/shop").unwrap().get_hosts(),
            [Host::Tcp("db".to_owned())]
        );
    }

    #[test]
    fn what_cannot_pass_is_refused() {
        let way = Way::Pooled { host: "pooler".to_owned(), port: 6432, tls: false };
        for (url, expected) in [
            ("postgres://db/shop", "names no user"),
            ("postgres://me:hunter2@db", "names no database"),
            ("postgres://me:hunter2@db/shop?options=-csearch_path%3Dx", "search_path=x"),
            ("postgres://me:hunter2@db:port/shop", "no PostgreSQL URL"),
        ] {
            let error = way.config(url).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{url}: {error}");
        }
    }
}
