//! What to do with a request: look it up, let it invalidate, or keep out of its way.

use http_semantics::{CacheControl, Fields, cache_control::Scope, list, media_type};

use crate::{Policy, RoutePolicy, key};

/// Names of the request fields, pseudo-header fields included, that [`decide`], [`crate::key`] and [`crate::conditional`]
/// look at, beside those that the settings name.
pub const DECIDING_FIELDS: [&str; 17] = [
    ":method",
    ":authority",
    ":path",
    "accept-encoding",
    "cache-control",
    "content-length",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "pragma",
    "range",
    "transfer-encoding",
    "upgrade",
    "x-no-compression",
];

/// What the cache does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestDecision {
    /// GET and HEAD: look for a stored response, or store the origin's.
    Lookup(Lookup),
    /// An unsafe or unknown method: forward it, and if the answer [`invalidates`], its URI and the route's
    /// [`RoutePolicy::invalidates`] go (RFC 9111 §4.4).
    Invalidate,
    /// Forward it, store nothing.
    Bypass(BypassReason),
}

/// How far a GET or HEAD may use the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Whether the origin's response may be stored. Not that of HEAD: it has no content to answer a GET with.
    pub store_allowed: bool,
    /// Whether a stored response may be used without asking the origin (no: `no-cache`, `max-age=0`).
    pub may_use_stored: bool,
    /// Whether parts of the representation are asked for (RFC 9110 §14.2).
    pub range: bool,
    /// Whether the client wants a stored response or 504, but nothing from the origin (RFC 9111 §5.2.1.7).
    pub only_if_cached: bool,
    /// Whether the request is a HEAD.
    pub head: bool,
    /// The request's directives, for [`crate::reuse::decide`].
    pub cache_control: CacheControl,
}

/// Why a request bypasses the cache. Of several reasons the first in this order is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BypassReason {
    /// The route does not use the cache.
    Disabled,
    /// A safe method whose responses are not stored, or CONNECT.
    Method,
    /// The target has bytes that may not stand in a URI, so no key stands for it.
    Target,
    /// A gRPC call.
    Grpc,
    /// The request wants another protocol.
    Upgrade,
    /// A GET or HEAD with content.
    Body,
    /// If-Match and If-Unmodified-Since are for the origin to judge (RFC 9111 §4.3.2).
    Precondition,
    /// It carries credentials that are not part of the key.
    Credentials,
    /// One of the route's conditions holds.
    Condition,
    /// The client forbids storing.
    NoStore,
}

impl BypassReason {
    /// The reason as a metric label and as the `detail` of Cache-Status; never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Method => "method",
            Self::Target => "target",
            Self::Grpc => "grpc",
            Self::Upgrade => "upgrade",
            Self::Body => "body",
            Self::Precondition => "precondition",
            Self::Credentials => "credentials",
            Self::Condition => "condition",
            Self::NoStore => "no-store",
        }
    }
}

/// Decides on a request by its method, its fields (with `:path`, if the host has it among them) and the settings.
///
/// A route that does not use the cache but lists [`RoutePolicy::invalidates`] still invalidates.
pub fn decide(
    method: &[u8],
    fields: &(impl Fields + ?Sized),
    policy: &Policy,
    route: &RoutePolicy,
) -> RequestDecision {
    if !route.enabled && route.invalidates.is_empty() {
        return RequestDecision::Bypass(BypassReason::Disabled);
    }
    if let Some(reason) = unsuited(method, fields) {
        return RequestDecision::Bypass(reason);
    }
    let head = method == b"HEAD";
    if head && route.bypass_head {
        return RequestDecision::Bypass(BypassReason::Method);
    }
    if !head && method != b"GET" {
        return RequestDecision::Invalidate;
    }
    if !route.enabled {
        return RequestDecision::Bypass(BypassReason::Disabled);
    }
    let cache_control = client_directives(fields, route);
    if let Some(reason) = uncacheable(fields, &cache_control, policy, route) {
        return RequestDecision::Bypass(reason);
    }
    RequestDecision::Lookup(Lookup {
        store_allowed: !head,
        may_use_stored: cache_control.no_cache == Scope::Absent && cache_control.max_age != Some(0),
        range: !head && fields.contains("range"),
        only_if_cached: cache_control.only_if_cached,
        head,
        cache_control,
    })
}

