//! Paths, header names and query parameters of the companion's HTTP interface.

/// `GET` looks a response up, `PUT` stores one.
pub const RESPONSES_PATH: &str = "/v1/responses";
/// `POST` invalidates, `GET` is the long poll for the log's records.
pub const INVALIDATIONS_PATH: &str = "/v1/invalidations";
/// `POST` takes the lease of a key, `DELETE` releases it.
pub const LEASES_PATH: &str = "/v1/leases";
/// What is stored, page by page.
pub const ENTRIES_PATH: &str = "/v1/entries";
/// Counts since the companion's start, as JSON.
pub const STATS_PATH: &str = "/v1/stats";
/// `GET` tells how the changes of the database are followed, `POST` voids what query caches read from tables.
pub const QUERY_CACHE_PATH: &str = "/v1/query-cache";
/// 200 while the process lives.
pub const HEALTH_PATH: &str = "/healthz";
/// 200 while the store can be reached.
pub const READY_PATH: &str = "/readyz";
/// Metrics in Prometheus' text format.
pub const METRICS_PATH: &str = "/metrics";

/// Header: the full key of the response looked up or stored.
pub const KEY_HEADER: &str = "slipstream-key";
/// Header: the position that a store after this lookup must carry.
pub const POSITION_HEADER: &str = "slipstream-position";
/// Header of a lookup's answer, then `1`: a soft invalidation has hit the entry, which may be served only as stale.
pub const STALE_HEADER: &str = "slipstream-stale";
/// Header: how long to keep the stored response, in milliseconds.
pub const TTL_HEADER: &str = "slipstream-ttl-ms";

/// Header: how long the asker means to hold the lease of a key, in milliseconds. A lookup with it is told who fetches.
pub const LEASE_MS_HEADER: &str = "slipstream-lease-ms";
/// Header of a lookup: how long to wait for what another fetches, in milliseconds.
pub const WAIT_MS_HEADER: &str = "slipstream-wait-ms";
/// Header: the lease of a key, as 16 hexadecimal digits. Whoever asks for one names it, so that it can be released although
/// the answer was lost.
pub const LEASE_HEADER: &str = "slipstream-lease";
/// Header of a lease's release: how long lookups are told to fetch without waiting, in milliseconds.
pub const PASS_MS_HEADER: &str = "slipstream-pass-ms";
/// Header of a lookup's answer: who fetches what may not be served fresh.
pub const FETCH_HEADER: &str = "slipstream-fetch";
/// [`FETCH_HEADER`]: the asker fetches, and holds the lease that [`LEASE_HEADER`] names.
pub const FETCH_LEAD: &str = "lead";
/// [`FETCH_HEADER`]: another fetches, and can be waited for.
pub const FETCH_WAIT: &str = "wait";
/// [`FETCH_HEADER`]: the asker fetches, and so does everyone.
pub const FETCH_PASS: &str = "pass";
/// The longest lease, wait or pass, in milliseconds.
pub const MAX_LEASE_MS: u64 = 60_000;

/// Query parameter of the long poll: who asks.
pub const FOLLOWER_PARAMETER: &str = "follower";
/// Query parameter of the long poll: the position the follower has read to, which it thereby confirms.
pub const AFTER_PARAMETER: &str = "after";
/// Query parameter of the long poll: how long to wait for a record, in milliseconds.
pub const WAIT_PARAMETER: &str = "wait_ms";

/// The media type of an envelope.
pub const ENVELOPE_MEDIA_TYPE: &str = "application/octet-stream";

/// The longest key, tag or prefix that can be invalidated, in bytes: the log's memory is bounded by this times its
/// capacity. So nothing may be stored under a longer key.
pub const MAX_TARGET_BYTES: usize = 8 << 10;

/// Header of any request: the trace it belongs to (W3C Trace Context), as the client's request had it.
pub const TRACEPARENT_HEADER: &str = "traceparent";
