//! What a PostgreSQL server allows.

use std::time::Duration;

use anyhow::{Context, bail};
use migrations::connect;
use tokio_postgres::types::Type;

use super::Target;

/// What a PostgreSQL server allows, to everyone and to the user of the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its name or address and its port.
    pub(crate) address: String,
    /// `max_connections`.
    pub(crate) max_connections: u32,
    /// Of these, how many are for administrators.
    pub(crate) reserved: u32,
    /// The database's own limit, if it has one.
    pub(crate) database_limit: Option<u32>,
    /// The user's own limit, if it has one.
    pub(crate) user_limit: Option<u32>,
}

const FACTS: &str = "SELECT current_setting('max_connections')::int4, \
    current_setting('superuser_reserved_connections')::int4 + \
        coalesce(current_setting('reserved_connections', true)::int4, 0), \
    (SELECT datconnlimit FROM pg_database WHERE datname = current_database()), \
    (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user)";

impl Server {
    /// Asks the server of this database.
    pub(crate) async fn ask(target: &Target, patience: Duration) -> anyhow::Result<Self> {
        let asking = async {
            let client = connect(&target.endpoint, "slipstream pooling").await?;
            let rows =
                client.query_typed(FACTS, &[] as &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)]).await;
            let row = rows?.into_iter().next().context("the server says nothing about itself")?;
            let number = |column: usize| anyhow::Ok(row.try_get::<_, i32>(column)?);
            let limit = |column: usize| anyhow::Ok(u32::try_from(number(column)?).ok());
            anyhow::Ok(Self {
                address: format!("{}:{}", target.host, target.port),
                max_connections: u32::try_from(number(0)?)?,
                reserved: u32::try_from(number(1)?)?,
                database_limit: limit(2)?,
                user_limit: limit(3)?,
            })
        };
        match tokio::time::timeout(patience, asking).await {
            Ok(server) => server.with_context(|| {
                format!("{}: cannot ask {}:{} for its limits", target.path, target.host, target.port)
            }),
            Err(_) => {
                bail!("{}: {}:{} does not answer within {patience:?}", target.path, target.host, target.port)
            }
        }
    }
}
