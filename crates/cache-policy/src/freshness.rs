//! How long a response is fresh, and how old it was when it came (RFC 9111 §4.2).

use http_semantics::{Fields, cache_control::Scope, date, delta_seconds, list};

use crate::directives::Directives;
use crate::{RoutePolicy, store};

/// The longest that a heuristic makes a response fresh: a day, in seconds (RFC 9111 §4.2.2).
const HEURISTIC_LIMIT: u64 = 86_400;

/// How old a response was when it came, in seconds (RFC 9111 §4.2.3). `now` is when it came, in Unix seconds.
pub(crate) fn initial_age(response: &(impl Fields + ?Sized), now: u64) -> u64 {
    let apparent_age = now.saturating_sub(date_of(response).unwrap_or(now));
    apparent_age.max(age_of(response))
}

/// How long a response is fresh, counted from when its origin made it, in seconds; none if nothing says so.
pub(crate) fn lifetime(
    status: u16,
    response: &(impl Fields + ?Sized),
    directives: &Directives,
    route: &RoutePolicy,
    now: u64,
) -> Option<u64> {
    let lifetimes = &route.lifetimes;
    let date = date_of(response).unwrap_or(now);
    if directives.cache_control.no_cache == Scope::Whole {
        return Some(0);
    }
    if let Some(seconds) = directives.lifetime(response, date) {
        // What was stale when it came stays so.
        let is_fresh = seconds > initial_age(response, now);
        return Some(if is_fresh { seconds.max(lifetimes.min_ttl_seconds) } else { seconds });
    }
    let by_status = lifetimes.defaults.iter().find(|ttl| (ttl.first..=ttl.last).contains(&status));
    if let Some(ttl) = by_status {
        return Some(ttl.seconds);
    }
    let may_guess =
        lifetimes.heuristic && (store::is_heuristically_cacheable(status) || directives.cache_control.public);
    let modified = response.first("last-modified").and_then(date::parse).filter(|_| may_guess)?;
    Some((date.saturating_sub(modified) / 10).min(HEURISTIC_LIMIT))
}

fn date_of(response: &(impl Fields + ?Sized)) -> Option<u64> {
    response.first("date").and_then(date::parse)
}

/// The Age of the response in seconds. The first member counts, and an invalid one is ignored (RFC 9111 §5.1).
fn age_of(response: &(impl Fields + ?Sized)) -> u64 {
    list::members(response, "age").next().and_then(delta_seconds::parse).unwrap_or(0)
}
