//! Whether a response may be stored, and for how long it is fresh (RFC 9111 §3, §4.2).

use http_semantics::{CacheControl, Fields, Vary, date, delta_seconds, list, media_type};

use crate::{Policy, RoutePolicy, key::Coding, request::unkeyed_credentials};

pub use crate::stored_fields::stored_fields;

/// The times of a response that may be stored; together with when it arrived they make its [`crate::reuse::Times`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storable {
    /// How long the response is fresh, counted from when its origin made it, in milliseconds.
    pub freshness_lifetime_ms: u64,
    /// How old it already was when it arrived, in milliseconds; always less than the lifetime.
    pub initial_age_ms: u64,
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
    /// Its status is not one that this cache stores.
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
    /// It is of a type that streams: gRPC or server-sent events.
    ContentType,
    /// Its Content-Encoding is not one that everyone with this key can decode.
    ContentEncoding,
    /// It varies on something that is not part of the key.
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
            Self::ContentEncoding => "content-encoding",
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
    let cache_control = CacheControl::parse(response);
    let obstacle = obstacle_in_status(status, response)
        .or_else(|| obstacle_in_directives(request, response, &cache_control))
        .or_else(|| obstacle_in_variant(request, response, route))
        .or_else(|| obstacle_in_credentials(request, &cache_control, policy, route));
    if let Some(obstacle) = obstacle {
        return Err(obstacle);
    }
    let date = date_of(response).unwrap_or(now_ms / 1000);
    let route_default = route.default_ttl_seconds.filter(|_| status == 200);
    let lifetime =
        explicit_lifetime(response, &cache_control, date).or(route_default).ok_or(NotStored::NoFreshness)?;
    let initial_age = (now_ms / 1000).saturating_sub(date).max(age_of(response));
    // The cap bounds how long the response is kept here, so what it aged elsewhere does not count.
    let lifetime = lifetime.min(initial_age.saturating_add(policy.max_ttl_seconds));
    if lifetime <= initial_age {
        return Err(NotStored::Stale);
    }
    Ok(Storable {
        freshness_lifetime_ms: lifetime.saturating_mul(1000),
        initial_age_ms: initial_age.saturating_mul(1000),
    })
}

/// The statuses that are cacheable by default (RFC 9110 §15.1), but for 206, and 308 (§15.4.9).
const fn is_storable_status(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

fn obstacle_in_status(status: u16, response: &(impl Fields + ?Sized)) -> Option<NotStored> {
    if status == 206 || response.contains("content-range") {
        Some(NotStored::Partial)
    } else if !is_storable_status(status) {
        Some(NotStored::Status)
    } else {
        None
    }
}

fn obstacle_in_directives(
    request: &(impl Fields + ?Sized),
    response: &(impl Fields + ?Sized),
    cache_control: &CacheControl,
) -> Option<NotStored> {
    if cache_control.no_store || CacheControl::parse(request).no_store {
        Some(NotStored::NoStore)
    } else if cache_control.private.is_present() {
        Some(NotStored::Private)
    } else if cache_control.no_cache.is_present() {
        Some(NotStored::NoCache)
    } else if response.contains("set-cookie") {
        Some(NotStored::SetCookie)
    } else {
        None
    }
}

/// What would let a response reach a request with the same key that it does not fit.
fn obstacle_in_variant(
    request: &(impl Fields + ?Sized),
    response: &(impl Fields + ?Sized),
    route: &RoutePolicy,
) -> Option<NotStored> {
    let coding = Coding::of_request(request);
    if response.values("content-type").any(streams) {
        Some(NotStored::ContentType)
    } else if !list::members(response, "content-encoding").all(|applied| coding.accepts(applied)) {
        Some(NotStored::ContentEncoding)
    } else if !varies_within_key(response, route) {
        Some(NotStored::Vary)
    } else {
        None
    }
}

fn streams(content_type: &[u8]) -> bool {
    let essence = media_type::essence(content_type).to_ascii_lowercase();
    essence.starts_with(b"application/grpc") || essence == b"text/event-stream"
}

fn varies_within_key(response: &(impl Fields + ?Sized), route: &RoutePolicy) -> bool {
    match Vary::parse(response) {
        Vary::Any => false,
        Vary::Names(names) => names.iter().all(|name| {
            matches!(name.as_str(), "accept-encoding" | "x-no-compression") || route.has_in_key(name)
        }),
    }
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
    let is_personal =
        request.contains("authorization") && !route.has_in_key("authorization") && !may_be_shared;
    let has_credentials = unkeyed_credentials(request, policy, route).next().is_some();
    (is_personal || has_credentials).then_some(NotStored::Credentials)
}

/// The lifetime that the response gives itself, in seconds (RFC 9111 §4.2.1).
fn explicit_lifetime(
    response: &(impl Fields + ?Sized),
    cache_control: &CacheControl,
    date: u64,
) -> Option<u64> {
    let by_expires = || {
        // What is not a date lies in the past (RFC 9111 §5.3).
        response.values("expires").map(|expires| date::parse(expires).unwrap_or(0).saturating_sub(date)).min()
    };
    cache_control.s_maxage.or(cache_control.max_age).or_else(by_expires)
}

fn date_of(response: &(impl Fields + ?Sized)) -> Option<u64> {
    response.first("date").and_then(date::parse)
}

/// The Age of the response in seconds. The first member counts, and an invalid one is ignored (RFC 9111 §5.1).
fn age_of(response: &(impl Fields + ?Sized)) -> u64 {
    list::members(response, "age").next().and_then(delta_seconds::parse).unwrap_or(0)
}
