//! What a route's metadata say, and what holds for routes that say nothing.

use cache_policy::condition::{Condition, Part};
use cache_policy::key::{KeyParts, Query, Template};
use cache_policy::{RoutePolicy, StatusTtl};
use serde::Deserialize;
use slipstream_host::{ConfigError, check_field_names};
use std::collections::BTreeMap;

/// Settings of a route, from its metadata under `slipstream.response-cache`; or of all routes, from `defaults`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether the route uses the cache.
    enabled: Option<bool>,
    /// What the other settings are if they are not given.
    preset: Option<Preset>,
    /// Seconds that a 200 is fresh that says nothing of it.
    default_ttl_seconds: Option<u64>,
    /// The same for other statuses: `{"404": 10, "5xx": 1}`.
    status_ttl_seconds: Option<BTreeMap<String, u64>>,
    /// Seconds that a response with a lifetime of its own is fresh at least.
    min_ttl_seconds: Option<u64>,
    /// Seconds that a response is kept at most, whatever its origin says.
    max_ttl_seconds: Option<u64>,
    /// Seconds that a stale response is kept to be validated, or to be served when its origin fails.
    keep_stale_seconds: Option<u64>,
    /// Seconds past its lifetime that a response that says nothing of it is served when its origin fails.
    stale_if_error_seconds: Option<u64>,
    /// Seconds past its lifetime that a response that says nothing of it is served while it is refreshed.
    stale_while_revalidate_seconds: Option<u64>,
    /// Whether a response that says nothing but when it was last modified is fresh for a tenth of that time.
    heuristic_freshness: Option<bool>,
    /// Methods whose requests are looked up: GET, or GET and HEAD.
    methods: Option<Vec<Method>>,
    /// Types that are stored, as `application/json` or `text/*`.
    content_types: Option<Vec<String>>,
    /// Bytes that a response's body may have to be stored.
    max_entry_bytes: Option<u64>,
    /// Whether every final status with an explicit lifetime is stored.
    store_every_status: Option<bool>,
    /// Whether what must be validated each time is stored.
    store_unfresh: Option<bool>,
    /// Whether a 206 is stored.
    store_partial: Option<bool>,
    /// Whether a response that sets cookies is stored, with its cookies.
    store_set_cookie: Option<bool>,
    /// Whether requests with credentials that are not part of the key use the cache.
    store_credentialed: Option<bool>,
    /// Whether no-cache, no-store, max-age and the like of requests count for nothing.
    ignore_client_directives: Option<bool>,
    /// Requests that bypass the cache.
    bypass_when: Option<Vec<Written>>,
    /// Requests and responses whose responses are not stored.
    no_store_when: Option<Vec<Written>>,
    /// Tags that the route's responses are stored under.
    tags: Option<Vec<String>>,
    /// Tags that an unsafe request on the route invalidates.
    invalidates: Option<Vec<String>>,
    /// Names of request fields that are part of the key.
    key_headers: Option<Vec<String>>,
    /// Names of cookies that are part of the key.
    key_cookies: Option<Vec<String>>,
    /// Parameters of the query that are part of the key, or are not.
    key_query: Option<KeyQuery>,
    /// Whether parameters in another order make another key.
    key_query_order: Option<bool>,
    /// Whether the host is part of the key.
    key_host: Option<bool>,
    /// A text that sets the route's keys apart from others.
    key_prefix: Option<String>,
    /// What stands in the key in place of the query.
    key_template: Option<String>,
}

/// A set of settings to start from.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Preset {
    Cautious,
    Rfc9111,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Head,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum KeyQuery {
    Only(Vec<String>),
    Except(Vec<String>),
}

/// A condition as it is written: one of the first four, and the value if it matters.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct Written {
    header: Option<String>,
    cookie: Option<String>,
    query: Option<String>,
    response_header: Option<String>,
    value: Option<String>,
}

/// Each setting, or that of `defaults` where it is not given.
macro_rules! or_default {
    ($own:ident, $defaults:ident, $($name:ident),+ $(,)?) => {
        Settings { $($name: $own.$name.or_else(|| $defaults.$name.clone()),)+ }
    };
}

