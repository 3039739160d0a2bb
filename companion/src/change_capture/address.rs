//! Where the database is, and how it is reached: both connections go the same way.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use pooled_postgres::{Secured, Tls, secured};
use tokio::net::TcpStream;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, NoTls};

use super::ended::Ended;
use super::relay;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Whether TLS is used, and whose certificate is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// No TLS.
    Disable,
    /// TLS if the server has it, with any certificate.
    Prefer,
    /// A certificate that an authority signed which is trusted, whatever name is in it.
    Authority,
    /// Such a certificate, in the server's name.
    Server,
}

impl Mode {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "disable" => Some(Self::Disable),
            "prefer" => Some(Self::Prefer),
            "verify-ca" => Some(Self::Authority),
            "require" | "verify-full" => Some(Self::Server),
            _ => None,
        }
    }

    /// As the library of the ordinary connection says it.
    fn ordinary(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Authority | Self::Server => SslMode::Require,
        }
    }
}

/// Where the database is, as the settings say.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) database: String,
    mode: Mode,
    /// Who may have signed the server's certificate (PEM); empty: whom the system trusts.
    ca_file: String,
    config: tokio_postgres::Config,
}

impl Address {
    /// Reads `postgres://user:password@host:port/database?sslmode=MODE&sslrootcert=FILE`; the file may also be given beside it. The
    /// error never shows the URL, which holds a password.
    pub(super) fn parse(url: &str, ca_file: &str) -> Result<Self, String> {
        let Taken { rest, mode, root } = take_tls(url)?;
        let mut config: tokio_postgres::Config =
            rest.parse().map_err(|error: tokio_postgres::Error| error.to_string())?;
        let host = match config.get_hosts() {
            [Host::Tcp(host)] => host.clone(),
            [Host::Unix(folder)] => folder.display().to_string(),
            hosts => return Err(format!("{} hosts, expected one", hosts.len())),
        };
        let is_local = matches!(config.get_hosts(), [Host::Unix(_)]);
        let mode = match mode {
            Some(text) => Mode::parse(&text).ok_or_else(|| {
                format!("sslmode={text}, expected disable, prefer, require, verify-ca or verify-full")
            })?,
            None => Mode::Prefer,
        };
        // As all clients do: nobody listens on a socket of this machine.
        let mode = if is_local { Mode::Disable } else { mode };
        let ca_file = match root {
            Some(root) if !ca_file.is_empty() && root != ca_file => {
                return Err(format!(
                    "sslrootcert={root}, but change_capture.tls_ca_file is {ca_file}, expected one of the two"
                ));
            }
            Some(root) => root,
            None => ca_file.to_owned(),
        };
        if !ca_file.is_empty() && !matches!(mode, Mode::Authority | Mode::Server) {
            return Err(
                "a file of who signed the certificate, but no sslmode that looks at it, expected sslmode=require, verify-full or verify-ca"
                    .to_owned(),
            );
        }
        let user = config.get_user().ok_or("no user")?.to_owned();
        let database = config.get_dbname().unwrap_or(&user).to_owned();
        let password = String::from_utf8_lossy(config.get_password().unwrap_or_default()).into_owned();
        let port = config.get_ports().first().copied().unwrap_or(5432);
        config
            .application_name("slipstream change capture")
            .connect_timeout(CONNECT)
            .ssl_mode(mode.ordinary());
        Ok(Self { host, port, user, password, database, mode, ca_file, config })
    }

    /// An ordinary connection.
    pub(super) async fn connect(&self) -> Result<Client, Ended> {
        let too_long = |_| Ended::database("connecting took too long");
        if self.mode == Mode::Disable {
            let connecting = tokio::time::timeout(CONNECT, self.config.connect(NoTls));
            let (client, connection) = connecting.await.map_err(too_long)??;
            drive(connection);
            return Ok(client);
        }
        let connecting = tokio::time::timeout(CONNECT, self.config.connect(self.tls()?));
        let (client, connection) = connecting.await.map_err(too_long)?.map_err(|error| {
            let said = super::catalogue::reason(&error);
            refused(&said).unwrap_or(Ended::Database(said))
        })?;
        drive(connection);
        Ok(client)
    }

