//! How a server is reached: time-outs, login and encryption, the same for all servers of one kind.

use std::fs;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ErrorKind, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, TlsCertificates,
};

use super::super::Unavailable;
use crate::config::{self, Address};

/// How long a connection may take to be made. Nobody waits for it.
pub(super) const CONNECT: Duration = Duration::from_secs(1);
/// How long what was sent may go without the network's acknowledgement.
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);
/// Commands that may queue up before callers have to wait.
const QUEUE: usize = 1024;

/// How a server is reached.
#[derive(Clone)]
pub(crate) struct Dialer {
    login: RedisConnectionInfo,
    /// The settings that are wrong if the login is.
    login_settings: &'static str,
    tls: Option<TlsCertificates>,
    connecting: AsyncConnectionConfig,
}

impl Dialer {
    /// For the servers that keep entries and log.
    pub(crate) fn to_servers(config: &config::Redis) -> Result<Self, Unavailable> {
        let mut login = RedisConnectionInfo::default().set_db(i64::from(config.db));
        if !config.username.is_empty() {
            login = login.set_username(&config.username);
        }
        Self::new(config, login, config.password.reveal(), "redis.username and redis.password")
    }

    /// For the sentinels.
    pub(super) fn to_sentinels(config: &config::Redis) -> Result<Self, Unavailable> {
        let login = RedisConnectionInfo::default();
        Self::new(config, login, config.sentinel_password.reveal(), "redis.sentinel_password")
    }

    fn new(
        config: &config::Redis,
        mut login: RedisConnectionInfo,
        password: &str,
        login_settings: &'static str,
    ) -> Result<Self, Unavailable> {
        if !password.is_empty() {
            login = login.set_password(password);
        }
        // One that is named stays the one, whatever else is linked. It may be named already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let timeout = Duration::from_millis(config.timeout_ms);
        Ok(Self {
            login,
            login_settings,
            tls: if config.tls { Some(certificates(config)?) } else { None },
            connecting: AsyncConnectionConfig::new()
                .set_connection_timeout(Some(CONNECT))
                .set_response_timeout(Some(timeout))
                .set_pipeline_buffer_size(QUEUE),
        })
    }

    /// A new connection to this server, which it has let in.
    pub(crate) async fn dial(&self, address: &Address) -> Result<MultiplexedConnection, Unavailable> {
        let connecting = async {
            self.client(address)?.get_multiplexed_async_connection_with_config(&self.connecting).await
        };
        let reason = match tokio::time::timeout(CONNECT, connecting).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) if error.kind() == ErrorKind::AuthenticationFailed => {
                format!("{} refused: {error}", self.login_settings)
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no connection within {} ms", CONNECT.as_millis()),
        };
        Err(Unavailable { reason: format!("{address}: {reason}") })
    }

    fn client(&self, Address { host, port }: &Address) -> Result<Client, RedisError> {
        let (host, port) = (host.clone(), *port);
        let server = match &self.tls {
            None => ConnectionAddr::Tcp(host, port),
            Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        };
        let server = server
            .into_connection_info()?
            .set_tcp_settings(TcpSettings::default().set_nodelay(true).set_user_timeout(UNACKNOWLEDGED))
            .set_redis_settings(self.login.clone());
        match &self.tls {
            None => Client::open(server),
            Some(certificates) => Client::build_with_tls(server, certificates.clone()),
        }
    }
}

fn certificates(config: &config::Redis) -> Result<TlsCertificates, Unavailable> {
    let read = |setting: &str, file: &str| {
        let unreadable = |why| Unavailable { reason: format!("{setting}: cannot read {file}: {why}") };
        fs::read(file).map_err(unreadable)
    };
    let mut certificates = TlsCertificates { client_tls: None, root_cert: None };
    if !config.tls_ca_file.is_empty() {
        certificates.root_cert = Some(read("redis.tls_ca_file", &config.tls_ca_file)?);
    }
    if !config.tls_cert_file.is_empty() {
        certificates.client_tls = Some(ClientTlsConfig {
            client_cert: read("redis.tls_cert_file", &config.tls_cert_file)?,
            client_key: read("redis.tls_key_file", &config.tls_key_file)?,
        });
    }
    Ok(certificates)
}
