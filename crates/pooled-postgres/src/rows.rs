//! One query, in the client's mode.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use crate::ClientMode;

/// The rows of a query. In mode `Prepared` the statement is named; in all others it is not, whatever is between here and the
/// server, as parameters need more than the simple protocol.
///
/// Columns must be of types that PostgreSQL brings along: the client looks others up by a named statement. Cast them, as in
/// `status::text`.
pub async fn rows(
    client: &Client,
    mode: ClientMode,
    sql: &str,
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Row>, Error> {
    if mode != ClientMode::Prepared {
        return client.query_typed(sql, parameters).await;
    }
    let types: Vec<Type> = parameters.iter().map(|(_, kind)| kind.clone()).collect();
    let statement = client.prepare_typed(sql, &types).await?;
    let values: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|(value, _)| *value).collect();
    client.query(&statement, &values).await
}
