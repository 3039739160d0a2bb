//! A query as it is asked.

use tokio_postgres::types::{ToSql, Type};

use crate::options::QueryOptions;

/// A query as it is asked.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) sql: &'a str,
    pub(crate) parameters: &'a [&'a (dyn ToSql + Sync)],
    /// The types of the parameters, where whoever asks says them.
    pub(crate) types: Option<&'a [Type]>,
    pub(crate) options: &'a QueryOptions,
}
