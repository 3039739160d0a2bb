//! Reading what is to be cached.

use deadpool_postgres::Client;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::direct::typed;
use crate::identity::{self, Said};

/// Runs a statement and asks the connection what it is set to, sent together, so that nothing comes in between.
pub(crate) async fn query(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
    types: &[Type],
    pooled: bool,
) -> Result<(Vec<Row>, Option<Said>), tokio_postgres::Error> {
    let parameters = typed(parameters, types);
    if !pooled {
        let (said, rows) =
            tokio::join!(client.simple_query(identity::SQL), client.query_typed(sql, &parameters));
        return Ok((rows?, Said::read(&said?)));
    }
    // All four are sent before the first is answered: whoever goes away meanwhile leaves no transaction open.
    let (begun, said, rows, ended) = tokio::join!(
        client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"),
        client.simple_query(identity::SQL),
        client.query_typed(sql, &parameters),
        client.batch_execute("COMMIT"),
    );
    let rows = rows?;
    begun?;
    ended?;
    Ok((rows, Said::read(&said?)))
}
