//! The connection to Redis: made anew whenever a command goes unanswered, and shared only once it has been tended to.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo,
};

use super::super::Unavailable;
use crate::config;

/// How long a connection may take to be made. Nobody waits for it.
const CONNECT: Duration = Duration::from_secs(1);
/// How long what was sent may go without the network's acknowledgement.
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);
/// Commands that may queue up before callers have to wait.
const QUEUE: usize = 1024;

/// A connection, and which one it is.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) connection: MultiplexedConnection,
    number: u64,
}

/// The connection in use, if there is one, and how to make the next.
///
/// There is no reconnecting behind the scenes: a server that comes back may have forgotten records, so each new connection
/// is verified before it is published.
pub(super) struct Links {
    client: Client,
    connecting: AsyncConnectionConfig,
    address: String,
    timeout: Duration,
    made: AtomicU64,
    state: RwLock<Result<Link, Unavailable>>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.number)
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Links {
    /// No connection yet.
    pub(super) fn new(config: &config::Redis) -> Result<Self, Unavailable> {
        let timeout = Duration::from_millis(config.timeout_ms);
        let mut login = RedisConnectionInfo::default().set_db(i64::from(config.db));
        if !config.password.reveal().is_empty() {
            login = login.set_password(config.password.reveal());
        }
        let unusable = |error: redis::RedisError| Unavailable { reason: error.to_string() };
        let server = ConnectionAddr::Tcp(config.host.clone(), config.port)
            .into_connection_info()
            .map_err(unusable)?
            .set_tcp_settings(TcpSettings::default().set_nodelay(true).set_user_timeout(UNACKNOWLEDGED))
            .set_redis_settings(login);
        Ok(Self {
            client: Client::open(server).map_err(unusable)?,
            connecting: AsyncConnectionConfig::new()
                .set_connection_timeout(Some(CONNECT))
                .set_response_timeout(Some(timeout))
                .set_pipeline_buffer_size(QUEUE),
            address: format!("{}:{}", config.host, config.port),
            timeout,
            made: AtomicU64::new(0),
            state: RwLock::new(Err(Unavailable { reason: "not connected yet".to_owned() })),
        })
    }

    /// The server's name and port.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The connection in use.
    pub(super) fn current(&self) -> Result<Link, Unavailable> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether this is still the connection in use.
    pub(super) fn check(&self, link: &Link) -> Result<(), Unavailable> {
        let current = self.current()?;
        if current.number == link.number {
            Ok(())
        } else {
            Err(Unavailable { reason: "the connection was replaced".to_owned() })
        }
    }

    /// A new connection, which nobody else uses yet.
    pub(super) async fn connect(&self) -> Result<Link, Unavailable> {
        let connecting = self.client.get_multiplexed_async_connection_with_config(&self.connecting);
        let connected = match tokio::time::timeout(CONNECT, connecting).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Unavailable { reason: error.to_string() }),
            Err(_) => Err(Unavailable { reason: format!("no connection within {} ms", CONNECT.as_millis()) }),
        };
        match connected {
            Ok(connection) => Ok(Link { connection, number: self.made.fetch_add(1, Ordering::Relaxed) }),
            Err(error) => {
                *self.state.write().unwrap_or_else(PoisonError::into_inner) = Err(error.clone());
                Err(error)
            }
        }
    }

    /// Puts a connection to everyone's use.
    pub(super) fn publish(&self, link: Link) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Ok(link);
    }

    /// Runs a command within the time-out. One that is not answered takes the connection out of use.
    pub(super) async fn run<T>(
        &self,
        link: &Link,
        command: impl AsyncFnOnce(&mut MultiplexedConnection) -> redis::RedisResult<T>,
    ) -> Result<T, Unavailable> {
        let mut connection = link.connection.clone();
        let error = match tokio::time::timeout(self.timeout, command(&mut connection)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => {
                let unavailable = Unavailable { reason: error.to_string() };
                if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) {
                    // Refused, but answered: the connection is good.
                    return Err(unavailable);
                }
                unavailable
            }
            Err(_) => Unavailable { reason: format!("no answer within {} ms", self.timeout.as_millis()) },
        };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.as_ref().is_ok_and(|current| current.number == link.number) {
            *state = Err(error.clone());
        }
        Err(error)
    }
}
