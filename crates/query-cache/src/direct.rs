//! Queries that go to the database.

use deadpool_postgres::Client;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

type Parameters<'a> = [&'a (dyn ToSql + Sync)];

/// Runs a statement as it would be run without a cache. Behind a pooler all that belongs together is sent together.
pub(crate) async fn query(
    client: &mut Client,
    sql: &str,
    parameters: &Parameters<'_>,
    types: Option<&[Type]>,
    pooled: bool,
) -> Result<Vec<Row>, Error> {
    if !pooled {
        return client.query(sql, parameters).await;
    }
    if let Some(types) = types.filter(|types| types.len() == parameters.len()) {
        return client.query_typed(sql, &typed(parameters, types)).await;
    }
    // In a transaction the pooler gives all of it to one server connection.
    let transaction = client.transaction().await?;
    let rows = transaction.query(sql, parameters).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// The parameters with their types.
pub(crate) fn typed<'a>(
    parameters: &[&'a (dyn ToSql + Sync)],
    types: &[Type],
) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    parameters.iter().copied().zip(types.iter().cloned()).collect()
}
