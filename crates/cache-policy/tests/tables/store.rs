//! What may be stored, and for how long (RFC 9111 §3, §4.2, §5).

use cache_policy::{
    Policy, RoutePolicy,
    store::{self, NotStored, Storable},
};

use crate::{Lines, test};

mod content;
mod credentials;
mod directives;
mod freshness;
mod heuristic;
mod status;

/// Sun, 06 Nov 1994 08:49:37 GMT, and a little.
const NOW_MS: u64 = 784_111_777_500;
const NOW: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
const MAX_AGE: (&str, &str) = ("cache-control", "max-age=600");
const ETAG: (&str, &str) = ("etag", "\"a\"");

fn decide(
    request: Lines,
    status: u16,
    response: &[(&str, &str)],
    route: &RoutePolicy,
) -> Result<Storable, NotStored> {
    store::decide(request, status, response, &Policy::default(), route, NOW_MS)
}

/// Lifetime and initial age in seconds.
type Seconds = Result<(u64, u64), NotStored>;

fn seconds(decided: Result<Storable, NotStored>) -> Seconds {
    decided.map(|storable| (storable.freshness_lifetime_ms / 1000, storable.initial_age_ms / 1000))
}

#[test]
fn reasons_are_stable_words() {
    use NotStored::*;
    let reasons = [
        Status,
        Partial,
        SetCookie,
        NoStore,
        Private,
        NoCache,
        ContentType,
        Condition,
        Vary,
        Credentials,
        NoFreshness,
        Stale,
    ];
    assert_eq!(
        reasons.map(NotStored::as_str).join(" "),
        "status partial set-cookie no-store private no-cache \
        content-type condition vary credentials no-freshness stale"
    );
}

#[test]
fn times_to_live() {
    let storable =
        |lifetime, age| Storable { freshness_lifetime_ms: lifetime, initial_age_ms: age, vary: Vec::new() };
    for (lifetime, age, ttl) in [(600_000, 60_000, 540_000), (60, 60, 0), (0, 60, 0), (u64::MAX, 0, u64::MAX)]
    {
        assert_eq!(storable(lifetime, age).ttl_ms(), ttl, "§4.2 {lifetime} {age}");
    }
}