impl Settings {
    /// Reads a route's settings, which go before those of all routes.
    pub fn load(json: &[u8], defaults: &Settings) -> Result<RoutePolicy, ConfigError> {
        slipstream_host::load_config::<Settings>(json)?.or(defaults).resolve()
    }

    fn or(self, defaults: &Settings) -> Settings {
        or_default!(
            self,
            defaults,
            enabled,
            preset,
            default_ttl_seconds,
            status_ttl_seconds,
            min_ttl_seconds,
            max_ttl_seconds,
            keep_stale_seconds,
            stale_if_error_seconds,
            stale_while_revalidate_seconds,
            heuristic_freshness,
            methods,
            content_types,
            max_entry_bytes,
            store_every_status,
            store_unfresh,
            store_partial,
            store_set_cookie,
            store_credentialed,
            ignore_client_directives,
            bypass_when,
            no_store_when,
            tags,
            invalidates,
            key_headers,
            key_cookies,
            key_query,
            key_query_order,
            key_host,
            key_prefix,
            key_template,
        )
    }

    /// What the settings mean.
    pub fn resolve(self) -> Result<RoutePolicy, ConfigError> {
        let mut policy = match self.preset.unwrap_or(Preset::Cautious) {
            Preset::Cautious => RoutePolicy::cautious(),
            Preset::Rfc9111 => RoutePolicy::rfc9111(),
        };
        policy.enabled = self.enabled.unwrap_or(true);
        let (lifetimes, storing) = (&mut policy.lifetimes, &mut policy.storing);
        lifetimes.defaults = defaults(self.default_ttl_seconds, self.status_ttl_seconds.unwrap_or_default())?;
        set(&mut lifetimes.min_ttl_seconds, self.min_ttl_seconds);
        set(&mut lifetimes.max_ttl_seconds, self.max_ttl_seconds);
        set(&mut lifetimes.keep_stale_seconds, self.keep_stale_seconds);
        within("max_ttl_seconds", lifetimes.max_ttl_seconds, 1, A_YEAR)?;
        within("min_ttl_seconds", lifetimes.min_ttl_seconds, 0, lifetimes.max_ttl_seconds)?;
        within("keep_stale_seconds", lifetimes.keep_stale_seconds, 0, A_YEAR)?;
        lifetimes.stale_if_error_seconds = self.stale_if_error_seconds.or(lifetimes.stale_if_error_seconds);
        lifetimes.stale_while_revalidate_seconds = self.stale_while_revalidate_seconds;
        set(&mut lifetimes.heuristic, self.heuristic_freshness);
        set(&mut storing.every_status, self.store_every_status);
        set(&mut storing.unfresh, self.store_unfresh);
        set(&mut storing.partial, self.store_partial);
        set(&mut storing.set_cookie, self.store_set_cookie);
        set(&mut storing.credentialed, self.store_credentialed);
        storing.content_types = self.content_types.unwrap_or_default();
        check_media_ranges(&storing.content_types)?;
        storing.max_entry_bytes = self.max_entry_bytes;
        storing.except_when = conditions("no_store_when", self.no_store_when, true)?;
        policy.bypass_when = conditions("bypass_when", self.bypass_when, false)?;
        policy.bypass_head = bypasses_head(self.methods.as_deref())?;
        set(&mut policy.ignore_client_directives, self.ignore_client_directives);
        policy.tags = self.tags.unwrap_or_default();
        policy.invalidates = self.invalidates.unwrap_or_default();
        let headers = self.key_headers.unwrap_or_default();
        check_field_names("key_headers", &headers)?;
        policy.key = KeyParts {
            headers,
            cookies: self.key_cookies.unwrap_or_default(),
            query: match self.key_query {
                None => Query::All,
                Some(KeyQuery::Only(names)) => Query::Only(names),
                Some(KeyQuery::Except(names)) => Query::Except(names),
            },
            keeps_query_order: self.key_query_order.unwrap_or(false),
            without_host: !self.key_host.unwrap_or(true),
            prefix: self.key_prefix,
            template: template(self.key_template.as_deref())?,
        };
        Ok(policy)
    }
}

