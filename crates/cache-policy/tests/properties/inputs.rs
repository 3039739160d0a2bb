//! Messages and routes of all kinds.

use cache_policy::{RoutePolicy, StatusTtl};
use proptest::{collection::vec, prelude::*, sample::select};

/// Field lines of one message.
pub type Owned = Vec<(&'static str, Vec<u8>)>;

const NAMES: [&str; 22] = [
    "accept-encoding",
    "age",
    "authorization",
    "cache-control",
    "cache-control",
    "cdn-cache-control",
    "connection",
    "content-encoding",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expires",
    "if-modified-since",
    "if-none-match",
    "last-modified",
    "pragma",
    "set-cookie",
    "vary",
    "x-api-key",
    "x-no-compression",
];

/// Fields that mean something to a cache, often with values that do.
pub fn fields() -> impl Strategy<Value = Owned> {
    let piece = select(vec![
        "max-age=60",
        "max-age=",
        "s-maxage=99999999999",
        "s-maxage=0",
        "no-store",
        "no-cache",
        "private",
        "public",
        "must-revalidate",
        "must-understand",
        "proxy-revalidate",
        "stale-if-error=9",
        "\"",
        ",",
        ", ",
        ";",
        "=",
        "no-cache=\"set-cookie\"",
        "private=\"set-cookie\"",
        "=?0",
        "*",
        "gzip",
        "identity;q=0",
        "bytes 0-1/2",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sat, 05 Nov 1994 08:49:37 GMT",
        "5",
        "-1",
        "\"a\"",
        "accept-encoding",
        "\u{e9}",
        "",
    ]);
    let value = prop_oneof![
        3 => piece.clone().prop_map(|piece| piece.as_bytes().to_vec()),
        3 => vec(piece, 0..4).prop_map(|pieces| pieces.join(", ").into_bytes()),
        1 => vec(any::<u8>(), 0..6),
    ];
    vec((select(NAMES.to_vec()), value), 0..8)
}

/// The presets, with lifetimes of all kinds.
pub fn route() -> impl Strategy<Value = RoutePolicy> {
    let presets = select(vec![RoutePolicy::cautious(), RoutePolicy::rfc9111()]);
    let seconds = || prop_oneof![Just(0_u64), Just(100), any::<u64>()];
    (presets, any::<Option<u32>>(), [seconds(), seconds(), seconds()]).prop_map(
        |(mut route, ttl, seconds)| {
            route.lifetimes.defaults.extend(ttl.map(|ttl| StatusTtl {
                first: 200,
                last: 599,
                seconds: ttl.into(),
            }));
            [
                route.lifetimes.min_ttl_seconds,
                route.lifetimes.max_ttl_seconds,
                route.lifetimes.keep_stale_seconds,
            ] = seconds;
            route
        },
    )
}

/// Statuses that are stored, or are not, and any other.
pub fn status() -> impl Strategy<Value = u16> {
    prop_oneof![Just(200), select(vec![206, 226, 302, 304, 404, 416, 500]), any::<u16>()]
}
