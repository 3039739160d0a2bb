//! What an operator decides: for all routes, and for one.

/// What holds for all routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Names of the request fields that carry credentials. A request with one of them bypasses the cache unless the
    /// route makes that field part of the key.
    pub credential_headers: Vec<String>,
    /// The longest that any response is kept, in seconds, whatever its origin allows.
    pub max_ttl_seconds: u64,
    /// How long a stale response is kept to be validated, or to be served when its origin fails, in seconds.
    pub keep_stale_seconds: u64,
}

impl Default for Policy {
    fn default() -> Self {
        let credential_headers = ["authorization", "cookie", "x-api-key"].map(String::from).to_vec();
        Self { credential_headers, max_ttl_seconds: 86_400, keep_stale_seconds: 3_600 }
    }
}

/// What holds for one route. By default the cache keeps out of its way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoutePolicy {
    /// Whether the route's requests are looked up and its responses stored.
    pub enabled: bool,
    /// How long a 200 that says nothing of its freshness is fresh, in seconds; without it such a response is not stored.
    pub default_ttl_seconds: Option<u64>,
    /// How long past its lifetime a response that says nothing of it may be served when its origin fails, in seconds.
    pub stale_if_error_seconds: Option<u64>,
    /// Tags that the route's responses are stored under.
    pub tags: Vec<String>,
    /// Tags that an unsafe request on the route invalidates, besides its own URI.
    pub invalidates: Vec<String>,
    /// Names of the request fields that are part of the key.
    pub key_headers: Vec<String>,
}

impl RoutePolicy {
    /// Whether the field `name` is part of the route's keys.
    pub(crate) fn has_in_key(&self, name: &str) -> bool {
        self.key_headers.iter().any(|key_header| key_header.eq_ignore_ascii_case(name))
    }
}
