//! What a migration needs the server to have.

use std::fmt;

use tokio_postgres::Client;

use crate::Error;

const TIMESCALEDB: &str = "timescaledb";

/// An extension that must be there, or be installable. Of `timescaledb` the licence must allow compression, policies and
/// continuous aggregates, too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Requirement(String);

impl Requirement {
    /// Reads an extension's name.
    pub fn parse(text: &str) -> Option<Self> {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        let fits = (1..=63).contains(&text.len()) && text.bytes().all(plain);
        fits.then(|| Self(text.to_owned()))
    }

    /// Why the server does not meet it; nothing if it does.
    pub(crate) async fn unmet(&self, client: &Client) -> Result<Option<String>, Error> {
        let name = &self.0;
        let doing = format!("asking for the extension {name}");
        let row = client
            .query_one(
                "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = $1), \
                        EXISTS (SELECT FROM pg_available_extensions WHERE name = $1), \
                        current_setting('timescaledb.license', true), \
                        EXISTS (SELECT FROM pg_settings WHERE name LIKE 'timescaledb.%')",
                &[name],
            )
            .await
            .map_err(|error| Error::database(&doing, &error))?;
        let read = |error: tokio_postgres::Error| Error::database(&doing, &error);
        let installed: bool = row.try_get(0).map_err(read)?;
        let available: bool = row.try_get(1).map_err(read)?;
        let licence: Option<String> = row.try_get(2).map_err(read)?;
        let loaded: bool = row.try_get(3).map_err(read)?;
        if !installed && !available {
            return Ok(Some(format!("this server does not have the extension {name}; install it")));
        }
        if name != TIMESCALEDB {
            return Ok(None);
        }
        if !installed && !loaded {
            return Ok(Some(
                "timescaledb is there but not loaded; put it into shared_preload_libraries and restart the server"
                    .to_owned(),
            ));
        }
        Ok((licence.as_deref() == Some("apache")).then(|| {
            "timescaledb's licence is set to apache, without compression, policies and aggregates; set timescaledb.license to timescale"
                .to_owned()
        }))
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
