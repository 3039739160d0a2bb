//! The connection to Redis: made anew whenever a command goes unanswered, and shared only once it has been tended to.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, RedisResult};

use super::super::Unavailable;
use super::cluster::Cluster;
use super::connection::{Connection, Request};
use super::dial::Dialer;
use super::refusal::{is_demotion, is_refusal};
use super::sentinels::Sentinels;
use crate::config::{self, Address};

/// How often the sentinels are asked whether the server in use is still the master.
const STILL_MASTER: Duration = Duration::from_secs(1);

/// A connection to the server that keeps the log, and which one it is.
#[derive(Clone)]
pub(super) struct Link {
    connection: Connection,
    address: Arc<Address>,
    number: u64,
    cluster: Option<Arc<Cluster>>,
}

/// The connection in use, if there is one, and how to make the next.
///
/// There is no reconnecting behind the scenes: a server that comes back may have forgotten records, so each new connection
/// is verified before it is published.
pub(super) struct Links {
    source: Source,
    dialer: Dialer,
    timeout: Duration,
    made: AtomicU64,
    state: RwLock<Result<Link, Unavailable>>,
}

/// Who says which server keeps the log.
enum Source {
    Settings(Address),
    Sentinels(Box<Sentinels>),
    Cluster(Arc<Cluster>),
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({}, {})", self.number, self.address)
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("current", &self.current()).finish_non_exhaustive()
    }
}

impl Link {
    /// The connection alone.
    pub(super) fn into_connection(self) -> MultiplexedConnection {
        self.connection.into_server()
    }

    /// Whether entries are on other servers than the log.
    pub(super) fn spreads(&self) -> bool {
        self.cluster.is_some()
    }

    /// A connection to the server of this key, for what nobody waits for.
    pub(super) fn at(&self, key: &str) -> Option<Connection> {
        match &self.cluster {
            Some(cluster) => cluster.at(key),
            None => Some(self.connection.clone()),
        }
    }

    /// A connection to each server that keeps entries, always in the same order; none to those that are away.
    pub(super) fn everywhere(&self) -> Vec<Option<Connection>> {
        match &self.cluster {
            Some(cluster) => cluster.everywhere(),
            None => vec![Some(self.connection.clone())],
        }
    }

    /// Full keys by the server that has what `name` makes of them, with connections to those that are not away.
    pub(super) fn by_server(
        &self,
        full_keys: Vec<String>,
        name: impl Fn(&str) -> String,
    ) -> Vec<(Option<Connection>, Vec<String>)> {
        match &self.cluster {
            Some(cluster) => cluster.by_node(full_keys, name),
            None => vec![(Some(self.connection.clone()), full_keys)],
        }
    }
}

impl Links {
    /// No connection yet. The log has the key `log`.
    pub(super) fn new(config: &config::Redis, log: &str) -> Result<Self, Unavailable> {
        let source = if !config.sentinels.is_empty() {
            Source::Sentinels(Box::new(Sentinels::new(config)?))
        } else if !config.cluster_nodes.is_empty() {
            Source::Cluster(Arc::new(Cluster::new(config, log)?))
        } else {
            Source::Settings(Address::new(&config.host, config.port))
        };
        Ok(Self {
            source,
            dialer: Dialer::to_servers(config)?,
            timeout: Duration::from_millis(config.timeout_ms),
            made: AtomicU64::new(0),
            state: RwLock::new(Err(Unavailable { reason: "not connected yet".to_owned() })),
        })
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
        let address = self.address().await?;
        let connection = Connection::new(self.dialer.dial(&address).await?, false);
        let address = Arc::new(address);
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let cluster = match &self.source {
            Source::Cluster(cluster) => Some(Arc::clone(cluster)),
            _ => None,
        };
        Ok(Link { connection, address, number, cluster })
    }

    /// The server that keeps the log, as those say who decide on it.
    async fn address(&self) -> Result<Address, Unavailable> {
        match &self.source {
            Source::Settings(address) => Ok(address.clone()),
            Source::Sentinels(sentinels) => sentinels.master().await,
            Source::Cluster(cluster) => cluster.log_owner().await,
        }
    }

    /// Puts a new connection to everyone's use, or tells everyone why there is none.
    pub(super) fn publish(&self, link: Result<Link, Unavailable>) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = link;
    }

    /// Keeps the nodes of a cluster connected, and takes a server out of use that no longer keeps the log without having
    /// noticed itself, such as one that is cut off from the others. Returns at once where this cannot be, else never.
    pub(super) async fn watch(&self) {
        loop {
            match &self.source {
                Source::Settings(_) => return,
                Source::Sentinels(_) => tokio::time::sleep(STILL_MASTER).await,
                Source::Cluster(cluster) => cluster.tend().await,
            }
            if let Ok(link) = self.current()
                && let Ok(address) = self.address().await
                && address != *link.address
            {
                self.replace(&link, &Unavailable { reason: format!("{address} keeps the log now") });
            }
        }
    }

    /// Runs a command within the time-out on the server that keeps the log. One that is not answered takes the connection
    /// out of use, and so does the answer that another server keeps it.
    pub(super) async fn run<T>(
        &self,
        link: &Link,
        command: impl AsyncFnOnce(&mut Connection) -> RedisResult<T>,
    ) -> Result<T, Unavailable> {
        let mut connection = link.connection.clone();
        let (reason, is_good) = match tokio::time::timeout(self.timeout, command(&mut connection)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => (error.to_string(), is_refusal(&error) && !is_demotion(&error)),
            Err(_) => (format!("no answer within {} ms", self.timeout.as_millis()), false),
        };
        let error = Unavailable { reason: format!("{}: {reason}", link.address) };
        if !is_good {
            self.replace(link, &error);
        }
        Err(error)
    }

    /// Runs a command within the time-out on the server where this key is. All keys that it touches must lie in one slot.
    pub(super) async fn run_at<T: FromRedisValue + Send>(
        &self,
        link: &Link,
        key: &str,
        request: &impl Request,
    ) -> Result<T, Unavailable> {
        match &link.cluster {
            Some(cluster) => cluster.run(key, request).await,
            None => self.run(link, async |connection| request.ask(connection).await).await,
        }
    }

    fn replace(&self, link: &Link, error: &Unavailable) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.as_ref().is_ok_and(|current| current.number == link.number) {
            *state = Err(error.clone());
        }
    }
}
