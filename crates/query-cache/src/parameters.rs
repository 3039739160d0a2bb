//! Parameters as the bytes that are sent, for the key.

use bytes::BytesMut;
use query_cache_model::KeyBuilder;
use tokio_postgres::types::{IsNull, ToSql, Type};

/// Adds the parameters to a key. `false`: they do not fit the types, and the database shall say so.
pub(crate) fn add(key: &mut KeyBuilder, parameters: &[&(dyn ToSql + Sync)], types: &[Type]) -> bool {
    if parameters.len() != types.len() {
        return false;
    }
    let mut bytes = BytesMut::new();
    for (parameter, type_) in parameters.iter().zip(types) {
        bytes.clear();
        match parameter.to_sql_checked(type_, &mut bytes) {
            Ok(IsNull::No) => key.parameter(type_.oid(), Some(&bytes)),
            Ok(IsNull::Yes) => key.parameter(type_.oid(), None),
            Err(_) => return false,
        };
    }
    true
}
