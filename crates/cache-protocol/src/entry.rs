//! A stored response.

use invalidation::Position;

/// A stored response with all that is needed to judge and serve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The full key: the primary key, `#`, and the variant.
    pub key: String,
    /// The log's position when the request for this response started.
    pub position: Position,
    /// When the response was received, in Unix milliseconds (`response_time` of RFC 9111 §4.2.3).
    pub response_time_ms: u64,
    /// The response's age when it was received, in milliseconds (`corrected_initial_age` of RFC 9111 §4.2.3).
    pub initial_age_ms: u64,
    /// How long the response is fresh, counted from age 0, in milliseconds (RFC 9111 §4.2.1).
    pub freshness_lifetime_ms: u64,
    /// The status code.
    pub status: u16,
    /// The tags by which the response can be invalidated.
    pub tags: Vec<String>,
    /// The header fields in order, names and values as they came: any bytes.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The content, in the coding in which it is served.
    pub body: Vec<u8>,
}

/// What it takes to judge an envelope by the log, borrowed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary<'a> {
    /// The full key.
    pub key: &'a str,
    /// The log's position when the request for the response started.
    pub position: Position,
    /// The response's tags.
    pub tags: Vec<&'a str>,
}
