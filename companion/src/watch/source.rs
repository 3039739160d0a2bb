//! An Envoy or a companion whose metrics are read.

use std::time::Duration;

use anyhow::{Context, bail};
use hyper::StatusCode;
use serde::Serialize;

use super::reading::Reading;
use crate::client::Client;

/// How long a scrape may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest answer that is read, in bytes: Envoy shows some 1 MB with a thousand label sets.
const MAX_BYTES: usize = 64 << 20;

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// An Envoy's admin interface.
    Envoy,
    /// A companion.
    Companion,
}

/// Somebody whose metrics are read.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(super) kind: Kind,
    pub(super) url: String,
    client: Client,
}

impl Source {
    /// The Envoy with this admin address, such as `http://127.0.0.1:9901`.
    pub(crate) fn envoy(url: &str) -> anyhow::Result<Self> {
        let client = Client::new(url, "").context("an Envoy's admin address")?;
        Ok(Self { kind: Kind::Envoy, url: url.trim_end_matches('/').to_owned(), client })
    }

    /// The companion at this address.
    pub(crate) fn companion(url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            kind: Kind::Companion,
            url: url.trim_end_matches('/').to_owned(),
            client: Client::new(url, "")?,
        })
    }

    pub(super) async fn read(&self) -> anyhow::Result<Reading> {
        let path = match self.kind {
            Kind::Envoy => "/stats/prometheus",
            Kind::Companion => "/metrics",
        };
        let answer = self.client.fetch(path, PATIENCE, MAX_BYTES).await?;
        if answer.status() != StatusCode::OK {
            bail!("{}{path} answers {}", self.url, answer.status());
        }
        Reading::parse(&String::from_utf8_lossy(answer.body())).map_err(anyhow::Error::msg)
    }
}