/// What the client says of its request's being answered from a cache, as far as the route listens. Pragma counts only
/// without Cache-Control (RFC 9111 §5.4).
fn client_directives(fields: &(impl Fields + ?Sized), route: &RoutePolicy) -> CacheControl {
    if route.ignore_client_directives {
        return CacheControl::default();
    }
    let mut directives = CacheControl::parse(fields);
    if !fields.contains("cache-control")
        && list::members(fields, "pragma").any(|directive| directive.eq_ignore_ascii_case(b"no-cache"))
    {
        directives.no_cache = Scope::Whole;
    }
    directives
}

/// Whether the answer to an unsafe request invalidates: 2xx and 3xx do (RFC 9111 §4.4).
pub const fn invalidates(status: u16) -> bool {
    matches!(status, 200..=399)
}

/// Names of the request's credential fields that are not part of the key.
pub(crate) fn unkeyed_credentials<'a>(
    fields: &'a (impl Fields + ?Sized),
    policy: &'a Policy,
    route: &'a RoutePolicy,
) -> impl Iterator<Item = &'a String> {
    policy.credential_headers.iter().filter(|name| fields.contains(name) && !route.key.has_header(name))
}

/// What the cache has no part in, whatever the method.
fn unsuited(method: &[u8], fields: &(impl Fields + ?Sized)) -> Option<BypassReason> {
    let is_grpc = |value| media_type::essence(value).to_ascii_lowercase().starts_with(b"application/grpc");
    match method {
        // The safe methods of the registry but for GET and HEAD (RFC 9110 §18.2), and tunnels.
        b"OPTIONS" | b"TRACE" | b"PROPFIND" | b"REPORT" | b"SEARCH" | b"QUERY" | b"CONNECT" => {
            Some(BypassReason::Method)
        }
        _ if fields.first(":path").is_some_and(|path| !key::is_valid_target(path)) => {
            Some(BypassReason::Target)
        }
        // Every gRPC call is a POST, but none writes to a resource that a GET would read.
        _ if fields.values("content-type").any(is_grpc) => Some(BypassReason::Grpc),
        _ => None,
    }
}

/// What keeps a GET or HEAD from the cache.
fn uncacheable(
    fields: &(impl Fields + ?Sized),
    cache_control: &CacheControl,
    policy: &Policy,
    route: &RoutePolicy,
) -> Option<BypassReason> {
    // One pass, not one for each name: every request pays for it.
    let reason = fields.iter().filter_map(|(name, value)| obstacle(name, value, policy, route)).min();
    let has_condition =
        || route.bypass_when.iter().any(|condition| condition.holds(fields, None::<&[(&str, &str)]>));
    reason
        .or_else(|| has_condition().then_some(BypassReason::Condition))
        .or_else(|| cache_control.no_store.then_some(BypassReason::NoStore))
}

/// What one field line of a GET or HEAD has against the cache.
fn obstacle(name: &[u8], value: &[u8], policy: &Policy, route: &RoutePolicy) -> Option<BypassReason> {
    let is = |expected: &str| name.eq_ignore_ascii_case(expected.as_bytes());
    if is("upgrade") {
        Some(BypassReason::Upgrade)
    } else if is("transfer-encoding") || (is("content-length") && value != b"0") {
        Some(BypassReason::Body)
    } else if is("if-match") || is("if-unmodified-since") {
        Some(BypassReason::Precondition)
    } else if !route.storing.credentialed
        && policy
            .credential_headers
            .iter()
            .any(|credential| is(credential) && !route.key.has_header(credential))
    {
        Some(BypassReason::Credentials)
    } else {
        None
    }
}
