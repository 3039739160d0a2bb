//! What a query may fail with: what it would fail with without the cache, and columns that are not there.

use std::fmt;

use deadpool_postgres::PoolError;

/// Why there are no rows, or no value.
#[derive(Debug)]
pub enum Error {
    /// The pool has no connection.
    Pool(PoolError),
    /// The database refused the query, or broke off.
    Database(tokio_postgres::Error),
    /// There is no such column; the name or number that was asked for.
    NoColumn(String),
    /// A column's value is not of the type that was asked for; the column and why.
    Value(String, Box<dyn std::error::Error + Send + Sync>),
    /// The session has given its connection back.
    Over,
    /// Another number of rows than one, or than at most one.
    RowCount(usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool(error) => write!(f, "no connection: {error}"),
            Self::Database(error) => write!(f, "{error}"),
            Self::NoColumn(column) => write!(f, "there is no column {column}"),
            Self::Value(column, error) => write!(f, "column {column}: {error}"),
            Self::Over => write!(f, "the session is over"),
            Self::RowCount(count) => write!(f, "{count} rows, expected one"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Pool(error) => Some(error),
            Self::Database(error) => Some(error),
            Self::Value(_, error) => Some(error.as_ref()),
            Self::NoColumn(_) | Self::Over | Self::RowCount(_) => None,
        }
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}
