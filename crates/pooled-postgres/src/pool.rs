//! A pool of connections.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::Config;

use crate::Tls;

pub use deadpool_postgres::BuildError as PoolError;

/// How large a pool is, and how long it makes wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolOptions {
    /// Connections at most, made when they are needed.
    pub max_size: usize,
    /// How long a query may wait for a connection, a new one included.
    pub wait: Duration,
}

/// A pool of connections, made when they are needed, by TLS where `config` says so.
///
/// A connection that comes back is only looked at, not asked: behind a pooler a question would take a server connection,
/// and its answer would say nothing about the next one.
pub fn pool(config: Config, tls: Tls, options: PoolOptions) -> Result<Pool, PoolError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let timeouts =
        Timeouts { wait: Some(options.wait), create: Some(options.wait), recycle: Some(options.wait) };
    Pool::builder(Manager::from_config(config, tls, recycling))
        .max_size(options.max_size)
        .timeouts(timeouts)
        .runtime(Runtime::Tokio1)
        .build()
}
