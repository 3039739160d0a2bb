//! Connections to PostgreSQL.

use anyhow::{Context, Result};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio_postgres::NoTls;

/// A pool of at most `size` connections, made when they are needed.
pub fn pool(url: &str, size: usize) -> Result<Pool> {
    // The URL may hold a password, so the message does not repeat it.
    let config = url.parse().context("--database-url is not a PostgreSQL URL")?;
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(config, NoTls, recycling);
    Pool::builder(manager).max_size(size).build().context("cannot make the connection pool")
}
