//! What an operator decides: for all routes, and for one.

use crate::condition::Condition;
use crate::key::KeyParts;
use compression_policy::Codings;

/// What holds for all routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Names of the request fields that carry credentials. A request with one of them bypasses the cache unless the
    /// route makes that field part of the key, or stores what was asked for with credentials.
    pub credential_headers: Vec<String>,
    /// Names of the targeted fields that speak to this cache, the most specific first (RFC 9213 §2.2).
    pub targeted_fields: Vec<String>,
    /// What clients are offered by whoever compresses: which of them a client gets is part of the key.
    pub codings: Codings,
}

impl Default for Policy {
    fn default() -> Self {
        let credential_headers = ["authorization", "cookie", "x-api-key"].map(String::from).to_vec();
        Self {
            credential_headers,
            targeted_fields: vec!["cdn-cache-control".to_owned()],
            codings: Codings::default(),
        }
    }
}

/// What holds for one route. By default the cache keeps out of its way; [`RoutePolicy::cautious`] and
/// [`RoutePolicy::rfc9111`] are what routes start from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoutePolicy {
    /// Whether the route's requests are looked up and its responses stored.
    pub enabled: bool,
    /// What is part of the key.
    pub key: KeyParts,
    /// Tags that the route's responses are stored under.
    pub tags: Vec<String>,
    /// Tags that an unsafe request on the route invalidates, besides its own URI.
    pub invalidates: Vec<String>,
    /// How long responses are fresh.
    pub lifetimes: Lifetimes,
    /// What may be stored.
    pub storing: Storing,
    /// Requests that bypass the cache.
    pub bypass_when: Vec<Condition>,
    /// Whether `no-cache`, `no-store`, `max-age` and the like of requests count for nothing.
    pub ignore_client_directives: bool,
    /// Whether HEAD bypasses the cache.
    pub bypass_head: bool,
}

/// How long a route's responses are fresh, and of use after that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifetimes {
    /// How long responses that say nothing of their freshness are fresh, by status; the first that matches counts. Without
    /// one such a response is not stored.
    pub defaults: Vec<StatusTtl>,
    /// Whether a response that says nothing but when it was last modified is fresh for a tenth of that time, at most a day
    /// (RFC 9111 §4.2.2).
    pub heuristic: bool,
    /// The shortest that a response with a lifetime of its own is fresh, in seconds; 0 leaves it its own.
    pub min_ttl_seconds: u64,
    /// The longest that any response is kept, in seconds, whatever its origin allows.
    pub max_ttl_seconds: u64,
    /// How long a stale response is kept to be validated, or to be served when its origin fails, in seconds.
    pub keep_stale_seconds: u64,
    /// How long past its lifetime a response that says nothing of it may be served when its origin fails, in seconds.
    pub stale_if_error_seconds: Option<u64>,
    /// How long past its lifetime a response that says nothing of it may be served while it is refreshed, in seconds.
    pub stale_while_revalidate_seconds: Option<u64>,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            defaults: Vec::new(),
            heuristic: false,
            min_ttl_seconds: 0,
            max_ttl_seconds: 86_400,
            keep_stale_seconds: 3_600,
            stale_if_error_seconds: None,
            stale_while_revalidate_seconds: None,
        }
    }
}

/// A lifetime for responses of some statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusTtl {
    /// The lowest status.
    pub first: u16,
    /// The highest status.
    pub last: u16,
    /// Seconds.
    pub seconds: u64,
}

/// What a route may store of what RFC 9111 allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Storing {
    /// Every final status with an explicit lifetime, not only those that are cacheable by default (RFC 9110 §15.1).
    pub every_status: bool,
    /// What has to be validated each time it is used: `no-cache`, `max-age=0` and the like.
    pub unfresh: bool,
    /// Parts: a 206, to answer later requests for what it holds (RFC 9111 §3.3).
    pub partial: bool,
    /// Responses that set cookies, with their cookies (RFC 9111 §7.3).
    pub set_cookie: bool,
    /// Responses to requests with credentials that are not part of the key, where they allow it (RFC 9111 §3.5).
    pub credentialed: bool,
    /// The types that are stored, as `application/json` or `text/*`; empty: all.
    pub content_types: Vec<String>,
    /// The most bytes of content that are stored; none: what holds for all routes.
    pub max_entry_bytes: Option<u64>,
    /// What else is not stored.
    pub except_when: Vec<Condition>,
}

impl RoutePolicy {
    /// The cautious preset: what nobody could mind.
    pub fn cautious() -> Self {
        Self { enabled: true, ..Self::default() }
    }

    /// All that RFC 9111 allows a shared cache.
    pub fn rfc9111() -> Self {
        Self {
            enabled: true,
            lifetimes: Lifetimes {
                heuristic: true,
                // A cache may serve what is stale when it cannot reach the origin (RFC 9111 §4.2.4).
                stale_if_error_seconds: Some(3_600),
                ..Lifetimes::default()
            },
            storing: Storing {
                every_status: true,
                unfresh: true,
                partial: true,
                set_cookie: true,
                credentialed: true,
                ..Storing::default()
            },
            ..Self::default()
        }
    }

    /// Names of the request fields that the key or a condition reads.
    pub fn deciding_fields(&self) -> impl Iterator<Item = &str> {
        let conditions = self.bypass_when.iter().filter_map(Condition::request_field);
        self.key.request_fields().chain(conditions)
    }
}
