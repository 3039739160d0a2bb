//! Whether a response may be stored, and for how long it is fresh (RFC 9111 §3, §4.2).

use http_semantics::{CacheControl, ContentRange, Fields, cache_control::Scope, media_type};

use crate::directives::Directives;
use crate::{Policy, RoutePolicy, freshness, request::unkeyed_credentials, stale, vary};

pub use crate::stored_fields::stored_fields;

/// The times of a response that may be stored, and what it was chosen by; together with when it arrived they make its
/// [`crate::reuse::Times`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storable {
    /// How long the response is fresh, counted from when its origin made it, in milliseconds.
    pub freshness_lifetime_ms: u64,
    /// How old it already was when it arrived, in milliseconds.
    pub initial_age_ms: u64,
    /// Names of the request fields beside the key that it was chosen by, in lower case and in order.
    pub vary: Vec<String>,
}

impl Storable {
    /// How long the response stays fresh from its arrival on, in milliseconds.
    pub const fn ttl_ms(&self) -> u64 {
        self.freshness_lifetime_ms.saturating_sub(self.initial_age_ms)
    }
}

/// Why a response is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotStored {
    /// Its status is not one that this route stores.
    Status,
    /// It is a part of a representation.
    Partial,
    /// It sets a cookie.
    SetCookie,
    /// `no-store`, of the response or the request.
    NoStore,
    /// `private`.
    Private,
    /// `no-cache`.
    NoCache,
    /// It is of a type that streams (gRPC or server-sent events), or that the route does not store.
    ContentType,
    /// One of the route's conditions holds.
    Condition,
    /// It varies on anything, or on too much.
    Vary,
    /// The request carried credentials, and nothing allows sharing the answer.
    Credentials,
    /// Neither the response nor the route says how long it is fresh.
    NoFreshness,
    /// It was stale when it arrived.
    Stale,
}

impl NotStored {
    /// The reason as a metric label and as the `detail` of Cache-Status; never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Partial => "partial",
            Self::SetCookie => "set-cookie",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::NoCache => "no-cache",
            Self::ContentType => "content-type",
            Self::Condition => "condition",
            Self::Vary => "vary",
            Self::Credentials => "credentials",
            Self::NoFreshness => "no-freshness",
            Self::Stale => "stale",
        }
    }
}

/// Decides on the response to a request whose lookup allowed storing; `now_ms` is its arrival, in Unix milliseconds.
pub fn decide(
    request: &(impl Fields + ?Sized),
    status: u16,
    response: &(impl Fields + ?Sized),
    policy: &Policy,
    route: &RoutePolicy,
    now_ms: u64,
) -> Result<Storable, NotStored> {
    let directives = Directives::of_response(response, policy);
    let cache_control = &directives.cache_control;
    let obstacle = obstacle_in_status(status, response, cache_control, route)
        .or_else(|| obstacle_in_directives(status, request, cache_control, route))
        .or_else(|| obstacle_in_content(response, route))
        .or_else(|| obstacle_in_credentials(request, cache_control, policy, route));
    if let Some(obstacle) = obstacle {
        return Err(obstacle);
    }
    if route.storing.except_when.iter().any(|condition| condition.holds(request, Some(response))) {
        return Err(NotStored::Condition);
    }
    let vary = vary::names(request, response, policy, route).ok_or(NotStored::Vary)?;
    let now = now_ms / 1000;
    let initial_age = freshness::initial_age(response, now);
    let lifetime = match freshness::lifetime(status, response, &directives, route, now) {
        Some(lifetime) => lifetime,
        None if is_heuristically_cacheable(status) && may_be_validated(response, route) => 0,
        None => return Err(NotStored::NoFreshness),
    };
    // The cap bounds how long the response is kept here, so what it aged elsewhere does not count.
    let lifetime = lifetime.min(initial_age.saturating_add(route.lifetimes.max_ttl_seconds));
    if lifetime <= initial_age && !may_be_validated(response, route) {
        return Err(NotStored::Stale);
    }
    Ok(Storable {
        freshness_lifetime_ms: lifetime.saturating_mul(1000),
        initial_age_ms: initial_age.saturating_mul(1000),
        vary,
    })
}

/// Whether a response that is not fresh is of use all the same.
fn may_be_validated(response: &(impl Fields + ?Sized), route: &RoutePolicy) -> bool {
    route.storing.unfresh && !stale::validators(response).is_empty()
}

