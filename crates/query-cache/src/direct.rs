//! Queries that go to the database.

use deadpool_postgres::{Client, Transaction};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use crate::ask::Ask;

/// How often a statement gets another name when a pooler's connection has the first one already.
pub(crate) const NAMES: usize = 3;

/// Runs a query as it would be run without a cache; `types` are those of its parameters, if they are known. Behind a pooler all that
/// belongs together is sent together.
pub(crate) async fn query(
    client: &mut Client,
    ask: Ask<'_>,
    types: Option<&[Type]>,
    pooled: bool,
) -> Result<Vec<Row>, Error> {
    let types = ask.types.or(types.filter(|_| pooled));
    if let Some(types) = types.filter(|types| types.len() == ask.parameters.len()) {
        return client.query_typed(ask.sql, &typed(ask.parameters, types)).await;
    }
    if !pooled {
        return client.query(ask.sql, ask.parameters).await;
    }
    let mut left = NAMES;
    loop {
        match described(client, ask).await {
            Err(error) if is_name_taken(&error) && left > 0 => left -= 1,
            answer => return answer,
        }
    }
}

/// In a transaction the pooler gives all of it to one server connection.
async fn described(client: &mut Client, ask: Ask<'_>) -> Result<Vec<Row>, Error> {
    let transaction = client.transaction().await?;
    let types = parameter_types(&transaction, ask).await?;
    let rows = if types.len() == ask.parameters.len() {
        transaction.query_typed(ask.sql, &typed(ask.parameters, &types)).await?
    } else {
        transaction.query(ask.sql, ask.parameters).await?
    };
    transaction.commit().await?;
    Ok(rows)
}

/// The types of a statement's parameters. The statement that is made for this is gone before the transaction is: one that
/// was left behind a pooler would be in the way of another client's of the same name.
pub(crate) async fn parameter_types(transaction: &Transaction<'_>, ask: Ask<'_>) -> Result<Vec<Type>, Error> {
    let statement = transaction.prepare_typed(ask.sql, ask.types.unwrap_or_default()).await?;
    Ok(statement.params().to_vec())
}

/// Whether a pooler's connection has a statement of this name already: each client counts its own.
pub(crate) fn is_name_taken(error: &Error) -> bool {
    error.code() == Some(&SqlState::DUPLICATE_PSTATEMENT)
}

/// The parameters with their types.
pub(crate) fn typed<'a>(
    parameters: &[&'a (dyn ToSql + Sync)],
    types: &[Type],
) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    parameters.iter().copied().zip(types.iter().cloned()).collect()
}
