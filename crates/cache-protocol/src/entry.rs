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

/// What it takes to judge an envelope by the log and the clock, borrowed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary<'a> {
    /// The full key.
    pub key: &'a str,
    /// The log's position when the request for the response started.
    pub position: Position,
    /// The response's tags.
    pub tags: Vec<&'a str>,
    /// When the response stops being fresh by its own times, in Unix milliseconds (RFC 9111 §4.2).
    pub fresh_until_ms: u64,
    /// The envelope's checksum, which tells it from others under the same key.
    pub checksum: u64,
}

/// A stored response where it lies in its envelope: nothing of it is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View<'a> {
    /// The full key.
    pub key: &'a str,
    /// See [`Entry::position`].
    pub position: Position,
    /// See [`Entry::response_time_ms`].
    pub response_time_ms: u64,
    /// See [`Entry::initial_age_ms`].
    pub initial_age_ms: u64,
    /// See [`Entry::freshness_lifetime_ms`].
    pub freshness_lifetime_ms: u64,
    /// The status code.
    pub status: u16,
    /// The response's tags.
    pub tags: Vec<&'a str>,
    /// The header fields in order.
    pub headers: Vec<(&'a [u8], &'a [u8])>,
    /// The content.
    pub body: &'a [u8],
}

impl View<'_> {
    /// The same, with memory of its own.
    pub fn to_entry(&self) -> Entry {
        Entry {
            key: self.key.to_owned(),
            position: self.position,
            response_time_ms: self.response_time_ms,
            initial_age_ms: self.initial_age_ms,
            freshness_lifetime_ms: self.freshness_lifetime_ms,
            status: self.status,
            tags: self.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            headers: self.headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
            body: self.body.to_vec(),
        }
    }
}