/// The statuses that are cacheable by default (RFC 9110 §15.1), but for 206, and 308 (§15.4.9).
pub(crate) const fn is_heuristically_cacheable(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// The statuses whose caching rules this cache knows (RFC 9111 §5.2.2.3): those of RFC 9110, but for 206 and 304.
const fn is_understood(status: u16) -> bool {
    matches!(status, 200..=205 | 300..=303 | 305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505)
}

fn obstacle_in_status(
    status: u16,
    response: &(impl Fields + ?Sized),
    cache_control: &CacheControl,
    route: &RoutePolicy,
) -> Option<NotStored> {
    let has_lifetime = |ttl: &crate::config::StatusTtl| (ttl.first..=ttl.last).contains(&status);
    if status == 206 {
        let part = response.first("content-range").and_then(ContentRange::parse);
        let is_useful = route.storing.partial && part.is_some_and(|part| part.complete.is_some());
        (!is_useful).then_some(NotStored::Partial)
    } else if status < 200
        // Answers to conditions and to ranges that are not there: the key knows of neither.
        || matches!(status, 304 | 416)
        || (cache_control.must_understand && !is_understood(status))
    {
        Some(NotStored::Status)
    } else if route.storing.every_status {
        None
    } else if response.contains("content-range") {
        Some(NotStored::Partial)
    } else if is_heuristically_cacheable(status) || route.lifetimes.defaults.iter().any(has_lifetime) {
        None
    } else {
        Some(NotStored::Status)
    }
}

fn obstacle_in_directives(
    status: u16,
    request: &(impl Fields + ?Sized),
    cache_control: &CacheControl,
    route: &RoutePolicy,
) -> Option<NotStored> {
    let is_forbidden = |scope: &Scope| match scope {
        Scope::Absent => false,
        Scope::Fields(_) => !route.storing.unfresh,
        Scope::Whole => true,
    };
    // must-understand says that no-store is for those who do not (RFC 9111 §5.2.2.3).
    let no_store = cache_control.no_store && !(cache_control.must_understand && is_understood(status));
    if no_store || (!route.ignore_client_directives && CacheControl::parse(request).no_store) {
        Some(NotStored::NoStore)
    } else if is_forbidden(&cache_control.private) {
        Some(NotStored::Private)
    } else if !route.storing.unfresh && cache_control.no_cache.is_present() {
        Some(NotStored::NoCache)
    } else {
        None
    }
}

fn obstacle_in_content(response: &(impl Fields + ?Sized), route: &RoutePolicy) -> Option<NotStored> {
    if response.contains("set-cookie") && !route.storing.set_cookie {
        return Some(NotStored::SetCookie);
    }
    let wanted = &route.storing.content_types;
    let is_wanted = |value: &[u8]| wanted.iter().any(|range| media_type::is_within(value, range));
    let mut types = response.values("content-type").peekable();
    let is_stored = match types.peek() {
        None => wanted.is_empty(),
        Some(_) => types.all(|value| !streams(value) && (wanted.is_empty() || is_wanted(value))),
    };
    (!is_stored).then_some(NotStored::ContentType)
}

fn streams(content_type: &[u8]) -> bool {
    let essence = media_type::essence(content_type).to_ascii_lowercase();
    essence.starts_with(b"application/grpc") || essence == b"text/event-stream"
}

/// Credentials that are not part of the key (RFC 9111 §3.5).
fn obstacle_in_credentials(
    request: &(impl Fields + ?Sized),
    cache_control: &CacheControl,
    policy: &Policy,
    route: &RoutePolicy,
) -> Option<NotStored> {
    let may_be_shared =
        cache_control.public || cache_control.must_revalidate || cache_control.s_maxage.is_some();
    let has_authorization = request.contains("authorization") && !route.key.has_header("authorization");
    // Cookies are no credentials to RFC 9111 (§7.3).
    let is_credential = |name: &String| !name.eq_ignore_ascii_case("cookie") || !route.storing.credentialed;
    let has_others = unkeyed_credentials(request, policy, route).any(is_credential);
    let is_personal = if route.storing.credentialed {
        (has_authorization || has_others) && !may_be_shared
    } else {
        has_others || (has_authorization && !may_be_shared)
    };
    is_personal.then_some(NotStored::Credentials)
}
