//! What a connection is set to, as far as answers depend on it.

use std::sync::Arc;

use tokio_postgres::{Client, SimpleQueryMessage};

/// What answers depend on beside statement and parameters. Through a pooler it must be asked in the same transaction as the query.
pub(crate) const SQL: &str = "SELECT now() = statement_timestamp(), pg_current_xact_id_if_assigned() IS NULL, \
    concat_ws(E'\\x01', current_database(), current_user, session_user, current_schemas(true)::text, \
    current_setting('search_path'), current_setting('TimeZone'), current_setting('DateStyle'), current_setting('IntervalStyle'), \
    current_setting('extra_float_digits'), current_setting('bytea_output'), current_setting('row_security'), \
    current_setting('default_text_search_config'), current_setting('client_encoding'), current_setting('server_encoding'), \
    current_setting('lc_monetary'), current_setting('lc_numeric'), current_setting('lc_time'), \
    current_setting('xmlbinary'), current_setting('xmloption'), current_setting('array_nulls'), \
    current_setting('transform_null_equals'), current_setting('timezone_abbreviations'), \
    current_setting('quote_all_identifiers'), current_setting('session_replication_role'), \
    current_setting('standard_conforming_strings')), \
    current_setting('standard_conforming_strings') = 'on'";

/// What answers depend on beside statement and parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) text: String,
}

/// What a connection said of itself.
#[derive(Debug)]
pub(crate) struct Said {
    /// It is not in a transaction that began earlier.
    pub(crate) is_fresh: bool,
    /// It has written nothing that it has not committed.
    pub(crate) has_not_written: bool,
    pub(crate) identity: Arc<Identity>,
    /// Statements mean what they are taken for here.
    pub(crate) reads_strings_as_known: bool,
}

impl Said {
    /// Reads the answer to [`SQL`].
    pub(crate) fn read(messages: &[SimpleQueryMessage]) -> Option<Self> {
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        })?;
        Some(Self {
            is_fresh: row.get(0)? == "t",
            has_not_written: row.get(1)? == "t",
            identity: Arc::new(Identity { text: row.get(2)?.to_owned() }),
            reads_strings_as_known: row.get(3)? == "t",
        })
    }

    /// Whether what it answers is what everyone with this identity gets.
    pub(crate) fn may_be_shared(&self, pooled: bool) -> bool {
        // Through a pooler the question stands in a transaction that was begun for it.
        (pooled || self.is_fresh) && self.has_not_written && self.reads_strings_as_known
    }
}

/// What this connection says of itself. By the simple protocol, in which a statement outside of a transaction begins when the
/// transaction does.
pub(crate) async fn ask(client: &Client) -> Result<Option<Said>, tokio_postgres::Error> {
    Ok(Said::read(&client.simple_query(SQL).await?))
}