const A_YEAR: u64 = 31_536_000;

fn set<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}

/// Whether a number is in its range.
pub fn within(path: &str, value: u64, least: u64, most: u64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::new(path, format!("{value} is out of range, expected {least} to {most}")))
}

/// Single statuses go before classes: `404` before `4xx`.
fn defaults(
    default_ttl_seconds: Option<u64>,
    by_status: BTreeMap<String, u64>,
) -> Result<Vec<StatusTtl>, ConfigError> {
    let mut ttls: Vec<StatusTtl> =
        default_ttl_seconds.map(|seconds| StatusTtl { first: 200, last: 200, seconds }).into_iter().collect();
    for (status, seconds) in by_status {
        let range = statuses(&status);
        let Some((first, last)) = range else {
            let message = "expected a status from 200 to 599, or 2xx, 3xx, 4xx or 5xx";
            return Err(ConfigError::new(format!("status_ttl_seconds.{status}"), message));
        };
        ttls.push(StatusTtl { first, last, seconds });
    }
    ttls.sort_by_key(|ttl| ttl.last - ttl.first);
    Ok(ttls)
}

/// The statuses that `404` or `4xx` stands for.
fn statuses(text: &str) -> Option<(u16, u16)> {
    if let Some(class) = text.strip_suffix("xx") {
        let class = ["2", "3", "4", "5"].iter().position(|known| *known == class)?;
        let first = 100 * (u16::try_from(class).ok()? + 2);
        return Some((first, first + 99));
    }
    let is_number = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let status = text.parse().ok().filter(|status| is_number && (200..600).contains(status))?;
    Some((status, status))
}

fn bypasses_head(methods: Option<&[Method]>) -> Result<bool, ConfigError> {
    match methods {
        None => Ok(false),
        Some(methods) if methods.contains(&Method::Get) => Ok(!methods.contains(&Method::Head)),
        Some(_) => {
            Err(ConfigError::new("methods", "expected GET among them: HEAD is answered by what GET stored"))
        }
    }
}

fn check_media_ranges(ranges: &[String]) -> Result<(), ConfigError> {
    let is_range = |range: &str| range.split_once('/').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
    match ranges.iter().position(|range| !is_range(range)) {
        None => Ok(()),
        Some(index) => Err(ConfigError::new(
            format!("content_types[{index}]"),
            "expected a type as application/json or text/*",
        )),
    }
}

fn template(text: Option<&str>) -> Result<Option<Template>, ConfigError> {
    let parsed = text.map(Template::parse).transpose();
    parsed.map_err(|error| ConfigError::new("key_template", error.to_string()))
}

fn conditions(
    path: &str,
    written: Option<Vec<Written>>,
    of_responses_too: bool,
) -> Result<Vec<Condition>, ConfigError> {
    let written = written.unwrap_or_default().into_iter().enumerate();
    let read = written.map(|(index, condition)| {
        let wrong = |message: &'static str| ConfigError::new(format!("{path}[{index}]"), message);
        let Written { header, cookie, query, response_header, value } = condition;
        let mut parts = [
            header.map(Part::Header),
            cookie.map(Part::Cookie),
            query.map(Part::Query),
            response_header.map(Part::ResponseHeader),
        ]
        .into_iter()
        .flatten();
        match (parts.next(), parts.next()) {
            (Some(Part::ResponseHeader(_)), None) if !of_responses_too => {
                Err(wrong("a request has no response_header: expected header, cookie or query"))
            }
            (Some(part), None) => check_name(&part).map(|()| Condition { part, value }).map_err(wrong),
            _ => Err(wrong("expected exactly one of header, cookie, query and response_header")),
        }
    });
    read.collect()
}

/// What has no name that a field, a cookie or a parameter can have would never be found.
fn check_name(part: &Part) -> Result<(), &'static str> {
    match part {
        Part::Header(name) | Part::ResponseHeader(name) => check_field_names("", std::slice::from_ref(name))
            .map_err(|_| "expected the name of a header field"),
        Part::Cookie(name) | Part::Query(name) if name.is_empty() => Err("expected a name"),
        Part::Cookie(_) | Part::Query(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