    /// Host and port where the replication stream finds the server: its own, or those of a way through TLS.
    pub(super) async fn replication(&self) -> Result<(String, u16), Ended> {
        let own = (self.host.clone(), self.port);
        if self.mode == Mode::Disable {
            return Ok(own);
        }
        let connecting = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            stream.set_nodelay(true)?;
            secured(stream, self.mode.ordinary(), &self.host, &self.tls()?).await.map_err(|error| {
                let said = error.to_string();
                refused(&said).unwrap_or(Ended::Stream(said))
            })
        };
        match tokio::time::timeout(CONNECT, connecting).await {
            Ok(secured) => match secured? {
                Secured::Tls(stream) => Ok(("127.0.0.1".to_owned(), relay::open(stream).await?)),
                Secured::Plain(_) => Ok(own),
            },
            Err(_) => Err(Ended::Stream("connecting took too long".to_owned())),
        }
    }

    fn tls(&self) -> Result<Tls, Ended> {
        let connector = match self.mode {
            Mode::Authority => migrations::tls_connector_by_authority(&self.ca_file),
            mode => migrations::tls_connector(mode == Mode::Server, &self.ca_file),
        };
        connector.map_err(Ended::settings)
    }
}

fn drive(connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static) {
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection beside the replication stream ended");
        }
    });
}

/// What to do about a certificate that is not accepted, if that is what is wrong.
fn refused(said: &str) -> Option<Ended> {
    said.contains("certificate").then(|| {
        Ended::settings(format!(
            "the server's certificate is not accepted: {said}. Set change_capture.tls_ca_file to the PEM file of who signed it, and use a \
             name that is in it"
        ))
    })
}

/// A URL without what it says of TLS, and that.
struct Taken {
    rest: String,
    mode: Option<String>,
    root: Option<String>,
}

/// The library takes neither all modes nor a file of roots.
fn take_tls(url: &str) -> Result<Taken, String> {
    let mut taken = Taken { rest: url.to_owned(), mode: None, root: None };
    let Some((place, query)) = url.split_once('?') else { return Ok(taken) };
    let mut kept = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = || {
            let text = percent_decode_str(value).decode_utf8();
            text.map(|text| text.into_owned()).map_err(|_| format!("{name} is no UTF-8"))
        };
        match name {
            "sslmode" => taken.mode = Some(decoded()?),
            "sslrootcert" => taken.root = Some(decoded()?).filter(|root| root != "system"),
            _ => kept.push(pair),
        }
    }
    taken.rest =
        if kept.is_empty() { place.to_owned() } else { [place, "?", kept.join("&").as_str()].concat() };
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read() {
        for (more, ca_file, mode, file) in [
            ("", "", Mode::Prefer, ""),
            ("?sslmode=disable", "", Mode::Disable, ""),
            ("?sslmode=prefer&connect_timeout=3", "", Mode::Prefer, ""),
            ("?connect_timeout=3&sslmode=require", "/ca", Mode::Server, "/ca"),
            ("?sslmode=verify-full&sslrootcert=%2Fa%20b", "", Mode::Server, "/a b"),
            ("?sslmode=verify-ca&sslrootcert=/ca", "/ca", Mode::Authority, "/ca"),
            ("?sslmode=verify-full&sslrootcert=system", "", Mode::Server, ""),
        ] {
            let address = Address::parse(&format!("postgres://me:secret@db:1/shop{more}"), ca_file).unwrap();
            assert_eq!(
                (address.host.as_str(), address.port, address.database.as_str()),
                ("db", 1, "shop"),
                "{more}"
            );
            assert_eq!((address.mode, address.ca_file.as_str()), (mode, file), "{more}");
        }
        let local = Address::parse("postgres://me@%2Ftmp/shop?sslmode=require", "").unwrap();
        assert_eq!(local.mode, Mode::Disable);
    }

    #[test]
    fn a_wrong_one_is_not_shown() {
        for (url, ca_file, expected) in [
            ("postgres://me:secret@a,b/x", "", "2 hosts"),
            ("nonsense secret", "", "invalid"),
            ("postgres://me:secret@db/x?sslmode=always", "", "sslmode=always, expected disable"),
            ("postgres://me:secret@db/x?sslmode=require&sslrootcert=/a", "/b", "expected one of the two"),
            ("postgres://me:secret@db/x", "/ca", "expected sslmode=require"),
        ] {
            let error = Address::parse(url, ca_file).unwrap_err();
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        }
    }
}
