//! The JSON bodies in which the companion shows what is stored.

use invalidation::Position;
use serde::{Deserialize, Serialize};

use crate::messages::position_as_string;

/// The answer to `GET /v1/entries`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPage {
    /// Where the entries are stored: `embedded` or `redis`.
    pub store: String,
    /// What is stored.
    pub entries: Vec<ListedEntry>,
    /// Where the next page starts; none after the last.
    pub cursor: Option<String>,
    /// Nothing is left out: this page and those before it hold all there is.
    pub complete: bool,
}

/// A stored entry without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedEntry {
    /// The primary key.
    pub key: String,
    /// What follows the primary key's `#` in the full key.
    pub variant: String,
    /// The status code.
    pub status: u16,
    /// The response's age (RFC 9111 §4.2.3), in seconds.
    pub age_seconds: u64,
    /// How long the response is still fresh by its times, in seconds; negative: for how long it has been stale.
    pub ttl_seconds: i64,
    /// The tags by which it can be invalidated.
    pub tags: Vec<String>,
    /// Its Content-Type, if it has one.
    pub content_type: Option<String>,
    /// The content's length as it is stored, in bytes.
    pub body_bytes: u64,
    /// What is stored in all, in bytes.
    pub envelope_bytes: u64,
    /// The log's position when the request for the response started.
    #[serde(with = "position_as_string")]
    pub position: Position,
    /// What a lookup would come to.
    pub state: EntryState,
}

/// What a lookup of an entry would come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryState {
    /// It may be served.
    Fresh,
    /// It is stale by its times, or a soft invalidation has hit it.
    Stale,
    /// An invalidation has hit it: it is not served any more.
    Invalidated,
}

impl EntryState {
    /// The state as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Invalidated => "invalidated",
        }
    }
}
